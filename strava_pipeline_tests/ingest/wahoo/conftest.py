"""The fixtures of the contract, for what only this source has."""

from strava_pipeline_tests.providers.conftest import type_in, type_on, world

__all__ = ["type_in", "type_on", "world"]
