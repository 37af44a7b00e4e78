"""A data folder of its own for every test."""

from pathlib import Path

import pytest

from strava_pipeline.lake.paths import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "data")
