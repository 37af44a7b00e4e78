"""The fixtures of the lake, of typed commands and of a router, for the systems beside activities."""

from strava_pipeline_tests.lake.conftest import lake, module_lake, untouched
from strava_pipeline_tests.osrm import osrm_server
from strava_pipeline_tests.verbs.conftest import type_in, type_on

__all__ = ["lake", "module_lake", "osrm_server", "type_in", "type_on", "untouched"]  # fixtures
