"""The fixtures of the lake."""

from strava_pipeline_tests.lake.conftest import lake, module_lake, published, stocked, untouched

__all__ = ["lake", "module_lake", "published", "stocked", "untouched"]
