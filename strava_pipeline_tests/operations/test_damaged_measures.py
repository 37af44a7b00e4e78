"""Files of values made from tracks are made anew where a run finds that their rows, not their ends, are damaged."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.made.track_measures import MEASURED
from strava_pipeline.lake.made.tracks import track_path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.lake.bronze import copied
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import activity, put
from strava_pipeline_tests.lake.test_track_measures import tracked

pytestmark = [pytest.mark.slow, pytest.mark.dear]

FOLLOWING = ("tile_visits", "route_members")


@pytest.fixture(scope="module")
def stock(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two rides of one year, measured, and one of the year before."""
    lake = new_lake(tmp_path_factory.mktemp("damaged") / "data")
    put(lake, [activity(each, f"{2025 - each // 3}-05-0{each}T08:00", sport_type="Ride") for each in (1, 2, 3)])
    for each in (1, 2, 3):
        tracked(lake, each, 200.0, 2025 - each // 3)
    measured(lake)
    return lake


def measured(lake: Lake) -> None:
    """As a run of this year."""
    settings = Settings.load(_env_file=None, data_dir=lake.data_dir, first_year=2024)
    make_tracks(context_without_run(settings), [2025])


def hole(path: Path) -> None:
    """Damage the rows; the end, which names them, stays."""
    whole = path.read_bytes()
    rows = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    path.write_bytes(whole[:4] + bytes(rows - 4) + whole[rows:])


def made(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    names = [*(table.name for table in MEASURED), *FOLLOWING]
    files = {name: sorted((lake.data_dir / name).glob("*/*.parquet")) for name in names}
    return {name: [row for path in paths for row in pl.read_parquet(path).to_dicts()] for name, paths in files.items()}


def test_whichever_file_is_damaged_the_next_run_ends_with_the_same_rows(
    stock: Lake, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = copied(stock, Lake(tmp_path / "whole"))
    tracked(whole, 2, 300.0, origin="other")
    measured(whole)
    expected = made(whole)
    assert {name for name, rows in expected.items() if rows} == {*expected} - {"cut_summaries"}
    for name in (name for name, rows in expected.items() if rows):
        lake = copied(stock, Lake(tmp_path / name))
        path = lake.data_dir / name / "year=2025" / f"{name}.parquet"
        hole(path)
        tracked(lake, 2, 300.0, origin="other")
        caplog.clear()
        measured(lake)
        assert made(lake) == expected, name
        said = [each.getMessage() for each in caplog.records if "can't be read" in each.getMessage()]
        assert said in ([], [f"{path} can't be read. It is deleted, and made anew."]), "what follows whole is not read"


def test_a_damaged_track_is_deleted_so_that_it_is_made_again(stock: Lake, tmp_path: Path) -> None:
    lake = copied(stock, Lake(tmp_path / "data"))
    tracked(lake, 2, 300.0, origin="other")
    hole(track_path(lake, 2025, 2))
    measured(lake)
    assert not track_path(lake, 2025, 2).exists()
