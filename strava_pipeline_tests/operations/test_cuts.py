"""A cut changes at once everything that follows from a track, and leaves nothing behind once it is taken back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.corrections import Edit
from strava_pipeline.lake.gold.measured import note_unmeasured
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.cut_tracks import counted_track, with_cut
from strava_pipeline.lake.made.tracks import track_path, write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.bests import correct
from strava_pipeline.operations.tracking import LOCK, measure_what_was_said
from strava_pipeline_tests.core.test_cuts import START, track
from strava_pipeline_tests.lake.bronze import copied
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put

pytestmark = pytest.mark.slow

LOCAL = START.replace(tzinfo=None) + timedelta(hours=2)
ASKED = (
    "SELECT distance, moving_time, elapsed_time, suffer_score, start_date, start_date_local, average_speed FROM activities WHERE id = 1",
    "SELECT record, value, told_by FROM activity_bests WHERE activity_id = 1 ORDER BY ALL",
    "SELECT measure, width, value FROM track_bests WHERE activity_id = 1 ORDER BY ALL",
    "SELECT segment_id FROM segment_history ORDER BY ALL",
    "SELECT activity_list.distance, calories FROM activity_list JOIN activity_details ON activity_id = id WHERE id = 1",
)


@pytest.fixture(scope="module")
def stock(new_lake: NewLake, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A run of an hour, 5 m each second, with a best effort, and with a segment at minute 5 and one at minute 40."""
    lake = new_lake(tmp_path_factory.mktemp("cuts") / "data")
    run = activity(1, "2024-05-01T10:00", sport_type="Run", suffer_score=50.0)
    put(lake, [{**run, "start_date_local": LOCAL}, activity(2, "2024-05-02T08:00")])
    put(lake, [{"activity_id": 1, "effort_index": 1, "distance": 5000.0, "elapsed_time": 900}], "activity_best_efforts")
    put(lake, [{"activity_id": 1, "source": "strava", "calories": 643.0}], "activity_details")
    segments = [
        {"activity_id": 1, "effort_index": after, "segment_id": after, "elapsed_time": 60}
        | {"start_date": START + timedelta(minutes=after)}
        for after in (5, 40)
    ]
    put(lake, segments, "activity_segment_efforts")
    points = track(3600).drop("activity_id", "athlete_id", "source", "part", "point")
    write_track(lake, 2024, 1, ME, "file", [points], "file:1")
    measured(lake)
    return lake


@pytest.fixture
def lake(stock: Lake, tmp_path: Path) -> Lake:
    return copied(stock, Lake(tmp_path / "data"))


def measured(lake: Lake) -> None:
    """Measure what is new or gone, as a run over the year does, and publish."""
    publish(lake)
    with writing(lake) as connection:
        note_unmeasured(connection, [1])
    measure_what_was_said(lake)
    publish(lake)


@pytest.fixture
def settings(lake: Lake, tmp_path: Path) -> Settings:
    return Settings.load(_env_file=None, data_dir=lake.data_dir, secrets_dir=tmp_path / "secrets")


def shown(lake: Lake) -> list[list[tuple[Any, ...]]]:
    with snapshot(lake) as connection:
        return [connection.execute(query).fetchall() for query in ASKED]


def cuts(lake: Lake, begins: float | None, ends: float | None, activity_id: int = 1) -> list[str]:
    with snapshot(lake) as connection:
        return with_cut(connection, lake, 2024, activity_id, begins, ends)


@pytest.mark.dear
def test_everything_follows_a_cut_and_its_undo(lake: Lake, settings: Settings) -> None:
    before, whole = shown(lake), track_path(lake, 2024, 1).read_bytes()
    assert ("fastest_5k", 900.0, "best_effort") in before[1]
    assert correct(settings, [1], Edit({"cuts": cuts(lake, None, 600)}), "a test").is_seen
    assert correct(settings, [1], Edit({"cuts": cuts(lake, 3000 - 600, None)}), "a test").is_seen, (
        "counted from the new start"
    )
    (values, bests, curves, segments, listed) = shown(lake)
    begins = START + timedelta(minutes=10)
    assert values == [(12_000.0, 2400, 2400, None, begins, LOCAL + timedelta(minutes=10), 5.0)]
    assert ("fastest_5k", 1000.0, "track") in bests, "not the service's, which may hold what was cut"
    assert ("longest_distance", 12_000.0, "activity") in bests
    assert max(width for measure, width, _ in curves if measure == "pace") == 10_000
    assert (segments, listed) == ([(40,)], [(12_000.0, None)]), "the energy is of the whole"
    assert track_path(lake, 2024, 1).read_bytes() == whole
    assert pl.read_parquet(counted_track(lake, 2024, 1)).height == 2401
    assert correct(settings, [1], Edit({"distance": 9_000.0}), "a test").is_seen
    assert (*shown(lake)[0][0][:2], shown(lake)[0][0][-1]) == (9_000.0, 2400, 3.75), (
        "what is typed in stands before what is computed"
    )
    assert correct(settings, [1], Edit({"cuts": None, "distance": None}), "a test").is_seen
    assert shown(lake) == before
    assert counted_track(lake, 2024, 1) == track_path(lake, 2024, 1)


@pytest.mark.dear
def test_what_a_track_is_measured_by_follows_a_sport(lake: Lake, settings: Settings) -> None:
    assert correct(settings, [1], Edit({"sport_type": "Ride"}), "a test").is_seen
    assert max(width for measure, width, _ in shown(lake)[2] if measure == "pace") == 10_000
    assert "fastest_half_marathon" not in {record for record, *_ in shown(lake)[1]}


@pytest.mark.dear
def test_a_cut_said_while_a_run_measures_follows_with_the_next_one(lake: Lake, settings: Settings) -> None:
    wanted = cuts(lake, None, 600)
    with locked(lake, LOCK), ThreadPoolExecutor(1) as another:
        assert not another.submit(correct, settings, [1], Edit({"cuts": wanted}), "a test").result().is_seen
    assert shown(lake)[0][0][0] == 20_000.0
    measure_what_was_said(lake)
    publish(lake)
    assert shown(lake)[0][0][0] == 14_995.0


@pytest.mark.dear
def test_a_cut_goes_with_its_track(lake: Lake, settings: Settings) -> None:
    assert correct(settings, [1], Edit({"cuts": cuts(lake, None, 600)}), "a test").is_seen
    track_path(lake, 2024, 1).unlink()
    measured(lake)
    assert not [*lake.cut_tracks.rglob("*.parquet")]
    assert shown(lake)[0][0][0] == 20_000.0


@pytest.mark.dear
def test_what_is_deleted_here_is_in_nothing_until_it_is_taken_back(lake: Lake, settings: Settings) -> None:
    before = shown(lake)
    assert correct(settings, [1], Edit({"deleted": True}), "a test").is_seen
    with reading(lake) as connection:
        asked = {"source": "strava", "years": [2024]}
        wanted = [
            connection.execute(sql("wanted_details"), asked).fetchall(),
            connection.execute(sql("streamable"), {**asked, "sports": None}).fetchall(),
        ]
    assert [[row[0] for row in rows] for rows in wanted] == [[2], [2]], "no call is made for it"
    assert [place for place, rows in enumerate(shown(lake)) if rows] == [2], "track_bests; views take what counts"
    assert correct(settings, [1], Edit({"deleted": None}), "a test").is_seen
    assert shown(lake) == before


@pytest.mark.parametrize(
    ("activity_id", "begins", "ends", "why"),
    [
        (2, None, 60, "no track"),
        (1, 4000, 5000, "outside"),
        (1, 10.2, 10.8, "outside"),
        (1, None, 3599, "leaves nothing"),
        (1, None, None, "all of"),
        (1, 60, 50, "after it begins"),
    ],
)
def test_a_cut_that_cannot_be_is_refused(
    stock: Lake, activity_id: int, begins: float | None, ends: float | None, why: str
) -> None:
    with pytest.raises(MisuseError, match=why):
        cuts(stock, begins, ends, activity_id)
