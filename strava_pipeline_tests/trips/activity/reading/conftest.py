"""The odd trips in each kind of source."""

import pytest

from strava_pipeline_tests import postgres


@pytest.fixture
def database(server: postgres.Server) -> str:
    """The URL of an empty PostgreSQL database."""
    return server.new_database()
