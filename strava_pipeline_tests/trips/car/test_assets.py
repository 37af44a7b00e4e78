"""Trips by car from pings that were posted, with a scripted car: in gold they are those that a replay of the steps gives."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.trips.car.rules.events import result_json
from strava_pipeline.trips.car.rules.scenarios import read_scenarios, run_scenario
from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.car.logs import MORNING, at, config, drive, nobody_drives, scenarios
from strava_pipeline_tests.trips.car.phones import TOKEN, phones, post, settled, status

Make = Callable[..., Rig]


def expected(script: dict[str, Any]) -> list[dict[str, Any]]:
    """The trips of a replay of the script itself."""
    results = [result for scenario in read_scenarios(script) for result in run_scenario(scenario)]
    trips = [told["trip"] for told in map(result_json, results) if told["trip"]]
    return sorted(trips, key=lambda trip: trip["trip_id"])


def in_gold(rig: Rig) -> list[dict[str, Any]]:
    columns = "trip_id, car_id, start_time, end_time, distance_km, distance_source, classification, start_location, end_location, via"
    rows = rig.gold(f"SELECT {columns} FROM car_trips ORDER BY trip_id")
    return [dict(zip(columns.split(", "), row, strict=True)) for row in rows]


def assert_same(rig: Rig, trips: list[dict[str, Any]]) -> None:
    found = in_gold(rig)
    assert [trip["trip_id"] for trip in found] == [trip["trip_id"] for trip in trips]
    for here, there in zip(found, trips, strict=True):
        for name, value in here.items():
            wanted = there[name]
            assert value == (datetime.fromisoformat(wanted) if name.endswith("_time") else wanted), name
    points = dict(rig.gold("SELECT trip_id, count(*) FROM car_trip_points GROUP BY 1"))
    assert points == {trip["trip_id"]: len(trip["gps_trail"]) for trip in trips}


def test_what_is_posted_comes_to_the_trips_of_a_replay(make_rig: Make) -> None:
    rig = make_rig(activities=1)
    steps = [
        *drive(),
        *nobody_drives(MORNING + timedelta(hours=3)),
        *drive(MORNING + timedelta(hours=9), 5, odometer=20_100.0),
    ]
    script = scenarios((config(last_parked_gps={"zoe": at(-0.2)}), steps))
    said: list[str] = []
    with phones(rig, script, said) as url:
        post(url, steps)
        done = rig.do("car_trips", pings={"safety_net": False})
        live = status(url)
    assert (live["state"], live["waiting"]) == ("idle", 0)
    assert_same(rig, expected(script))
    assert rig.gold("SELECT reason, no_driving_count FROM car_trip_cancellations") == [("no_driving_car", 3)]
    assert done.broken_rules == []
    assert not any(secret in line for line in said for secret in (TOKEN, "4.654321", "51.0"))


@pytest.mark.dear
@pytest.mark.parametrize("every", [1, 4])
def test_restarts_between_events_change_nothing(make_rig: Make, every: int) -> None:
    rig = make_rig(activities=1)
    steps = [*drive(), *nobody_drives(MORNING + timedelta(hours=3))]
    steps += drive(MORNING + timedelta(hours=9), odometer=20_100.0)
    script = scenarios((config(), steps))
    for begin in range(0, len(steps), every):
        with phones(rig, script) as url:
            post(url, steps[begin : begin + every])
            settled(url)
        if begin % 3 == 0:
            rig.do("car_trips", pings={"safety_net": False})
    assert rig.do("car_trips", pings={"safety_net": False}).broken_rules == []
    assert_same(rig, expected(script))


def test_two_users_do_not_mix(make_rig: Make) -> None:
    rig = make_rig(activities=1)
    two = drive(MORNING + timedelta(seconds=20), 5, odometer=300.0)
    script = scenarios((config("anna"), drive()), (config("berta"), two))
    with phones(rig, script) as url:
        for first, second in zip(drive(), [*two, *two[-3:]], strict=False):
            post(url, [first])
            post(url, [second], 1)
        rig.do("car_trips", pings={"safety_net": False})
    trips = rig.gold("SELECT user_id, distance_km FROM car_trips ORDER BY 1")
    assert trips == [("anna", 8.0), ("berta", 5.0)]


@pytest.mark.dear
def test_the_safety_net_ends_a_trip_that_nothing_is_heard_of(make_rig: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(activities=1)
    steps = drive()[:6]
    with phones(rig, scenarios((config(), steps))) as url:
        post(url, steps)
        settled(url)
        rig.do("car_trips", pings={"safety_net": False})
        assert in_gold(rig) == []
        assert status(url)["state"] == "driving"
        rig.do("car_trips")
        assert in_gold(rig) == []  # it came a moment ago
        in_three_hours = datetime.now(UTC) + timedelta(hours=3)
        monkeypatch.setattr(ServerClock, "local", lambda clock: in_three_hours)
        rig.do("car_trips")
        (trip,) = in_gold(rig)
        # no car can be asked by a run of these tests: the length is that of the points
        assert (trip["via"], trip["distance_source"]) == ("safety_net", "haversine")
        assert trip["end_time"] == MORNING + timedelta(seconds=5 * 70)
        until(lambda: status(url)["state"], lambda state: state == "idle")
        rig.do("car_trips")
    assert len(in_gold(rig)) == 1
    assert rig.do("car_trips").broken_rules == []


@pytest.mark.dear
def test_nothing_of_their_places_is_in_dagsters_records_or_logs(
    make_rig: Make, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig(activities=1)
    with phones(rig, scenarios((config(), drive()))) as url:
        post(url, drive())
        settled(url)
        rig.run("car_trips")
    (run,) = rig.remembered.get_runs(limit=1)
    records = [str(entry) for entry in rig.remembered.all_logs(run.run_id)]
    logs = [path.read_text() for path in rig.settings.logs_dir.rglob("*") if path.is_file()]
    written = "\n".join([*records, *logs, caplog.text])
    assert "car_trips" in written
    places = [str(at(km)["lat"]) for km in range(1, 9)]
    assert not any(secret in written for secret in ("4.654321", TOKEN, *places))


@pytest.mark.dear
def test_metadata_tells_what_is_worth_watching(make_rig: Make) -> None:
    rig = make_rig(activities=1)
    steps, coming = [*drive(), *nobody_drives(MORNING + timedelta(hours=3))], datetime.now(UTC).year
    with phones(rig, scenarios((config(), steps))) as url:
        post(url, steps)
        settled(url)
        came = rig.run("car_trips", years=[coming]).metadata  # a ping is of the year of its coming, a trip of its own
        trips = rig.run("car_trips", years=[2026]).metadata["car_trips"]
    assert trips["cancellation_rate"] == 0.5
    assert (trips["cancelled_trips"], trips["cancelled_trips_by_reason"]) == (1, {"no_driving_car": 1})
    assert trips["points_per_trip"] == 24.0
    assert trips["dagster/row_count"] == 1
    assert came["pings"]["pings_received"] == came["pings"]["pings_of_year"] == len(steps)
    assert came["car_readings"]["dagster/partition_row_count"] == 15
    assert came["car_readings"]["api_errors"] == 0


def test_a_run_of_another_year_tells_all_that_it_took_in(make_rig: Make) -> None:
    """On the last day of a year the newest partition is the next one, hours before a ping can be of it."""
    rig = make_rig(activities=1)
    with phones(rig, scenarios((config(), drive()))) as url:
        post(url, drive())
        settled(url)
        told = rig.run("car_trips", years=[2025]).metadata["pings"]
    assert (told["pings_received"], told["pings_of_year"]) == (len(drive()), 0)


@pytest.mark.dear
def test_a_run_without_pings_does_nothing_and_says_so(make_rig: Make) -> None:
    rig = make_rig(activities=1)
    rig.do("flow")
    rig.run("car_trips")
    assert in_gold(rig) == []
    assert not rig.lake.pings.exists()


@pytest.mark.dear
def test_a_rebuild_makes_the_same_trips(make_rig: Make) -> None:
    rig = make_rig(activities=1)
    rig.do("flow")
    with phones(rig, scenarios((config(), drive()))) as url:
        post(url, drive())
        settled(url)
        rig.do("car_trips")
    before = rig.gold("SELECT * FROM car_trips"), rig.gold("SELECT * FROM car_trip_points ORDER BY sequence")
    rig.do("rebuild")
    assert (rig.gold("SELECT * FROM car_trips"), rig.gold("SELECT * FROM car_trip_points ORDER BY sequence")) == before
