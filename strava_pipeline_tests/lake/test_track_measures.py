"""lake.made.track_measures: what is computed of tracks is computed once, follows them, and answers the documents' queries."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.made.track_measures import due_tracks, measure_tracks
from strava_pipeline.lake.made.tracks import track_path, write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.documents import REPO, queries_in
from strava_pipeline_tests.lake.insight_rows import activity, put

pytestmark = pytest.mark.slow

START = datetime(2025, 5, 1, 6, tzinfo=UTC)


def tracked(lake: Lake, activity_id: int, watts: float, year: int = 2025, seconds: int = 600, origin: str = "") -> None:
    """A track of 4 m/s at that power."""
    clock = range(seconds + 1)
    points = pl.DataFrame(
        {
            "recorded_at": [START + timedelta(seconds=second) for second in clock],
            "watts": [watts for _ in clock],
            "heartrate": [watts / 2 for _ in clock],
            "distance": [4.0 * second for second in clock],
            "latitude": [47.0 + second * 4 / 111_195 for second in clock],
            "longitude": [11.0 for _ in clock],
        },
        schema_overrides={"recorded_at": pl.Datetime("us", "UTC")},
    )
    write_track(lake, year, activity_id, 77, "file", [points], f"file:{activity_id}:{origin}")


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Four activities with tracks of two years, of which one is measured."""
    lake = module_lake
    put(
        lake,
        [
            activity(1, "2025-05-01T08:00", sport_type="Ride"),
            activity(2, "2025-06-01T08:00", sport_type="Run"),
            activity(3, "2024-06-01T08:00", sport_type="Ride", device_watts=True),
            activity(4, "2025-07-01T08:00", sport_type="Ride", device_watts=False),
        ],
    )
    for activity_id, watts, year in ((1, 200.0, 2025), (2, 100.0, 2025), (3, 250.0, 2024), (4, 400.0, 2025)):
        tracked(lake, activity_id, watts, year)
    measured(lake, 2025)
    return lake


def measured(lake: Lake, *years: int) -> dict[int, list[int]]:
    """What was due: by year the tracks that were measured."""
    with reading(lake) as connection:
        due = due_tracks(lake, connection, years)
    for each in due:
        measure_tracks(lake, each)
    return {each.year: sorted(each.stale) for each in due}


def best(lake: Lake, table: str = "curves") -> dict[int, int]:
    """Rows of each activity."""
    path = lake.data_dir / table / "**" / "*.parquet"
    return dict(duckdb.sql(f"SELECT activity_id, count(*) FROM '{path}' GROUP BY 1 ORDER BY 1").fetchall())


def changed(lake: Lake, statement: str) -> None:
    with writing(lake) as connection:
        connection.execute(statement)


@pytest.mark.dear
def test_each_track_is_measured_once_and_again_when_it_changed(stocked: Lake) -> None:
    powers, paces = 9, 4  # 5 s to 600 s, and a minute of the heart rate; of the run 400 m to 1 mile
    assert best(stocked) == {1: powers, 2: powers + paces, 3: powers, 4: powers}
    assert best(stocked, "value_seconds") == {1: 2, 2: 2, 3: 2, 4: 2}
    assert measured(stocked, 2024, 2025) == {}
    tracked(stocked, 1, 300.0, origin="better")
    assert measured(stocked, 2024, 2025) == {2025: [1]}
    changed(stocked, "UPDATE activities_all SET sport_type = 'Yoga' WHERE id = 2")
    assert measured(stocked, 2025) == {2025: [2]}
    assert best(stocked) == dict.fromkeys((1, 2, 3, 4), powers)


def test_the_heat_map_counts_activities_by_group_and_follows_what_counts(stocked: Lake) -> None:
    def heat(year: int) -> list[tuple[str, int, int, int]]:
        path = stocked.data_dir / "heat_cells" / f"year={year}" / "*.parquet"
        query = "SELECT sport_group, athlete_id, activities, count(*) > 150 FROM '{}' GROUP BY ALL ORDER BY ALL"
        return duckdb.sql(query.format(path)).fetchall()

    def tiles(year: int) -> list[tuple[int, int]]:
        """By scale, the most activities in a tile of rides."""
        path = stocked.data_dir / "heat_tiles" / f"year={year}" / "*.parquet"
        query = "SELECT zoom, max(activities) FROM '{}' WHERE sport_group = 'ride' GROUP BY zoom ORDER BY zoom"
        return duckdb.sql(query.format(path)).fetchall()

    assert tiles(2025) == [(zoom, 2) for zoom in (10, 12, 14, 16, 18, 20)], "an activity counts once in a tile"
    assert heat(2024) == [("ride", 77, 1, True)]
    (stocked.data_dir / "heat_tiles" / "year=2024" / "heat_tiles.parquet").unlink()
    assert measured(stocked) == {2024: []}, "tiles follow from cells: no track is measured for them"
    assert (tiles(2024), measured(stocked)) == ([(zoom, 1) for zoom in (10, 12, 14, 16, 18, 20)], {})
    assert heat(2025) == [("ride", 77, 2, True), ("run", 77, 1, True)]
    changed(stocked, "UPDATE activities_all SET deleted_at = now() WHERE id = 4")
    changed(stocked, "UPDATE activities_all SET athlete_id = 8 WHERE id = 2")
    assert measured(stocked, 2025) == {2025: [2, 4]}
    assert heat(2025) == [("ride", 77, 1, True), ("run", 8, 1, True)]
    assert best(stocked, "track_cells").keys() == {1, 2, 3, 4}
    changed(stocked, "UPDATE activities_all SET sport_type = 'VirtualRide' WHERE id = 1")
    assert (measured(stocked, 2025), heat(2025)) == ({2025: [1]}, [("run", 8, 1, True)]), "it is of another world"
    assert best(stocked).keys() - {1} == best(stocked, "track_cells").keys() == best(stocked, "way_cells").keys()


def test_rows_leave_with_their_track_in_any_year(stocked: Lake) -> None:
    track_path(stocked, 2024, 3).unlink()
    track_path(stocked, 2025, 4).unlink()
    tracked(stocked, 5, 200.0, 2023)
    assert measured(stocked) == {2023: [5], 2024: [], 2025: []}
    assert best(stocked).keys() == best(stocked, "value_seconds").keys() == {1, 2, 5}
    assert measured(stocked) == {}


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None])
def test_damaged_files_are_made_again_and_damaged_tracks_are_left_out(stocked: Lake, content: bytes | None) -> None:
    expected = best(stocked)
    path = stocked.data_dir / "curves" / "year=2025" / "curves.parquet"
    path.unlink() if content is None else path.write_bytes(content)
    assert measured(stocked) == {2025: [1, 2, 4]}
    assert best(stocked) == expected
    tracked(stocked, 2, 150.0, origin="other")
    whole = bytearray(track_path(stocked, 2025, 2).read_bytes())
    whole[4:400] = bytes(396)  # the footer stays
    track_path(stocked, 2025, 2).write_bytes(whole)
    assert measured(stocked, 2025) == {2025: [2]}
    assert best(stocked).keys() == {1, 3, 4}


def test_the_queries_of_the_documents_find_the_best_and_the_time_in_zones(
    stocked: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = "heartrate_zones = [60, 200]\nftp = { ride = 210, run = 200 }"
    (tmp_path / "goals.toml").write_text(f"[[athlete]]\nsince = 2025-01-01\n{thresholds}")
    publish(stocked)
    monkeypatch.chdir(tmp_path)
    (text,) = (each for each in queries_in(REPO / "docs" / "insights-reference.md") if "data/value_seconds" in each)
    with snapshot(stocked) as connection:
        answers = [connection.execute(each).fetchall() for each in re.split(r"(?<=;)\n", text.strip())]
    zones, heat = answers
    with snapshot(stocked) as connection:
        power = connection.execute(
            "SELECT watts, activity_id, local_year FROM power_bests WHERE seconds = 600 AND all_time ORDER BY watts DESC"
        ).fetchall()
        pace = connection.execute(
            "SELECT record, value FROM records WHERE sport_group = 'run' AND record LIKE 'fastest%'"
        ).fetchall()
    assert power == [(250, 3, 2024), (100, 2, 2025)], "of rides and of runs; estimated power is left out"
    assert ("fastest_400m", 100) in pace
    hours = pytest.approx(601 / 3600)
    powers = [row for row in zones if row[1] == "watts"]
    # 200 W of 210 and 100 of 200: 95 and 50 %; without estimated power
    assert powers == [("ride", "watts", 4, hours), ("run", "watts", 1, hours)]
    assert ("run", "heartrate", 1, hours) in zones
    assert {row[2] for row in heat} == {3}  # rides of both years
