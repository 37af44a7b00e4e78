"""The worlds of our own providers, by name; what a world has is strava_pipeline/testing/worlds.py's."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.bronze.listings import mark_listings_used
from strava_pipeline.lake.paths import Lake
from strava_pipeline.testing import worlds
from strava_pipeline.testing.worlds import YEARS, World, five, five_on_pages, list_at_strava
from strava_pipeline_tests.providers.subjects import SUBJECTS

__all__ = ["WITH_THE_TOY", "YEARS", "World", "five", "five_on_pages", "list_at_strava", "listed_to_the_end", "world_of"]

WITH_THE_TOY = pytest.mark.parametrize("world", ["toy"], indirect=True)
"""For a test of what all providers share, and no client or record has a part in."""


def world_of(name: str, folder: Path, patch: pytest.MonkeyPatch) -> AbstractContextManager[World]:
    """The provider `name`, running, and an empty data folder in `folder`."""
    return worlds.world_of(SUBJECTS[name](patch), folder, patch)


def listed_to_the_end(world: World, mode: Any, *, per_page: int = 2) -> None:
    """List as a run that ended well; the next one merges what came together with its own."""
    world.listed(mode, per_page=per_page)
    mark_listings_used(Lake(world.settings.data_dir), f"run-{world.runs}")
