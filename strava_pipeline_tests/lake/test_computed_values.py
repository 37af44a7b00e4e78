"""What is computed of tracks fills what no source says, in all that counts, marked; what sources say stays as they say it."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.tables import MATCH_TABLES, TRACKS
from strava_pipeline.lake.gold.efforts import effort_facts, efforts
from strava_pipeline.lake.gold.matches import match_activities
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import Connection, reading, transaction
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import matching_statement
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.lake.test_track_measures import START, measured
from strava_pipeline_tests.lake.test_user_views import ask

pytestmark = pytest.mark.slow

SILENT: dict[str, Any] = {"moving_time": None, "total_elevation_gain": None, "elapsed_time": 2000}


def climbed(lake: Lake, activity_id: int, *columns: str) -> None:
    """An hour at 8 m/s and 200 W up a hill of 300 m, with a stop of 10 minutes. `columns`: what alone was recorded."""
    seconds = pl.int_range(4200, eager=True)
    stood = (seconds - 1800).clip(0, 600)
    points = pl.DataFrame(
        {
            "recorded_at": pl.select(
                pl.lit(START, pl.Datetime("us", "UTC")) + pl.duration(seconds=seconds)
            ).to_series(),
            "watts": [200.0] * 4200,
            "distance": 8.0 * (seconds - stood),
            "altitude": 500 + (seconds - stood) / 12.0,
        }
    )
    assert set(points.columns) < set(TRACKS.polars_schema)
    points = points.select(*(columns or points.columns))
    write_track(lake, 2025, activity_id, ME, "file", [points], f"file:{activity_id}:")


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Rides with tracks: of 1 nothing is said, of 2 all, of 3 that its power is estimated; of 4 only the altitude
    was recorded; of 5 there is no track."""
    lake = module_lake
    put(
        lake,
        [
            activity(1, "2025-05-01T08:00", **SILENT | {"elapsed_time": 4200}, source="file"),
            activity(2, "2025-05-02T08:00", max_speed=15.0, weighted_average_watts=240.0, device_watts=True),
            activity(3, "2025-05-03T08:00", **SILENT, device_watts=False),
            activity(4, "2025-05-04T08:00", **SILENT, max_speed=-1.0),
            activity(5, "2025-05-05T08:00", **SILENT),
        ],
    )
    put(lake, [{"athlete_id": ME, "ftp": 200.0, "fetched_at": "2024-01-01"}], "athlete")
    for number in (1, 2, 3):
        climbed(lake, number)
    climbed(lake, 4, "recorded_at", "altitude")
    measured(lake, 2025)
    return lake


@pytest.mark.dear
def test_what_no_source_says_is_computed_and_named(stocked: Lake) -> None:
    publish(stocked)
    query = (
        "SELECT moving_time_seconds, round(elevation_gain_m), round(max_speed, 1), round(weighted_average_watts), "
        "round(training_stress), computed FROM counted_activities ORDER BY activity_id"
    )
    every = ["moving_time_seconds", "elevation_gain_m", "max_speed", "weighted_average_watts"]
    one, two, three, four, five = ask(stocked, query)
    assert one == (pytest.approx(3600, abs=10), pytest.approx(300, abs=2), 8.0, 200, 100, every)
    assert two == (3600, 150, 15.0, 240, 144, None)
    assert three[0] == 2000, "a moving time is never longer than the time from start to end"
    assert three[1:] == (one[1], 8.0, 200, None, every), "estimated power makes no training stress"
    assert four == (2000, one[1], None, None, None, ["elevation_gain_m"]), (
        "what nothing tells of motion lasts from start to end"
    )
    assert five == (2000, None, None, None, None, None)
    speeds = [20_000 / 3600, 20_000 / 3600, 10.0, 10.0, 10.0]
    for table in ("activity_list ORDER BY id", "activity_sums ORDER BY activity_id"):
        assert [speed for (speed,) in ask(stocked, f"SELECT average_speed FROM {table}")] == speeds


def test_totals_and_records_count_it(stocked: Lake) -> None:
    publish(stocked)
    ((time, climb, stress),) = ask(
        stocked, "SELECT moving_time_seconds, elevation_gain_m, training_stress FROM totals_by_year"
    )
    assert (time, climb, stress) == (
        pytest.approx(13_200, abs=10),
        pytest.approx(1050, abs=6),
        pytest.approx(244, abs=1),
    )
    best = ask(stocked, "SELECT record, activity_id, told_by FROM records ORDER BY record")
    assert best == [
        ("biggest_climb", 1, "computed"),
        ("longest_distance", 1, "activity"),
        ("longest_moving_time", 1, "computed"),
    ]


def test_nothing_of_it_is_evidence_that_two_are_one(stocked: Lake) -> None:
    def seen(connection: Connection) -> list[Any]:
        with transaction(connection):
            match_activities(connection, stocked)
        queries = (matching_statement(), *(f"FROM {name}" for name in MATCH_TABLES))
        return [sorted(connection.execute(each).fetchall(), key=repr) for each in queries]

    assert_same_when_published(stocked, seen)


def test_nothing_of_it_is_proposed_to_a_service_or_a_table(stocked: Lake) -> None:
    def seen(connection: Connection) -> list[Any]:
        cells = effort_facts(connection, stocked, ["1", "2", "3", "4", "5"], frozenset()).cells
        assert [cells[key]["total_elevation_gain"] for key in sorted(cells)] == [None, 150, None, None, None]
        return [cells, list(efforts(connection, ["2025-05"], {"strava": None}))]

    assert_same_when_published(stocked, seen)


def test_tables_of_what_sources_say_stay_as_they_are(stocked: Lake) -> None:
    def seen(connection: Connection) -> list[Any]:
        names = ("activities_all", "activities", "gold.activities")
        return [connection.execute(f"FROM {name} ORDER BY id").fetchall() for name in names]

    assert_same_when_published(stocked, seen)


def assert_same_when_published(lake: Lake, seen: Callable[[Connection], Any]) -> None:
    with reading(lake) as connection:
        before = seen(connection)
    publish(lake)
    with reading(lake) as connection:
        assert connection.execute("SELECT count(*) FROM activity_sums WHERE computed IS NOT NULL").fetchall() == [(3,)]
        assert seen(connection) == before
