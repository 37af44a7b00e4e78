"""lookups: what pages and the API show of activities, tracks, fitness, gear and records, each out of a published warehouse."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.personal import BestsDecision
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.warehouse import Connection, reading
from strava_pipeline.lake.made.tracks import write_track
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activities import (
    FoundActivity,
    find_activity,
    history_of,
    sources_of,
    whole_activity,
)
from strava_pipeline.lookups.activity_insights import activity_insights
from strava_pipeline.lookups.activity_list import Selection, activity_page
from strava_pipeline.lookups.bests import (
    gear_use,
    owner_of,
    records_of,
    segment_efforts,
    segment_page,
    summary_of,
)
from strava_pipeline.lookups.fitness import (
    Period,
    ZoneBounds,
    best_curves,
    fitness_of,
    load_series,
    time_in_zones,
)
from strava_pipeline.lookups.heat import Box, heat_choices, heat_map
from strava_pipeline.lookups.rows import Cursor, CursorError
from strava_pipeline.lookups.track_points import MOST_POINTS, TrackPoints, thinned, track_points
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import ME, activity, put
from strava_pipeline_tests.lake.test_track_measures import measured

HOSTILE = '<b>Up</b> \u202ethe hill 🚵 "Übung"'
START = datetime(2025, 5, 1, 6, tzinfo=UTC)
NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)
OF_2025 = Period(date(2025, 1, 1), date(2025, 12, 31))
GOALS = """
[[athlete]]
since = 2020-01-01
ftp = 200
threshold_heartrate = 160
weight_kg = 75

[service."Domane".chain]
every_km = 30
"""
PHOTO = "ab" * 32


def points(seconds: list[float], **columns: list[float | None]) -> pl.DataFrame:
    """Points of one session, so many seconds after START."""
    moments = [START + timedelta(seconds=second) for second in seconds]
    return pl.DataFrame({"recorded_at": moments, **columns}, schema_overrides={"recorded_at": pl.Datetime("us", "UTC")})


def of_track(seconds: list[float], **columns: list[float | None]) -> pl.DataFrame:
    """The points as a track has them, with all columns."""
    others = ("distance", "latitude", "longitude", "altitude", "speed", "heartrate", "watts", "cadence", "temperature")
    return points(seconds, **columns).with_columns(
        part=pl.lit(0),
        point=pl.int_range(pl.len()),
        **{name: pl.lit(None, pl.Float64) for name in others if name not in columns},
    )


def shown_on_a_screen(folder: Path, track: pl.DataFrame) -> TrackPoints:
    track.write_parquet(folder / "track.parquet")
    found = thinned(duckdb.connect(), folder / "track.parquet")
    assert found is not None
    return found


def tracked(lake: Lake, activity_id: int, watts: float, *, pause: int = 0) -> None:
    """600 s at 4 m/s, and after a pause as much again."""
    clock = [*range(601), *((range(601 + pause, 1202 + pause)) if pause else ())]
    track = points(
        [float(each) for each in clock],
        watts=[watts] * len(clock),
        heartrate=[None if each == 3 else 150.0 for each in clock],
        distance=[4.0 * each for each in range(len(clock))],
        latitude=[47.0 + each * 4 / 111_195 for each in range(len(clock))],
        longitude=[11.0] * len(clock),
    )
    write_track(lake, 2025, activity_id, ME, "file", [track], f"file:{activity_id}")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Lake:
    made = new_lake(tmp_path_factory.mktemp("shown") / "data")
    made.goals.write_text(GOALS)
    garmin = {"source": "unknown", "source_id": "77 ?", "gear_id": "e1", "name": "Vienna Cycling"}
    rows = [
        activity(1, "2025-05-01T08:00", name=HOSTILE, gear_id="b1", description_of=None),
        activity(2, "2025-05-01T08:00", name="To work", sport_type="Run", gear_id="g1"),
        activity(3, "2024-06-01T23:59", name=None, gear_id="b1", device_watts=True),
        activity(-9, "2025-05-01T08:00", **garmin),
        activity(4, "2025-06-01T08:00", name="Gone", deleted_at=NOW),
    ]
    for row in rows:
        row.pop("description_of", None)
        row.setdefault("source_id", str(row["id"]))
    rows[3]["gear_source"] = "unknown"
    rows[0]["extra"] = '{"archive": {"media": ["media/a.jpg"]}, "exotic": 7}'
    put(made, rows)
    put(made, [{**activity(5, "2025-01-01T08:00", name="Undated"), "start_date": None, "start_date_local": None}])
    texts = ("Gravel", "gravel", " Gravel ")
    written = [
        {**activity(-20 - n, "2025-05-01T08:00"), "extra": f'{{"equipment": "{text}"}}'} for n, text in enumerate(texts)
    ]
    put(
        made,
        [
            {**row, "source": "sheet", "source_id": str(row["id"]), "gear_source": None, "distance": 1.0}
            for row in written
        ],
    )
    members = [{"id": row["id"], "activity_id": 1, "place": 2 + n} for n, row in enumerate(written)]
    put(made, members, "activity_members")
    put(made, [{"id": one, "activity_id": 1, "place": place} for place, one in enumerate((1, -9))], "activity_members")
    put(made, [{"source": "strava", "gear_id": "b1", "name": "Domane"}], "gear")
    put(made, [{"athlete_id": ME, "fetched_at": "2024-01-01"}], "athlete")
    detail = {"activity_id": 1, "description": "long", "photos": '{"count": 2}', "calories": 500.0}
    put(made, [detail], "activity_details")
    put(
        made,
        [{"activity_id": 1, "lap_position": n, "name": f"Lap {n}", "distance": 10_000.0} for n in (2, 1)],
        "activity_laps",
    )
    effort = {"segment_id": 7, "segment_name": "Hill", "effort_index": 1, "segment_distance": 1610.0}
    effort["segment_average_grade"] = 4.2
    put(made, [{"activity_id": n, **effort, "elapsed_time": 100 + n} for n in (1, 3)], "activity_segment_efforts")
    imported = {**rows[0], "source": "strava_archive", "extra": rows[0]["extra"]}
    put(made, [imported], "imported_activities")
    media = {"name": "media/a.jpg", "names": ["export/media/a.jpg"], "role": "media", "size": 5}
    put(made, [{"sha256": PHOTO, **media}, {"sha256": "cd" * 32, **media}], "files")
    kept = made.files / "ab" / PHOTO
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"photo")
    version = {"changed_fields": ["name"], "previous": '{"name": "Ride"}'}
    put(made, [{"activity_id": 1, "version": 2, "valid_from": "2025-05-02", **version}], "activity_history")
    for key in (1, 2):
        tracked(made, key, 210.0 if key == 1 else 150.0, pause=300 if key == 1 else 0)
    measured(made, 2025)
    publish(made)
    return made


@pytest.mark.parametrize(
    "text", ["", "x", "!!!!", "MTox", "é", "MTox=", Cursor(7, 1).text[:-1], f"x{Cursor(7, 1).text}"]
)
def test_what_is_no_cursor_of_a_page_is_refused(text: str) -> None:
    with pytest.raises(CursorError):
        Cursor.parse(text)


def test_each_cursor_that_a_page_gives_is_read_whatever_its_length() -> None:
    """Base64 is padded to a multiple of four; a cursor goes without."""
    made = [Cursor(sign * place, key) for sign in (1, -1) for place in (0, 17) for key in (-1, 5, 20, 200, 2**63 - 1)]
    assert [Cursor.parse(each.text) for each in made] == made


def test_an_activity_has_what_it_nests_and_answers_to_ids_of_all_sources(lake: Lake, published: Connection) -> None:
    found = find_activity(published, -9)
    assert found is not None
    assert (found.id, find_activity(published, 4), find_activity(published, 2**62)) == (1, None, None)
    whole = whole_activity(published, lake, found)
    assert (whole.summary["name"], whole.summary["gear_name"], whole.summary["distance"]) == (HOSTILE, "Domane", 20_000)
    assert whole.summary["start_date"] == datetime(2025, 5, 1, 8, tzinfo=UTC)
    assert whole.summary["extra"]["exotic"] == 7
    assert whole.detail is not None
    assert (whole.detail["description"], whole.detail["photos"]) == ("long", {"count": 2})
    assert {place: lap["name"] for place, lap in whole.parts["laps"].items()} == {1: "Lap 1", 2: "Lap 2"}
    assert whole.photos == {PHOTO: {"name": "media/a.jpg", "size": 5, "is_shown": False}}, "the other isn't on disk"
    assert whole.has_track
    alone = find_activity(published, 3)
    assert alone is not None
    other = whole_activity(published, lake, alone)
    assert (other.detail, other.parts["laps"], other.photos, other.has_track) == (None, {}, {}, False)


def test_sources_of_an_activity_stand_side_by_side_with_links_and_its_history_by_version(published: Connection) -> None:
    sources = sources_of(published, 1)
    assert [(key, said["name"], said["place"]) for key, said in [*sources.items()][:3]] == [
        ("strava:1", HOSTILE, 0),
        ("strava_archive:1", HOSTILE, 0),
        ("unknown:-9", "Vienna Cycling", 1),
    ]
    assert sources["strava:1"]["link"] == "https://www.strava.com/activities/1"
    assert (sources["strava_archive:1"]["link"], sources["unknown:-9"]["link"]) == (None, None)
    versions = history_of(published, 1)
    assert {key: (row["changed_fields"], row["previous"]) for key, row in versions.items()} == {
        (1, 2): (["name"], {"name": "Ride"})
    }
    assert (sources_of(published, 99), history_of(published, 99)) == ({}, {})


def test_a_track_has_gaps_where_nothing_was_recorded(lake: Lake, published: Connection) -> None:
    found = find_activity(published, 1)
    assert found is not None
    track = track_points(published, lake, found)
    assert track is not None
    columns = track.columns
    assert (track.recorded, {len(values) for values in columns.values()}) == (1202, {1203})
    assert {name: values[601] for name, values in columns.items()} == dict.fromkeys(columns)
    assert (columns["time"][600], columns["time"][602]) == (600.0, 901.0)
    assert (columns["heartrate"][2:5], "altitude" in columns) == ([150.0, None, 150.0], False)
    assert columns["latitude"][1] == pytest.approx(47.000036, abs=1e-9)


@pytest.mark.parametrize(
    ("count", "every", "pauses"),
    [(1, 1, 0), (2, 1, 0), (1999, 1, 0), (2000, 1, 0), (2001, 1, 0), (5000, 1, 3), (60_000, 1, 50), (40_000, 30, 1500)],
)
def test_any_track_fits_a_screen_and_keeps_its_sum(tmp_path: Path, count: int, every: int, pauses: int) -> None:
    step = count // (pauses + 1)
    seconds = [
        float(each * every + min(each // step, pauses) * 3600) if pauses else float(each * every)
        for each in range(count)
    ]
    found = shown_on_a_screen(tmp_path, of_track(seconds, watts=[float(each) for each in range(count)]))
    watts, clock = found.columns["watts"], found.columns["time"]
    assert min(count, MOST_POINTS // 3) <= len(watts) <= MOST_POINTS
    assert (clock[0], found.recorded) == (0.0, count)
    assert sum(value is None for value in watts) == min(pauses, 200)
    known = [value for value in clock if value is not None]
    assert known == sorted(known)
    shown = [value for value in watts if value is not None]
    assert sum(shown) / len(shown) == pytest.approx((count - 1) / 2, rel=0.1)


def test_positions_tell_the_way_and_the_speed_that_no_device_told(tmp_path: Path) -> None:
    seconds = [float(each) for each in range(100)]
    north: list[float | None] = [47 + 3 * each / 111_195 for each in seconds]
    north[50] = None
    told = of_track(seconds, latitude=north, longitude=[None if each is None else 11.0 for each in north])
    columns = shown_on_a_screen(tmp_path, told).columns
    assert (columns["distance"][50], columns["distance"][-1]) == (
        pytest.approx(147, abs=0.1),
        pytest.approx(297, abs=0.1),
    )
    assert columns["speed"] == pytest.approx([3.0] * 100, rel=0.12), "a position that is missing moves a tenth"
    device = told.with_columns(distance=pl.Series([2 * each for each in seconds]), speed=pl.lit(1.0))
    columns = shown_on_a_screen(tmp_path, device).columns
    assert (columns["distance"][-1], columns["speed"][-1]) == (198.0, 1.0)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        ([0, 1, 2, 10, 11], [0, 1, 2, 10, 11]),
        ([0, 1, 2, 13, 14], [0, 1, 2, None, 13, 14]),
        ([0, 30, 60, 90, 200], [0, 30, 60, 90, 200]),
        ([0, 30, 60, 90, 290], [0, 30, 60, 90, None, 290]),
    ],
)
def test_a_pause_is_longer_than_ten_seconds_and_than_five_intervals(
    tmp_path: Path, seconds: list[float], shown: list[float | None]
) -> None:
    assert shown_on_a_screen(tmp_path, of_track(seconds)).columns["time"] == shown


def test_a_damaged_or_missing_track_is_none(lake: Lake, published: Connection, tmp_path: Path) -> None:
    found = find_activity(published, 3)
    assert found is not None
    assert track_points(published, lake, found) is None
    broken = Lake(tmp_path / "data").tracks_of(2025) / f"{found.id}.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PAR1 no more")
    assert track_points(published, Lake(tmp_path / "data"), type(found)(found.id, 2025)) is None


@pytest.mark.dear
def test_fitness_comes_out_of_the_warehouse_and_of_what_was_measured(lake: Lake, published: Connection) -> None:
    curves = best_curves(published, ME, OF_2025, "ride")
    best = curves["watts"][5.0]
    assert best.of_all.watts_per_kg == 210 / 75, "by the weight of its day"
    runs = best_curves(published, ME, OF_2025, "run")
    assert runs["pace"][400.0].of_all.watts_per_kg is None
    assert (best.of_all.value, best.of_all.activity_id, best.of_period) == (210.0, 1, best.of_all)
    assert runs["pace"][400.0].of_all.value == pytest.approx(100.0)
    before = Period(date(2020, 1, 1), date(2025, 4, 30))
    assert best_curves(published, ME, before, "ride")["watts"][5.0].of_period is None
    assert best_curves(published, ME, OF_2025, "swim") == {}
    zones = time_in_zones(published, lake, ME, OF_2025, "ride")
    assert zones["watts"]["2025-05"] == {5: 1202.0}, "105 % of the threshold"
    assert time_in_zones(published, lake, ME, Period(date(1999, 1, 1), date(1999, 12, 31)), "ride") == {}
    owner = owner_of(published, lake, NOW, "UTC")
    assert owner is not None
    of_year = fitness_of(published, lake, owner.athlete, 2025, NOW.date())
    assert of_year is not None
    times = {each.zone: (each.bounds, each.seconds, each.share) for each in of_year.zone_times("watts")}
    assert (times[5], times[7][1:]) == ((ZoneBounds(210.0, 240.0, date(2020, 1, 1)), 1202.0, 1.0), (0.0, 0.0))
    assert sum(share for *_, share in times.values()) == 1
    everywhere = heat_map(published, lake, ME, zoom=10)
    assert (everywhere.zoom, everywhere.cells[0][2], heat_map(published, lake, ME, zoom=99).zoom) == (10, 2, 21)
    rides = heat_map(published, lake, ME, sport_group="ride", year=2025)
    assert {most for *_, most in rides.cells} == {1}
    assert heat_map(published, lake, ME, year=2001).cells == ()
    whole = heat_map(published, lake, ME, zoom=21)
    x = whole.cells[-1][0]
    here = Box(x / 2**21 * 360 - 180 + 1e-5, -90, x / 2**21 * 360 - 180 + 1e-5, 90)
    assert {(column, row) for column, row, _ in heat_map(published, lake, ME, zoom=21, box=here).cells} == {
        (column, row) for column, row, _ in whole.cells if column == x
    }
    cells, rest = [], None
    while not cells or rest:
        part = heat_map(published, lake, ME, zoom=21, limit=7, after=rest)
        cells, rest = [*cells, *part.cells], part.next and Cursor.parse(part.next)
    assert (cells, whole.next) == ([*whole.cells], None)
    assert heat_choices(published, lake, ME).years == [2025]
    series = load_series(published, ME, OF_2025)
    assert series is not None
    assert series.methods[0] == ["heartrate"], "of tracks; power of a third of the time is none"


@pytest.mark.dear
def test_insights_of_an_activity_are_zones_efficiency_places_and_its_like(lake: Lake, published: Connection) -> None:
    ride, bare = find_activity(published, 1), find_activity(published, 5)
    assert ride is not None
    assert bare is not None
    found = activity_insights(published, lake, ride)
    assert {
        measure: {zone: each.seconds for zone, each in of.items() if each.seconds}
        for measure, of in found.zones.items()
    } == {"watts": {5: 1202.0}, "heartrate": {3: 1202.0}}
    assert found.zones["watts"][5].bounds == ZoneBounds(210.0, 240.0, date(2020, 1, 1))
    assert found.effort == {
        "efficiency": pytest.approx(1.4),
        "efficiency_by": "watts",
        "normalized_power": 210.0,
        "decoupling": None,
        "decoupling_absent": "short",
    }
    places = {record: (row["place"], row["among"], row["among_of_year"]) for record, row in found.marks.items()}
    assert places == dict.fromkeys(("biggest_climb", "longest_distance", "longest_moving_time"), (1, 2, 1)), (
        "of one alone there is no place"
    )
    assert {key: row["apart"] for key, row in found.similar.items()} == {3: 1.0, 5: 1.0}, "neither says where it began"
    undated = activity_insights(published, lake, bare)
    assert (undated.zones, undated.marks, [*undated.similar]) == ({}, {}, [1, 3])
    assert undated.effort is not None
    assert {*undated.effort.values()} == {None}


@pytest.mark.dear
def test_places_are_of_what_counts_and_similar_ones_of_the_route_or_near_by(new_lake: NewLake, tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "data")
    here, near, far = [47.0, 11.0], [47.02, 11.03], [47.1, 11.0]
    put(
        lake,
        [
            activity(1, "2025-05-01T08:00", start_latlng=here, total_elevation_gain=200.0),
            activity(2, "2024-05-02T08:00", start_latlng=near, distance=21_000.0, total_elevation_gain=230.0),
            activity(3, "2025-05-03T08:00", start_latlng=far, distance=20_100.0),
            activity(4, "2025-05-04T08:00", distance=19_500.0, total_elevation_gain=None),
            activity(5, "2025-05-05T08:00", start_latlng=here, distance=23_000.0),
            activity(6, "2025-05-06T08:00", start_latlng=here, total_elevation_gain=300.0),
            activity(7, "2025-05-07T08:00", start_latlng=here, sport_type="Run"),
            activity(8, "2025-05-08T08:00", start_latlng=[0.0, 0.0], athlete_id=ME + 1),
            activity(9, "2025-05-09T08:00", start_latlng=here, distance=90_000.0),
            activity(10, "2025-05-10T08:00", start_latlng=here, sport_type="VirtualRide"),
        ],
    )
    put(lake, [{"activity_id": one, "route_id": 1, "year": 2025} for one in (1, 5)], "activity_routes")
    record_decisions(lake, BestsDecision(at=NOW, by="a test", activity_id=9, dismissed=True))
    publish(lake)
    with snapshot(lake) as connection:
        ride = find_activity(connection, 1)
        assert ride is not None
        found = activity_insights(connection, lake, ride)
    assert {key: row["is_on_route"] for key, row in found.similar.items()} == {5: True, 2: False, 4: False}
    assert [*found.similar] == [5, 2, 4]
    assert found.similar[2]["apart"] == pytest.approx(0.5 + 0.6 + 0.639, abs=0.01)
    marks = {
        record: (row["place"], row["among"], row["place_of_year"], row["among_of_year"])
        for record, row in found.marks.items()
    }
    longest = {"longest_distance": (4, 6, 3, 5), "longest_moving_time": (1, 6, 1, 5)}
    assert marks == {"biggest_climb": (3, 5, 2, 4), **longest}


def test_a_lift_climbs_for_nobody_and_the_descent_is_shown(new_lake: NewLake, tmp_path: Path) -> None:
    lake = new_lake(tmp_path / "data")
    sports = ("AlpineSki", "Snowboard", "NordicSki")
    put(lake, [activity(n, f"2025-02-0{n}T08:00", sport_type=sport) for n, sport in enumerate(sports, start=1)])
    put(lake, [{"activity_id": 1, "session_index": place, "descent_m": 300.0} for place in (1, 2)], "activity_sessions")
    put(
        lake,
        [{"activity_id": n, "elevation_gain": 90.0, "elevation_loss": 500.0} for n in (1, 2, 3)],
        "computed_values",
    )
    with reading(lake) as connection:
        shown = [whole_activity(connection, lake, FoundActivity(n, 2025)).summary for n in (1, 2, 3)]
        counted = connection.execute("SELECT elevation_gain_m FROM counted_activities ORDER BY activity_id").fetchall()
    assert [(row["total_elevation_gain"], row["descent"], row["computed"]) for row in shown] == [
        (None, 600.0, []),
        (None, 500.0, ["descent"]),
        (150.0, None, []),
    ]
    assert counted == [(None,), (None,), (150.0,)]


def test_gear_records_segments_and_a_year_are_the_warehouses(lake: Lake, published: Connection) -> None:
    owner = owner_of(published, lake, NOW, "UTC")
    assert owner is not None
    assert (owner.athlete.id, owner.fault) == (ME, None)
    used = gear_use(published)
    assert [*used.gear] == [("strava", "b1"), ("strava", "g1"), ("unknown", "e1"), ("sheet", "gravel")]
    assert used.gear["sheet", "gravel"]["rows"] == 3, "by whichever case"
    domane = used.gear["strava", "b1"]
    assert (domane["name"], domane["rows"], domane["distance_m"], domane["moving_time_seconds"]) == (
        "Domane",
        2,
        40_000.0,
        7200,
    )
    assert used.maintenance["Domane", "chain"]["is_due"]
    found = {(row.sport_group, row.record): row for row in records_of(published, ME, 2025, date(2025, 5, 31))}
    farthest = found["ride", "longest_distance"]
    assert (farthest.of_all["activity_id"], farthest.of_all["value"]) == (3, 20_000), "of equal ones the earliest"
    assert farthest.of_year is not None
    assert (farthest.of_year["activity_id"], farthest.of_all["on_day"]) == (1, date(2024, 6, 1))
    weeks = {number: row and row["activity_id"] for number, row in farthest.of_weeks.items()}
    assert weeks == {52: 1, 26: 1, 12: 1, 4: None}, "364 days ago is none of 52 weeks"
    assert found["run", "fastest_1k"].of_weeks[12] == found["run", "fastest_1k"].of_all
    found = {(row.sport_group, row.record): row for row in records_of(published, ME, 2025, date(2025, 5, 28))}
    weeks = {number: row and row["activity_id"] for number, row in found["ride", "longest_distance"].of_weeks.items()}
    assert weeks == {52: 3, 26: 1, 12: 1, 4: 1}, "28 days are four weeks, the last one included"
    segments = segment_page(published, ME)
    assert (segments.rows[7]["efforts"], segments.rows[7]["best_seconds"], segments.next) == (2, 101, None)
    hill, newest = segment_efforts(published, ME, 7), segment_efforts(published, ME, 7, limit=1)
    assert [(row["activity_id"], row["segment_name"], row["segment_average_grade"]) for row in hill] == [
        (1, "Hill", 4.2),
        (3, "Hill", 4.2),
    ]
    assert ([row["efforts"] for row in newest], segment_efforts(published, ME, 8)) == ([2], [])
    found = {year: summary_of(published, owner, year) for year in (2023, 2024, 2025, 2027)}
    assert {year: summary and summary.totals.activities for year, summary in found.items()} == {
        2023: None,
        2024: 1,
        2025: 2,
        2027: 0,
    }


def test_an_empty_warehouse_shows_nothing(new_lake: NewLake, tmp_path: Path) -> None:
    empty = new_lake(tmp_path / "data")
    publish(empty)
    with snapshot(empty) as connection:
        shown: list[Any] = [
            activity_page(connection, Selection()).activities,
            find_activity(connection, 1),
            owner_of(connection, empty, NOW, "UTC"),
            gear_use(connection).gear,
            segment_page(connection, ME).rows,
            best_curves(connection, ME, OF_2025, "ride"),
            heat_map(connection, empty, ME).cells,
        ]
    assert not any(shown)


def test_a_track_without_times_has_its_distance_and_empty_times(tmp_path: Path) -> None:
    told = of_track([0.0, 1.0], distance=[0.0, 3.0]).with_columns(recorded_at=pl.lit(None, pl.Datetime("us", "UTC")))
    found = shown_on_a_screen(tmp_path, told)
    assert (found.begins_at, found.columns) == (None, {"time": [None, None], "distance": [0.0, 3.0]})
