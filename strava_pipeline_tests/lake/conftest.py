"""A data folder of its own for every test."""

from collections.abc import Callable
from pathlib import Path

import pytest

from strava_pipeline.lake.paths import Lake

NewLake = Callable[[Path], Lake]


@pytest.fixture(scope="module")
def module_lake(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The same for all tests of a file: for what they copy."""
    return new_lake(tmp_path_factory.mktemp("module") / "data")


@pytest.fixture
def lake(new_lake: NewLake, tmp_path: Path) -> Lake:
    """A lake with an empty warehouse and nothing else."""
    return new_lake(tmp_path / "data")


@pytest.fixture
def untouched(tmp_path: Path) -> Lake:
    """A lake that nobody has opened: without any file."""
    return Lake(tmp_path / "data")
