"""Trips by car in a real warehouse: however the log is cut into runs, whatever is lost, the same rows come of it."""

from datetime import timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from strava_pipeline.lake.gold.notes import revision
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.keeping import (
    compare_limits,
    current_users,
    is_due,
    last_replay,
    merge,
    merge_replay,
    published_trips,
)
from strava_pipeline.trips.car.log import move_to_bronze
from strava_pipeline.trips.car.rules.config import limits_with, read_config
from strava_pipeline.trips.car.rules.users import VERSION
from strava_pipeline.trips.car.tables import TABLES as CAR_TABLES
from strava_pipeline_tests.lake.conftest import NewLake
from strava_pipeline_tests.trips.car.logs import MORNING, Log, Step, config, drive, nobody_drives

DAY = timedelta(days=1)


@pytest.fixture
def log(lake: Lake) -> Log:
    return new_log(lake)


def new_log(lake: Lake) -> Log:
    made = Log(lake)
    made.lake.state.mkdir(parents=True)
    made.config(read_config(config()))
    return made


def days(count: int) -> list[Step]:
    """Each day there, nothing at noon, and back."""
    found: list[Step] = []
    for day in range(count):
        begin = MORNING + day * DAY
        found += drive(begin, odometer=20_000.0 + 16 * day)
        found += nobody_drives(begin + timedelta(hours=4))
        found += drive(begin + timedelta(hours=9), odometer=20_008.0 + 16 * day)
    return found


def run(log: Log, steps: list[Step]) -> None:
    log.steps(steps)
    move_to_bronze(log.lake, MORNING + 400 * DAY)
    merge_replay(log.lake)


def rows(lake: Lake) -> dict[str, list[tuple[Any, ...]]]:
    with reading(lake) as connection:
        return {
            table.name: connection.execute(f"SELECT * FROM {table.name} ORDER BY ALL").fetchall()
            for table in CAR_TABLES
        }


@pytest.fixture(scope="module")
def whole(module_lake: Lake) -> Log:
    """Two days in one run, to look at and to copy."""
    made = new_log(module_lake)
    run(made, days(2))
    return made


@pytest.fixture
def again(whole: Log, tmp_path: Path) -> Log:
    return Log(Lake(copytree(whole.lake.data_dir, tmp_path / "again")), whole.count)


def test_trips_cancellations_and_points_are_in_gold(whole: Log) -> None:
    held = rows(whole.lake)
    assert {name: len(found) for name, found in held.items()} == {
        "car_trips": 4,
        "car_trip_cancellations": 2,
        "car_trip_points": 40,  # nine, and the last one where it stood still
    }
    with reading(whole.lake) as connection:
        trips = published_trips(connection, None, 2026, 10)
        assert published_trips(connection, "berta", None, 10) == []
        assert [trip["distance_km"] for trip in trips] == [8.0] * 4
        newest, oldest = trips[0], trips[-1]
    assert oldest["start_time"] == MORNING
    assert (newest["classification"], newest["end_location"], newest["distance_source"]) == ("B", "Office", "odometer")


@pytest.mark.parametrize("cut", [1, 5, 12, 13, 17, 30])
def test_however_the_log_is_cut_into_runs_the_rows_are_the_same(log: Log, cut: int, whole: Log) -> None:
    steps = days(2)
    run(log, steps[:cut])
    run(log, steps[cut:])
    assert rows(log.lake) == rows(whole.lake)
    assert last_replay(log.lake).users == last_replay(whole.lake).users
    assert last_replay(log.lake).total == last_replay(whole.lake).total
    assert last_replay(log.lake).total["trip_started"] == 4


@pytest.mark.parametrize("lost", ["states", "warehouse", "both"])
def test_what_is_lost_is_made_again(log: Log, lost: str) -> None:
    steps = days(2)
    run(log, steps[:20])
    before = rows(log.lake)
    if lost != "warehouse":
        (log.lake.state / "car_tracker.json").unlink()
    if lost != "states":
        log.lake.working.unlink()
        log.lake.was_made.unlink()
    run(log, [])
    assert rows(log.lake) == before
    run(log, steps[20:])
    assert len(rows(log.lake)["car_trips"]) == 4


def test_states_of_a_run_whose_merge_was_lost_are_not_gone_on_with(log: Log) -> None:
    run(log, days(1))
    older = log.lake.working.read_bytes()
    run(log, drive(MORNING + DAY))
    log.lake.working.write_bytes(older)
    run(log, drive(MORNING + 2 * DAY))
    assert len(rows(log.lake)["car_trips"]) == 4


@pytest.mark.parametrize("after", [[], drive(MORNING + 3 * DAY)], ids=["nothing new", "another trip"])
def test_trips_with_ids_of_an_older_version_get_new_ones(again: Log, log: Log, after: list[Step], whole: Log) -> None:
    as_older_version(again.lake)
    assert {row[0] for row in rows(again.lake)["car_trips"]} >= {"anna:2026-03-04T06:30:00Z"}
    assert is_due(again.lake, MORNING + 3 * DAY), "the schedule replaces the ids without waiting for a ping"
    run(again, after)
    if after:
        run(log, days(2) + after)
    assert rows(again.lake) == rows(log.lake if after else whole.lake)
    assert {row[0] for row in rows(again.lake)["car_trips"]} >= {"anna:2026-03-04T06:30:00.000Z"}


def test_a_warehouse_with_older_ids_is_replaced_though_the_states_are_newer(log: Log) -> None:
    """A backup of the warehouse from before the update."""
    run(log, days(1))
    before, states = rows(log.lake), (log.lake.state / "car_tracker.json").read_bytes()
    as_older_version(log.lake)
    (log.lake.state / "car_tracker.json").write_bytes(states)
    run(log, [])
    assert rows(log.lake) == before


def as_older_version(lake: Lake) -> None:
    """Whole seconds in ids without milliseconds, and the notes of how far the replay came as they were then."""
    states = lake.state / "car_tracker.json"
    states.write_text(states.read_text().replace(".000Z", "Z").replace(f'"version": {VERSION}', '"version": 1'))
    with writing(lake) as connection:
        for table in CAR_TABLES:
            key = table.key[0]
            connection.execute(f"UPDATE {table.stored} SET {key} = replace({key}, '.000Z', 'Z')")
        connection.execute("UPDATE car_trips SET resumes_trip_id = replace(resumes_trip_id, '.000Z', 'Z')")
        connection.execute(f"UPDATE lake_meta SET key = 'made:car_trips' WHERE key = 'made:car_trips {VERSION}'")


def test_a_rebuild_gives_the_same_rows_and_nothing_new_changes_nothing(again: Log) -> None:
    before = rows(again.lake)
    with writing(again.lake) as connection:
        merge(connection, again.lake)
    assert rows(again.lake) == before
    with reading(again.lake) as connection:
        told = revision(connection)
    run(again, [])
    with reading(again.lake) as connection:
        assert revision(connection) == told


@pytest.mark.slow
def test_what_comes_twice_or_too_late_makes_no_other_trips(log: Log, new_lake: NewLake, tmp_path: Path) -> None:
    steps = days(1)
    run(log, steps)
    again = new_log(new_lake(tmp_path / "again"))
    doubled = [step for step in steps for _ in range(2)] + steps[3:9]
    run(again, doubled)
    trips, others = rows(log.lake)["car_trips"], rows(again.lake)["car_trips"]
    assert [row[:16] for row in others] == [row[:16] for row in trips]
    assert rows(again.lake)["car_trip_cancellations"] == rows(log.lake)["car_trip_cancellations"]


def test_new_places_and_cars_leave_older_trips_alone(log: Log) -> None:
    run(log, drive())
    log.config(read_config(config(cars=[], locations=[])), MORNING + timedelta(hours=5))
    run(log, drive(MORNING + DAY))
    found = rows(log.lake)
    assert len(found["car_trips"]) == 1
    assert [row[8] for row in found["car_trip_cancellations"]] == ["no_driving_car"] * 4


def test_users_are_told_apart(log: Log) -> None:
    new_year = MORNING.replace(month=1, day=1, year=2026, hour=0) - timedelta(hours=10)  # 2025 in UTC, 2026 in Auckland
    log.config(read_config(config("anna")), new_year - DAY)
    log.config(read_config(config("berta", timezone="Pacific/Auckland")), new_year - DAY)
    log.steps(drive(new_year), "anna")
    log.steps(drive(new_year), "berta")
    run(log, [])
    with reading(log.lake) as connection:
        told = connection.execute("SELECT user_id, year FROM car_trips ORDER BY 1").fetchall()
    assert told == [("anna", 2025), ("berta", 2026)]


def test_other_limits_are_compared_with_the_usual_ones(log: Log) -> None:
    run(log, drive() + drive(MORNING + DAY)[:12])
    found = compare_limits(log.lake, limits_with(["parked_count=2"]))
    assert (found.trips_before, found.trips_after) == (2, 2)
    found = compare_limits(log.lake, limits_with(["parked_count=4"]))
    assert (found.trips_before, found.trips_after, len(found.different)) == (2, 0, 2)
    assert compare_limits(log.lake, limits_with([])).different == []


def test_a_trip_that_nothing_is_heard_of_is_found(log: Log) -> None:
    run(log, drive()[:6])
    last = MORNING + timedelta(seconds=70 * 5)
    assert not is_due(log.lake, last + timedelta(hours=2))  # the ping came a second later
    assert is_due(log.lake, last + timedelta(hours=2, seconds=1))
    assert current_users(log.lake)["anna"].tracker.cache is not None


def test_a_trip_whose_pings_are_only_coming_now_is_not_given_up(log: Log) -> None:
    evening = MORNING + timedelta(hours=9)
    for step in drive()[:6]:  # the phone had no network
        log.put(list(log.lines(step, came=evening)), evening)
    run(log, [])
    assert not is_due(log.lake, evening + timedelta(hours=1))
    assert is_due(log.lake, evening + timedelta(hours=2))


def test_what_belongs_to_a_trip_that_is_over_changes_no_later_one(log: Log, new_lake: NewLake, tmp_path: Path) -> None:
    first, second = drive(), drive(MORNING + timedelta(hours=4), odometer=20_008.0)
    run(log, [*first, *second])
    late = new_log(new_lake(tmp_path / "late"))
    late.steps([*first, *second[:3]])
    middle = MORNING + timedelta(hours=4, minutes=3)
    for step in (first[2], {**first[5], "event": "end", "t": first[5]["t"].replace(".000Z", ".500Z")}):
        late.put(list(late.lines(step, came=middle)), middle)
    run(late, second[3:])
    assert [row[:-1] for row in rows(late.lake)["car_trips"]] == [row[:-1] for row in rows(log.lake)["car_trips"]]


@pytest.mark.parametrize("came_ahead", [5, 12], ids=["a trip under way", "a whole trip"])
def test_trips_are_found_once_a_clock_that_was_ahead_is_right_again(log: Log, came_ahead: int) -> None:
    """Of a phone that sends no times."""
    begin = MORNING + timedelta(hours=4)
    run(log, [*drive(MORNING + 30 * DAY)[:came_ahead], *drive(begin, odometer=20_008.0)])
    with reading(log.lake) as connection:
        starts = connection.execute("SELECT start_time FROM car_trips ORDER BY ALL").fetchall()
    assert starts == [(begin,), (MORNING + 30 * DAY,)][: 2 if came_ahead == 12 else 1]


def test_events_of_one_moment_give_no_key_twice(log: Log) -> None:
    steps = []
    for place in (0.0, 0.5, 1.0):
        for event in ("start", "end"):
            steps.append(
                {"t": "2026-03-04T06:30:00.000Z", "event": event, "gps": {"lat": 51 + place, "lng": 4.0}, "api": {}}
            )
    run(log, steps)
    for table, found in rows(log.lake).items():
        assert len({row[0] for row in found}) == len(found), table


def test_a_run_that_died_before_its_merge_is_noticed(log: Log) -> None:
    log.steps(drive())
    move_to_bronze(log.lake, MORNING + DAY)
    assert is_due(log.lake, MORNING + DAY)
    merge_replay(log.lake)
    assert not is_due(log.lake, MORNING + DAY)
    (log.lake.state / "car_tracker.json").unlink()
    assert is_due(log.lake, MORNING + DAY)
