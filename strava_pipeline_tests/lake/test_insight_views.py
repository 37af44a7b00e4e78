"""The views of insights, each laid beside the same counted in plain Python; and rows that nobody expects."""

import math
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from strava_pipeline.core.human_bests import least_seconds
from strava_pipeline.core.tables.bests import DISTANCES_OF, NO_RECORDS
from strava_pipeline.core.tables.insights import INSIGHTS, MACROS, PUBLISH_TABLES
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.personal import BestsDecision
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.quality import counts_by_year
from strava_pipeline.lake.gold.warehouse import Connection, reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import bests_statement, load_statement
from strava_pipeline.lookups.bests import bests_of
from strava_pipeline.lookups.rows import rows_of
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.lake.insight_rows import (
    ME,
    Row,
    activity,
    day_of,
    eddington,
    group_of,
    grouped,
    loads,
    many,
    measured,
    moved,
    put,
    splits,
    streaks,
    sums,
    total,
    week_streaks,
)

ROWS = many(700)
AT = datetime(2025, 1, 1, tzinfo=UTC)
FROM_MORE = [
    "too_fast_activities", "device_records", "activity_power", "power_bests", "gear_service_state",
    "segment_history", "segment_bests", "routes", "explorer_tiles", "device_agreement",
]  # fmt: skip
"""Empty without goals.toml, tracks and details."""


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, new_lake: NewLake) -> Iterator[Connection]:
    lake = new_lake(tmp_path_factory.mktemp("insights") / "data")
    put(lake, ROWS)
    put(lake, [{"athlete_id": ME, "ftp": 240.0, "fetched_at": "2024-01-01"}], "athlete")
    with reading(lake) as connection:
        connection.execute(bests_statement())  # as a publish does
        connection.execute(load_statement())
        yield connection


def rows(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def near(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


def test_the_catalogue_says_what_the_views_have(warehouse: Connection) -> None:
    for name, table in (PUBLISH_TABLES | INSIGHTS).items():
        told = [(column, kind) for column, kind, *_ in rows(warehouse, f"DESCRIBE {name}")]
        names = [
            (column.name, column.kind.value.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"))
            for column in table.columns
        ]
        assert told == names, name


def test_time_in_zones_goes_by_the_zones_of_the_day_and_leaves_out_estimated_power(lake: Lake, tmp_path: Path) -> None:
    with writing(lake) as connection:
        connection.execute(
            "INSERT INTO thresholds_by_date (since, until, sport_group, heartrate_zones, power_zones) VALUES "
            "('2024-01-01', '2025-01-01', 'ride', [120], NULL), ('2025-01-01', NULL, 'ride', [140, 160], [200]), "
            "('2024-01-01', NULL, 'run', [100], [100])"
        )
    meters = {1: None, 2: True, 3: False, 4: True}
    put(lake, [activity(n, f"202{5 if n > 1 else 4}-05-01T08:00", device_watts=known) for n, known in meters.items()])
    with writing(lake) as connection:
        connection.execute(load_statement())
    file = tmp_path / "held.parquet"
    held = pl.DataFrame({"activity_id": [1, 2, 3, 4], "seconds": [60.0] * 4})
    measured = [
        held.with_columns(measure=pl.lit(name), value=pl.lit(value, pl.Int32))
        for name, value in (("heartrate", 139), ("watts", 200))
    ]
    pl.concat(measured).write_parquet(file)
    with reading(lake) as connection:
        columns = [(name, kind) for name, kind, *_ in rows(connection, f"DESCRIBE FROM time_in_zones('{file}')")]
        found = rows(
            connection, f"SELECT activity_id, measure, zone, seconds FROM time_in_zones('{file}') ORDER BY ALL"
        )
    assert columns == [(column.name, column.kind.value) for column in MACROS["time_in_zones"].columns]
    assert found == [
        (1, "heartrate", 2, 60.0),
        *[
            (n, measure, zone, 60.0)
            for n in (2, 3, 4)
            for measure, zone in (("heartrate", 1), ("watts", 2))
            if (n, zone) != (3, 2)
        ],
    ]


@pytest.mark.dear
def test_keys_of_views_stand_once_and_are_never_null(warehouse: Connection) -> None:
    for name, table in INSIGHTS.items():
        keys = [
            key
            for key in table.key
            if ((name, key) != ("totals_by_day", "") and key != "sport_type") or name == "sport_groups"
        ]
        assert rows(
            warehouse, f"SELECT count(*) FROM {name} WHERE {' OR '.join(f'{key} IS NULL' for key in keys)}"
        ) == [(0,)]
        more = [*table.key, *(["local_year"] if name == "eddington_numbers" else [])]
        doubled = f"SELECT {', '.join(more)} FROM {name} GROUP BY ALL HAVING count(*) > 1"
        assert rows(warehouse, doubled) == [], name


@pytest.mark.parametrize(
    ("view", "columns", "keys"),
    [
        ("totals_by_day", "on_day", (day_of,)),
        ("totals_by_week", "iso_year, iso_week", (lambda row: day_of(row).isocalendar()[0], lambda row: day_of(row).isocalendar()[1])),
        ("totals_by_month", "local_year, local_month", (lambda row: day_of(row).year, lambda row: day_of(row).month)),
        ("totals_by_year", "local_year", (lambda row: day_of(row).year,)),
    ],
)  # fmt: skip
def test_totals_are_the_sums_of_the_rows(warehouse: Connection, view: str, columns: str, keys: tuple[Any, ...]) -> None:
    expected = grouped(ROWS, *keys, group_of, lambda row: row["sport_type"])
    told = rows(
        warehouse,
        f"SELECT {columns}, sport_group, sport_type, activities, active_days, distance_m, moving_time_seconds, "
        f"elapsed_time_seconds, elevation_gain_m FROM {view} WHERE athlete_id = {ME}",
    )
    width = len(keys) + 2
    assert len(told) == len(expected) > 3
    for row in told:
        assert row[width:] == tuple(near(value) for value in sums(expected[row[:width]]))


def test_streaks_are_days_and_weeks_without_a_break(warehouse: Connection) -> None:
    for group in ("all", "ride", "run", "other"):
        days = [day_of(row) for row in ROWS if group in ("all", group_of(row))]
        told = rows(
            warehouse,
            f"SELECT unit, starts_on, ends_on, length, activities FROM activity_streaks WHERE sport_group = '{group}'",
        )
        assert {row[1:4] for row in told if row[0] == "day"} == streaks(days)
        assert {row[1:4] for row in told if row[0] == "week"} == week_streaks(days)
        assert sum(row[4] for row in told if row[0] == "day") == len(days)


@pytest.mark.parametrize(("unit", "metres"), [("km", 1000.0), ("mile", 1609.344)])
@pytest.mark.parametrize("group", ["all", "ride", "run"])
def test_eddington_numbers(warehouse: Connection, unit: str, metres: float, group: str) -> None:
    by_day: dict[date, float] = {}
    for row in ROWS:
        if group in ("all", group_of(row)) and (far := measured(row["distance"])):
            by_day[day_of(row)] = by_day.get(day_of(row), 0.0) + far
    expected = {None: eddington(far / metres for far in by_day.values())}
    for year in {day.year for day in by_day}:
        expected[year] = eddington(far / metres for day, far in by_day.items() if day.year == year)
    told = rows(
        warehouse,
        f"SELECT local_year, eddington, days_to_next FROM eddington_numbers WHERE sport_group = '{group}' AND unit = '{unit}'",
    )
    assert {year: (number, needed) for year, number, needed in told} == expected


def test_gear_has_done_what_its_activities_did(warehouse: Connection) -> None:
    told = {
        row[0]: row[1:]
        for row in rows(warehouse, "SELECT item, activities, distance_m, first_on, last_on FROM gear_mileage")
    }
    expected = {f"strava:{gear}": held for (gear,), held in grouped(ROWS, lambda row: row["gear_id"]).items() if gear}
    assert told == {
        gear: (
            len(held),
            near(total(measured(row["distance"]) for row in held)),
            min(day_of(row) for row in held),
            max(day_of(row) for row in held),
        )
        for gear, held in expected.items()
    }


def test_training_load_follows_the_recursion(warehouse: Connection) -> None:
    held = dict(rows(warehouse, "SELECT activity_id, load FROM activity_load"))
    assert len(ROWS) > len(held) > 400
    by_day = {day: total(held.get(row["id"]) for row in of) for (day,), of in grouped(ROWS, day_of).items()}
    expected = loads(by_day, max(by_day))
    told = rows(warehouse, "SELECT on_day, load, unmeasured_activities, fitness, fatigue, form FROM training_load")
    assert len(told) == len(expected) > 1000
    for day, of_day, unmeasured, *state in told:
        assert state == [pytest.approx(value, rel=1e-9, abs=1e-9) for value in expected[day]], day
        assert of_day == near(by_day.get(day, 0.0))
        assert unmeasured == sum(row["id"] not in held for row in ROWS if day_of(row) == day)


def test_longest_and_highest_are_those_of_the_year(warehouse: Connection) -> None:
    told = {
        (group, year, record): (value, activity_id, day, best)
        for group, year, record, value, activity_id, day, best in rows(
            warehouse,
            "SELECT sport_group, local_year, record, value, activity_id, on_day, all_time FROM records WHERE told_by = 'activity'",
        )
    }
    expected: dict[tuple[str, int, str], tuple[float, int, date]] = {}
    for name, record in (
        ("distance", "longest_distance"),
        ("moving_time", "longest_moving_time"),
        ("total_elevation_gain", "biggest_climb"),
    ):
        for row in sorted(ROWS, key=lambda row: (row["start_date_local"].date(), row["id"])):
            value = moved(row) if name == "moving_time" else measured(row[name])
            key = (group_of(row), day_of(row).year, record)
            if record in NO_RECORDS.get(group_of(row), ()):
                continue
            took = measured(row["elapsed_time"]) or measured(row["moving_time"]) or math.inf
            if took < least_seconds(group_of(row), measured(row["distance"]) or 0.0):
                continue
            if value and (key not in expected or value > expected[key][0]):
                expected[key] = (value, row["id"], day_of(row))
    assert {key: row[:3] for key, row in told.items()} == expected
    for (group, _, record), (value, *_, best) in told.items():
        rivals = [other[0] for (their, _, what), other in told.items() if (their, what) == (group, record)]
        assert best == (value == max(rivals))


def told_of(lake: Lake, given: list[Row], query: str, **tables: list[Row]) -> list[tuple[Any, ...]]:
    put(lake, given)
    for table, held in tables.items():
        put(lake, held, table)
    with reading(lake) as connection:
        connection.execute(bests_statement())  # as a publish does
        return rows(connection, query)


def test_the_fastest_stretch_of_an_activity_is_the_least_sum_of_splits_in_a_row(lake: Lake) -> None:
    times = [300, 280, 290, 250, 260, 270, 265, 310, 240, 300, 305, 295]
    told = told_of(
        lake,
        [activity(1, "2024-05-01T08:00", sport_type="Run")],
        "SELECT record, value, told_by FROM records WHERE record LIKE 'fastest%' AND NOT at_most",
        activity_splits_metric=splits(1, times),
    )
    expected = {
        f"fastest_{length}k": min(sum(times[at : at + length]) for at in range(len(times) - length + 1))
        for length in (1, 3, 5, 10)
    }
    assert {record: value for record, value, _ in told} == expected
    assert {by for *_, by in told} == {"splits"}


def test_a_split_that_is_no_kilometre_spoils_every_stretch_it_is_in(lake: Lake) -> None:
    held = splits(1, [300] * 12)
    held[5]["distance_m"] = 400.0
    told = told_of(
        lake,
        [activity(1, "2024-05-01T08:00", sport_type="Run")],
        "SELECT record, value FROM records WHERE record LIKE 'fastest%' AND NOT at_most ORDER BY record",
        activity_splits_metric=held,
    )
    assert told == [("fastest_1k", 300.0), ("fastest_3k", 900.0), ("fastest_5k", 1500.0)]


def test_best_efforts_stand_before_slower_splits_and_the_earliest_of_equal_ones_is_it(lake: Lake) -> None:
    given = [activity(number, f"2024-0{number}-01T08:00", sport_type="Run") for number in (3, 2, 1)]
    efforts = [
        {"activity_id": 1, "effort_index": 1, "name": "5K", "distance": 5000.0, "elapsed_time": 1400},
        {"activity_id": 2, "effort_index": 1, "name": "5k", "distance": 5000.0, "elapsed_time": 1400},
        {"activity_id": 3, "effort_index": 1, "name": "Half-Marathon", "distance": 21097.0, "elapsed_time": 6000},
        {"activity_id": 3, "effort_index": 2, "name": "something", "distance": 1234.0, "elapsed_time": 5},
        {"activity_id": 3, "effort_index": 3, "name": "1K", "distance": 1000.0, "elapsed_time": 0},
    ]
    told = told_of(
        lake,
        given,
        "SELECT record, value, activity_id, told_by, all_time FROM records WHERE record LIKE 'fastest%' AND NOT at_most ORDER BY record",
        activity_best_efforts=efforts,
        activity_splits_metric=splits(1, [280] * 5),
    )
    assert told == [
        ("fastest_1k", 280.0, 1, "splits", True),
        ("fastest_3k", 840.0, 1, "splits", True),
        ("fastest_5k", 1400.0, 1, "best_effort", True),
        ("fastest_half_marathon", 6000.0, 3, "best_effort", True),
    ]


def window(activity_id: int, metres: int, seconds: float, measured_by: str, measure: str = "pace") -> Row:
    more = {"measure": measure, "width": float(metres), "value": seconds, "measured_by": measured_by}
    return {"activity_id": activity_id, **more, "year": 2024}


TRACKED = [
    window(1, 1000, 240.5, "positions"),
    window(1, 1000, 200.0, "device"),  # 1: the effort below is this one
    window(2, 1000, 250.0, "positions"),
    window(2, 1000, 249.0, "device"),
    window(3, 1000, 245.0, "lengths"),
    window(3, 400, 54.8, "device"),
    window(4, 400, 63.8, "positions"),
]
EFFORTS = [
    {"activity_id": 1, "effort_index": 1, "distance": 1000.0, "elapsed_time": 200},
    {"activity_id": 2, "effort_index": 1, "distance": 1000.0, "elapsed_time": 251},
    {"activity_id": 5, "effort_index": 1, "distance": 1000.0, "elapsed_time": 270},
]


def test_a_time_that_only_the_device_measured_stands_apart_and_the_next_one_holds_the_place(lake: Lake) -> None:
    given = [activity(number, f"2024-0{number}-01T08:00", sport_type="Run") for number in range(1, 6)]
    query = (
        "SELECT record, value, activity_id, told_by, measured_by FROM {} WHERE record LIKE 'fastest%' AND NOT at_most "
        "ORDER BY record, value"
    )
    told = told_of(lake, given, query.format("records"), track_bests=TRACKED, activity_best_efforts=EFFORTS)
    assert told == [("fastest_1k", 240.5, 1, "track", "positions"), ("fastest_400m", 63.8, 4, "track", "positions")]
    with reading(lake) as connection:
        apart = rows(connection, query.format("device_records"))
        every = rows(connection, query.format("activity_bests"))
    assert apart == [("fastest_1k", 200.0, 1, "best_effort", "device"), ("fastest_400m", 54.8, 3, "track", "device")]
    assert [row for row in every if row[0] == "fastest_1k"] == [
        ("fastest_1k", 200.0, 1, "best_effort", "device"),
        ("fastest_1k", 240.5, 1, "track", "positions"),
        ("fastest_1k", 245.0, 3, "track", "lengths"),
        ("fastest_1k", 251.0, 2, "best_effort", "positions"),
        ("fastest_1k", 270.0, 5, "best_effort", None),
    ]


def test_a_track_holds_no_best_over_more_than_its_activity_is_long(lake: Lake) -> None:
    metres = {1: 49_600.0, 2: 49_960.0, 3: None, 4: 0.0}
    given = [activity(n, "2024-01-01T08:00", sport_type="Run", distance=metres[n], elapsed_time=16_000) for n in metres]
    tracked = [window(one, 50_000, 16_000.0, "positions") for one in metres]
    query = "SELECT activity_id FROM activity_bests WHERE record = 'fastest_50k' ORDER BY 1"
    assert told_of(lake, given, query, track_bests=tracked) == [(2,), (3,), (4,)]


def test_what_nobody_is_as_fast_in_is_no_best_and_the_next_one_holds_the_place(lake: Lake) -> None:
    """1: a stretch of the track; 2: flagged at Strava; 3: 30 km in 44:56; 4: efforts, one of them too fast; 5: mostly a drive; 6: a short
    stretch, of which an effort may hold a part."""
    more: list[dict[str, Any]] = [{}, {"flagged": True}, {"distance": 30_000.0, "elapsed_time": 2696}, {}, {}, {}]
    given = [
        activity(number, f"2024-0{number}-01T08:00", **{"sport_type": "Run", "flagged": False, **each})
        for number, each in enumerate(more, start=1)
    ]
    tracked = [window(1, 1000, 260.0, "positions"), window(5, 1000, 200.0, "positions")]
    tracked += [window(1, 2030, 195.0, "positions", "too_fast"), window(5, 10_100, 900.0, "positions", "too_fast")]
    tracked.append(window(6, 150, 12.0, "positions", "too_fast"))
    efforts = [
        {"activity_id": number, "effort_index": place, "distance": metres, "elapsed_time": seconds}
        for number, kilometre in {1: 91, 2: 91, 4: 91, 6: 140}.items()
        for place, (metres, seconds) in enumerate([(1000.0, kilometre), (5000.0, 1500)])
    ]
    told = told_of(
        lake,
        given,
        "SELECT record, activity_id, value, at_most FROM records WHERE NOT starts_with(record, 'longest_m') ORDER BY ALL",
        track_bests=tracked,
        activity_best_efforts=efforts,
        activity_splits_metric=splits(1, [91] * 5),
    )
    at_most = {record.removeprefix("fastest_"): value for record, _, value, is_bound in told if is_bound}
    parts = {"400m": 126.0, "half_mile": 251.0, "1_mile": 501.0}  # 12, 6 and 3 times in 5 km
    assert at_most == {**parts, **dict.fromkeys(("2_miles", "3k"), 1500.0)}
    assert [row[:3] for row in told if not row[3]] == [
        ("biggest_climb", 4, 150.0),
        ("fastest_1k", 1, 260.0),
        ("fastest_5k", 4, 1500.0),
        ("longest_distance", 4, 20_000.0),
    ]


def test_a_shorter_distance_never_takes_longer_in_an_activity_and_in_a_year(lake: Lake) -> None:
    dice, metres = random.Random(4), list(DISTANCES_OF["run"].values())
    given = [activity(number, f"202{number % 3}-05-{number:02}T08:00", sport_type="Run") for number in range(1, 25)]
    tracked = [
        window(number, length, length / dice.uniform(2, 6), measured_by)
        for number in range(1, 25)
        for length in dice.sample(metres, 5)
        for measured_by in dice.sample(["positions", "device"], dice.choice([1, 2]))
    ]
    put(lake, given)
    put(lake, tracked, "track_bests")
    with reading(lake) as connection:
        connection.execute(bests_statement())
        for held, by in (("activity_bests", "activity_id, counts"), ("records", "local_year")):
            falls = (
                f"SELECT count(*), count(*) FILTER (value < before) FROM (SELECT value, lag(value) OVER (PARTITION BY {by} "
                f"ORDER BY distance_m) AS before FROM {held} JOIN standard_distances USING (record))"
            )
            [(count, fallen)] = rows(connection, falls)
            assert (count > 20, fallen) == (True, 0), held
        exact = "SELECT count(*) FROM activity_bests SEMI JOIN track_bests USING (activity_id, value) WHERE NOT at_most"
        assert rows(connection, exact)[0][0] > 24


def test_a_time_says_what_strava_says_where_that_is_another_one(lake: Lake) -> None:
    """One run: the positions tell of 331 s, the device and Strava of 319; over 5 km only Strava has a time."""
    put(lake, [activity(1, "2024-05-01T08:00", sport_type="Run")])
    put(lake, [window(1, 1000, 331.0, "positions"), window(1, 1000, 319.0, "device")], "track_bests")
    efforts = [
        {"activity_id": 1, "effort_index": n, "distance": far, "elapsed_time": time}
        for n, far, time in ((1, 1000.0, 319), (2, 5000.0, 1700))
    ]
    put(lake, efforts, "activity_best_efforts")
    with reading(lake) as connection:
        connection.execute(bests_statement())
        told = {row["record"]: (row["value"], row["by_strava"], row["by_device"]) for row in bests_of(connection, 1)}
    assert told["fastest_1k"] == (331, 319, 319)
    assert told["fastest_5k"] == (1700, None, None)


def test_a_gym_has_no_record_of_length_and_a_row_none_of_climb(lake: Lake) -> None:
    sports = ("WeightTraining", "Rowing", "Swim", "Hike")
    given = [activity(n, f"2024-0{n}-01T08:00", sport_type=sport, distance=3e3) for n, sport in enumerate(sports, 1)]
    told = told_of(lake, given, "SELECT sport_group, list(record ORDER BY record) FROM records GROUP BY 1")
    every = ["biggest_climb", "longest_distance", "longest_moving_time"]
    assert dict(told) == {"gym": every[2:], "row": every[1:], "swim": every[1:], "walk": every}


def test_what_is_virtual_stands_apart_but_for_its_power(lake: Lake) -> None:
    sports = ("Run", "VirtualRun", "VirtualRide")
    given = [
        activity(n, f"2024-0{n}-01T08:00", sport_type=sport, distance=n * 9e3) for n, sport in enumerate(sports, 1)
    ]
    bests = [
        window(1, 1000, 250.0, "positions"),
        window(2, 1000, 200.0, "positions"),
        window(3, 60, 400.0, "meter", "watts"),
    ]
    query = "SELECT sport_group, record, value, measured_by FROM {} WHERE record IN ('fastest_1k', 'longest_distance') ORDER BY ALL"
    told = told_of(lake, given, query.format("records"), track_bests=bests)
    assert told == [("run", "fastest_1k", 250.0, "positions"), ("run", "longest_distance", 9e3, None)]
    with reading(lake) as connection:
        apart = rows(connection, query.format("device_records"))
        assert rows(connection, "SELECT activity_id, watts FROM power_bests") == [(3, 400.0)]
    assert apart == [
        ("ride", "longest_distance", 27e3, "virtual"),
        ("run", "fastest_1k", 200.0, "virtual"),
        ("run", "longest_distance", 18e3, "virtual"),
    ]


@pytest.mark.dear
def test_a_dismissed_activity_holds_no_record_and_no_best_of_power(lake: Lake) -> None:
    given = [activity(number, f"2024-0{number}-01T08:00", device_watts=number != 3) for number in (1, 2, 3)]
    power = [window(number, 60, watts, "meter", "watts") for number, watts in ((1, 400.0), (2, 350.0), (3, 900.0))]
    lake.goals.write_text("[[athlete]]\nsince = 2024-02-01\nweight_kg = 70")
    put(lake, given)
    put(lake, [*power, window(1, 1000, 100.0, "positions")], "track_bests")
    with writing(lake) as connection:
        connection.execute("INSERT INTO activity_members (id, activity_id, source) VALUES (-7, 1, 'fit')")

    def told(query: str) -> list[tuple[Any, ...]]:
        publish(lake)
        with snapshot(lake) as connection:
            return rows(connection, query)

    bests = "SELECT seconds, watts, watts_per_kg, activity_id, sport_group, all_time FROM power_bests"
    held = [(60, 400.0, None, 1, "ride", True)]
    assert told(bests) == held, "3 was estimated"
    for dismissed in (True, False):
        record_decisions(lake, BestsDecision(at=AT, by="a test", activity_id=-7, dismissed=dismissed))
        assert told(bests) == ([(60, 350.0, 5.0, 2, "ride", True)] if dismissed else held)
        assert told("SELECT DISTINCT activity_id FROM records ORDER BY ALL") == ([(2,)] if dismissed else [(1,)])
        apart = told("SELECT DISTINCT activity_id FROM activity_bests WHERE is_dismissed AND NOT counts")
        assert apart == ([(1,)] if dismissed else [])


def test_watts_per_kilogram_are_of_the_owner_whose_weight_is_known(lake: Lake) -> None:
    given = [activity(n, f"2024-01-0{n}T08:00", **({"athlete_id": 8} if n == 3 else {})) for n in (1, 2, 3)]
    tables = {
        "track_bests": [window(number, 60, 350.0, "meter", "watts") for number in (1, 3)],
        "athlete_by_date": [{"since": date(2024, 1, 1), "weight_kg": 70.0}],
    }
    query = "SELECT athlete_id, watts_per_kg FROM power_bests ORDER BY ALL"
    assert told_of(lake, given, query, **tables) == [(8, None), (ME, 5.0)]


@pytest.mark.dear
def test_the_last_decision_about_an_activity_holds_whichever_of_its_ids_it_names(lake: Lake) -> None:
    put(lake, [activity(number, "2024-01-01T08:00") for number in (1, 2, 3)])
    assert dismissed_after(lake, {2: True, 3: True}) == [2, 3]
    put(lake, [{"id": 2, "activity_id": 1, "source": "fit"}], "activity_members")
    assert dismissed_after(lake, {}) == [1, 3], "2 is 1 now"
    assert dismissed_after(lake, {1: False}) == [3]
    assert dismissed_after(lake, {2: True}) == [1, 3]


def dismissed_after(lake: Lake, decided: dict[int, bool]) -> list[int]:
    record_decisions(
        lake, *(BestsDecision(at=AT, by="a test", activity_id=one, dismissed=each) for one, each in decided.items())
    )
    publish(lake)
    with snapshot(lake) as connection:
        return [one for (one,) in rows(connection, "SELECT activity_id FROM dismissed_bests ORDER BY ALL")]


def test_week_53_and_the_days_around_new_year_are_in_their_iso_week(lake: Lake) -> None:
    days = ("2020-12-28", "2021-01-03", "2021-01-04", "2022-01-01", "2024-02-29", "2024-12-30")
    told = told_of(
        lake,
        [activity(number, f"{day}T10:00") for number, day in enumerate(days, start=1)],
        "SELECT iso_year, iso_week, starts_on::VARCHAR, activities FROM totals_by_week ORDER BY starts_on",
    )
    assert told == [
        (2020, 53, "2020-12-28", 2),
        (2021, 1, "2021-01-04", 1),
        (2021, 52, "2021-12-27", 1),
        (2024, 9, "2024-02-26", 1),
        (2025, 1, "2024-12-30", 1),
    ]


def test_a_day_is_the_one_that_the_athletes_clock_showed_also_across_the_date_line(lake: Lake) -> None:
    """Auckland on New Year's morning, then Honolulu, where it is the old year's last day, some hours later."""
    given = [
        activity(1, "2025-12-31T18:00", start_date_local=datetime.fromisoformat("2026-01-01T07:00")),
        activity(2, "2026-01-01T06:00", start_date_local=datetime.fromisoformat("2025-12-31T20:00")),
    ]
    told = told_of(lake, given, "SELECT local_year, activities FROM totals_by_year ORDER BY 1")
    assert told == [(2025, 1), (2026, 1)]


@pytest.mark.slow
def test_what_an_archive_tells_no_zone_of_is_in_that_of_the_activity_before_it(lake: Lake) -> None:
    berlin = {"timezone": "(GMT+01:00) Europe/Berlin"}
    given = [
        activity(
            1, "2024-12-31T18:00", start_date_local=datetime.fromisoformat("2024-12-31T08:00"), utc_offset=-36_000.0
        ),
        activity(2, "2025-01-01T04:00", start_date_local=None, year=2025),
        activity(
            3, "2025-01-10T04:00", start_date_local=datetime.fromisoformat("2025-01-10T16:00"), utc_offset=43_200.0
        ),
        activity(4, "2025-01-20T20:00", start_date_local=None, year=2025),
        activity(5, "2024-01-01T00:30", start_date_local=None, year=2024),
        activity(6, "2025-01-12T04:00", start_date_local=None, year=2025, athlete_id=5),
        activity(7, "2024-01-01T00:30", start_date=None, start_date_local=None, year=2008),
        activity(
            8,
            "2025-03-01T08:00",
            start_date_local=datetime.fromisoformat("2025-03-01T09:00"),
            utc_offset=3600.0,
            **berlin,
        ),
        activity(9, "2025-06-30T23:00", start_date_local=None, year=2025),
    ]
    put(lake, given)
    publish(lake)
    query = "SELECT {}, start_date_local::VARCHAR, {} FROM {} ORDER BY 1"
    with snapshot(lake) as connection:
        told = rows(connection, query.format("activity_id", "local_year, computed", "counted_activities"))
        in_sql = rows(connection, query.format("id", "year(start_date_local), utc_offset IS NULL", "activities"))
    assumed = ["start_date_local"]
    assert told == [
        (1, "2024-12-31 08:00:00", 2024, None),
        (2, "2024-12-31 18:00:00", 2024, assumed),
        (3, "2025-01-10 16:00:00", 2025, None),
        (4, "2025-01-21 08:00:00", 2025, assumed),
        (5, "2023-12-31 14:30:00", 2023, assumed),  # by the clock of the first one after it
        (6, "2025-01-12 04:00:00", 2025, assumed),
        (7, None, None, None),
        (8, "2025-03-01 09:00:00", 2025, None),
        (9, "2025-07-01 01:00:00", 2025, assumed),  # summer has begun in that zone
    ]
    assert [row[:3] for row in told] == [row[:3] for row in in_sql], "in the same year by SQL"
    assert [row[0] for row in in_sql if row[3] and row[1]] == [2, 4, 5, 6, 9], "which shows that the zone is assumed"
    assert not publish(lake)


@pytest.mark.parametrize("turned", [False, True])
def test_a_file_that_names_nobody_goes_by_the_owner_s_clock_and_by_zone_not_offset(lake: Lake, turned: bool) -> None:
    told = {"utc_offset": 3600, "timezone": "(GMT+01:00) Europe/Vienna"}
    known = [activity(1, "2024-03-01T08:00", utc_offset=3600, timezone=None), activity(2, "2024-03-01T08:00", **told)]
    put(lake, reversed(known) if turned else known)
    somebody = {"athlete_id": 8, "utc_offset": -25200, "timezone": "(GMT-07:00) America/Denver"}
    put(lake, [activity(3, "2024-06-30T08:00", **somebody)])
    put(lake, [activity(4, "2024-07-01T22:00", athlete_id=None, start_date_local=None, year=2024)])
    publish(lake)
    with snapshot(lake) as connection:
        found = rows(connection, "SELECT start_date_local::VARCHAR FROM assumed_starts")
    assert found == [("2024-07-02 00:00:00",)]


def test_what_is_missing_or_negative_is_null_in_a_sum_and_counts_as_an_activity(lake: Lake) -> None:
    given = [
        activity(
            1, "2024-05-01T08:00", distance=None, moving_time=-5, elapsed_time=0, total_elevation_gain=float("inf")
        ),
        activity(2, "2024-05-01T09:00", distance=-1.0, moving_time=None, elapsed_time=0, total_elevation_gain=None),
    ]
    told = told_of(
        lake,
        given,
        "SELECT activities, distance_m, moving_time_seconds, elapsed_time_seconds, elevation_gain_m FROM totals_by_day",
    )
    assert told == [(2, None, None, 0, None)]


def test_deleted_activities_and_those_that_another_stands_for_do_not_count(lake: Lake) -> None:
    given = [
        activity(1, "2024-05-01T08:00"),
        activity(2, "2024-05-01T08:00", deleted_at="2024-06-01T00:00:00+00"),
        activity(-3, "2024-05-01T08:00", source="file"),
    ]
    members = [
        {"id": 1, "activity_id": 1, "place": 0, "athlete_id": ME, "source": "strava"},
        {"id": -3, "activity_id": 1, "place": 1, "athlete_id": ME, "source": "file"},
    ]
    told = told_of(
        lake, given, "SELECT sum(activities)::BIGINT, sum(distance_m) FROM totals_by_day", activity_members=members
    )
    assert told == [(1, 20_000.0)]


def test_one_source_moves_no_longer_than_another_lasted(lake: Lake) -> None:
    times = {
        1: ((None, 3600), (3605, None), (3600, 3600)),
        2: ((3605, None), (None, 3600), (3605, 3605)),
        3: ((None, None), (3605, 3600), (3600, 3600)),
        4: ((3605, 3600), (3000, 4000), (3605, 3600)),  # as the one source says it
        5: ((None, 0), (3000, None), (3000, 0)),
    }
    said = [(one * (1, -1)[place], place, *times[one][place]) for one in times for place in (0, 1)]
    given = [
        activity(n, f"2024-05-0{abs(n)}T08:00", moving_time=moving, elapsed_time=elapsed)
        for n, _, moving, elapsed in said
    ]
    members = [{"id": n, "activity_id": abs(n), "place": place, "athlete_id": ME} for n, place, *_ in said]
    told = told_of(
        lake, given, "SELECT moving_time, elapsed_time FROM activities ORDER BY id", activity_members=members
    )
    assert told == [shown for _, _, shown in times.values()]


def test_drives_and_legs_do_not_count_whoever_shows_them(lake: Lake) -> None:
    day, leg = "2024-05-01T08:00", {"extra": '{"not_counted": "a leg of 1"}'}
    given = [
        activity(1, day),
        activity(2, day, sport_type="Workout"),
        activity(3, day),
        activity(-1, day, source="file", sport_type=None, extra='{"sport": "driving"}'),
        activity(-2, day, source="garmin", sport_type="driving_general"),  # which Strava calls a workout
        activity(-3, day, source="garmin", sport_type="driving_general"),  # which its athlete calls a ride at Strava
        activity(-4, day, source="ridewithgps", account="1", sport_type="Driving"),
        activity(-5, day, source="garmin", account="1", **leg),
        activity(-6, day, source="file", **leg),
    ]
    members = [{"id": one, "activity_id": abs(one), "place": int(one < 0), "athlete_id": ME} for one in (2, -2, 3, -3)]
    told = told_of(lake, given, "SELECT id, counts FROM activities ORDER BY abs(id)", activity_members=members)
    assert told == [(1, True), (-1, False), (2, False), (3, True), (-4, False), (-5, False), (-6, False)]
    with reading(lake) as connection:
        assert rows(connection, "SELECT activity_id FROM counted_activities ORDER BY 1") == [(1,), (3,)]


FASTEST = {"TrailRun": 8, "Hike": 8, "Swim": 3, "GravelRide": 25, "EBikeRide": 25}
CANT_BE = [
    ("1901-01-01T00:00", {}, "it began before 1970"),
    ("1970-01-01T00:00", {}, "it began before 1970"),
    ("1985-06-01T08:00", {"device_name": "A Watch"}, "it was recorded before 1990"),
    ("1985-06-01T08:00", {"extra": '{"file": {"name": "1.gpx"}}'}, "it was recorded before 1990"),
    ("2107-01-01T08:00", {"ingestion_ts": AT}, "it began after 2100"),
    ("2024-05-01T08:00", {"distance": 42_949_672.95}, "its distance is more than once around the earth"),
    ("2024-05-01T08:00", {"distance": 195e3, "moving_time": 0, "elapsed_time": 0}, "nothing is as fast as its distance in its time"),
    ("2024-05-01T08:00", {"distance": 195e3, "moving_time": 0, "elapsed_time": None}, "nothing is as fast as its distance in its time"),
    ("2024-05-01T08:00", {"distance": 195e3, "moving_time": 60, "elapsed_time": 61}, "nothing is as fast as its distance in its time"),
    ("2024-05-01T08:00", {"sport_type": None, "distance": 195e3, "moving_time": None, "elapsed_time": 2670},
     "it has no sport, and nobody is as fast as its distance in its time"),
    ("2024-05-01T08:00", {"sport_type": None, "distance": 90e3, "elapsed_time": 3600}, None),
    ("1985-06-01T08:00", {}, None),  # typed in
    ("2024-12-31T08:00", {"ingestion_ts": AT}, None),
    ("2024-05-01T08:00", {"distance": 195e3, "moving_time": None, "elapsed_time": None}, None),
    ("2024-05-01T08:00", {"distance": 195e3, "moving_time": 0, "elapsed_time": 20_000}, None),
    ("2024-05-01T08:00", {"sport_type": "flying", "distance": 900e3, "moving_time": 3600, "elapsed_time": 3600}, None),
    *(("2024-05-01T08:00", {"sport_type": sport, "distance": most * 1000.5, "moving_time": None, "elapsed_time": 1000},
       "in its sport nobody is as fast as its distance in its time") for sport, most in FASTEST.items()),
    *(("2024-05-01T08:00", {"sport_type": sport, "distance": most * 1000.0, "moving_time": 600, "elapsed_time": 1000}, None)
      for sport, most in FASTEST.items()),
    ("2024-05-01T08:00", {"sport_type": "Run", "distance": 300.0, "elapsed_time": 1, "moving_time": 1}, None),  # a clock that ran for a second
    ("2024-05-01T08:00", {"sport_type": None, "type": "Run", "distance": 60e3, "elapsed_time": 3600},
     "in its sport nobody is as fast as its distance in its time"),
    ("2024-05-01T08:00", {"distance": 300.0, "moving_time": 0, "elapsed_time": 0}, None),
    ("2024-05-01T08:00", {"distance": float("nan"), "moving_time": -5}, None),
    ("2024-05-01T08:00", {"distance": float("inf"), "moving_time": 2**62}, None),
]  # fmt: skip


def test_what_cant_be_stays_with_its_reason_and_is_in_no_total_and_no_record(lake: Lake) -> None:
    given = [activity(n, start, gear_id="b1", **more) for n, (start, more, _) in enumerate(CANT_BE, start=1)]
    told = told_of(lake, given, "SELECT id, impossible, counts FROM activities ORDER BY id")
    assert told == [(n, why, why is None) for n, (*_, why) in enumerate(CANT_BE, start=1)]
    with reading(lake) as connection:
        connection.execute(bests_statement())
        possible = [n for n, _, counts in told if counts]
        assert rows(connection, "SELECT activity_id FROM counted_activities ORDER BY 1") == [(n,) for n in possible]
        assert rows(connection, "SELECT DISTINCT local_year FROM totals_by_year ORDER BY 1") == [(1985,), (2024,)]
        assert {one for (one,) in rows(connection, "SELECT activity_id FROM activity_bests")} <= {*possible}
        assert rows(connection, "SELECT rows, first_on FROM gear_items") == [(len(possible), date(1985, 6, 1))]
        assert [(each.year, each.activities) for each in counts_by_year(connection) if each.activities] == [
            (1985, 1),
            (2024, 14),
        ]
        assert rows_of(connection, "devices", {}) == [], "it is no device's first day"


def test_a_device_is_one_with_or_without_its_maker_and_has_the_days_of_its_activities(lake: Lake) -> None:
    given = [
        activity(1, "2024-05-01T08:00", device_name="Garmin vívoactive HR"),
        activity(2, "2024-05-03T08:00", device_name="vívoactive HR"),
        activity(
            -2, "2024-05-03T08:00", device_name="Wahoo BOLT", start_date_local=None, start_date=None, source="garmin"
        ),
        activity(3, "2024-05-02T08:00", device_name="Garmin Edge 530"),
    ]
    members = [{"id": one, "activity_id": 2, "place": int(one < 0), "athlete_id": ME} for one in (2, -2)]
    told_of(lake, given, "SELECT id FROM activities", activity_members=members)
    with reading(lake) as connection:
        found = [tuple(row.values()) for row in rows_of(connection, "devices", {})]
    assert found == [
        ("Garmin vívoactive HR", 2, date(2024, 5, 1), date(2024, 5, 3)),
        ("Wahoo BOLT", 1, date(2024, 5, 3), date(2024, 5, 3)),
        ("Garmin Edge 530", 1, date(2024, 5, 2), date(2024, 5, 2)),
    ]


def test_what_names_no_athlete_is_the_logins(lake: Lake) -> None:
    given = [activity(1, "2024-05-01T08:00"), activity(-2, "2024-05-02T08:00", athlete_id=None, source="file")]
    assert told_of(lake, given, "SELECT athlete_id, activities FROM totals_by_year") == [(ME, 2)]


def test_nobody_is_athlete_0(lake: Lake) -> None:
    given = [activity(-2, "2024-05-02T08:00", athlete_id=None, source="file")]
    assert told_of(lake, given, "SELECT athlete_id, activities FROM totals_by_year") == [(0, 1)]


@pytest.mark.dear
def test_a_clock_that_is_wrong_by_decades_breaks_nothing(lake: Lake) -> None:
    given = [
        activity(1, "2008-05-01T08:00", average_heartrate=150.0, gear_id="b1"),
        *(activity(year, f"{year}-12-31T08:00", average_heartrate=150.0) for year in (1889, 2107, 9999)),
        activity(3, "2024-05-01T08:00", average_heartrate=140.0),
        activity(4, "2019-04-10T08:00", average_heartrate=140.0),  # 4 days before what is summed by itself ends
    ]
    put(lake, given)
    with reading(lake) as connection:
        connection.execute(bests_statement())
        connection.execute(load_statement())
        assert [name for name in INSIGHTS if not rows(connection, f"SELECT * FROM {name}")] == FROM_MORE
        state = dict(rows(connection, "SELECT on_day, (load, fitness, fatigue) FROM training_load"))
    load, fitness, fatigue = state[date(2019, 4, 10)]
    assert state[date(2019, 4, 20)] == (0, near(fitness * (41 / 42) ** 10), near(fatigue * (6 / 7) ** 10))
    assert (fitness, fatigue) == (near(load / 42), near(load / 7))
    assert state[date(2024, 5, 1)][1] == pytest.approx(state[date(2024, 5, 1)][0] / 42, rel=0.01)


@pytest.mark.dear
def test_an_empty_warehouse_has_empty_insights(lake: Lake) -> None:
    with reading(lake) as connection:
        filled = {name for name in INSIGHTS if rows(connection, f"SELECT * FROM {name}")}
    assert filled == {"sport_groups", "standard_distances", "human_bests"}
