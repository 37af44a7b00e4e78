"""What holds for every provider of ours and for the toy: the contract that strava_pipeline/testing publishes."""

import pytest

from strava_pipeline.testing import ProviderContract, World

pytestmark = pytest.mark.slow


class TestEveryProvider(ProviderContract):
    @pytest.fixture
    def world(self, world: World) -> World:
        """Of each subject in turn."""
        return world
