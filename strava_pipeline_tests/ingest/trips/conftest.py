"""The odd trips in each kind of source, and a PostgreSQL server that is started once."""

from collections.abc import Iterator

import pytest

from strava_pipeline_tests import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with postgres.started() as running:
        yield running


@pytest.fixture
def database(server: postgres.Server) -> str:
    """The URL of an empty PostgreSQL database."""
    return server.new_database()
