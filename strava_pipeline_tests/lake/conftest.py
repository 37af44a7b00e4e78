"""A data folder of its own for every test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import copied

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


@pytest.fixture
def stocked(stock: Lake, untouched: Lake) -> Lake:
    """A copy of what a file's own fixture `stock` made."""
    return copied(stock, untouched)


@pytest.fixture
def published(lake: Lake) -> Iterator[Connection]:
    """The snapshot, open."""
    with snapshot(lake) as connection:
        yield connection
