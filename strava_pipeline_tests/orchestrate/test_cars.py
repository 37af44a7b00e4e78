"""Trips by car from pings that were posted, with a scripted car: in gold they are those that a replay of the steps gives."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from strava_pipeline.core.pings.people import read_people
from strava_pipeline.core.trips.car.result import result_json
from strava_pipeline.core.trips.car.scenarios import read_scenarios, run_scenario
from strava_pipeline.ingest.cars.connect import oracle_of
from strava_pipeline.serve.app import Phones, create_app
from strava_pipeline.serve.server import serving
from strava_pipeline_tests.pings import MORNING, body_of, config, drive, nobody_drives, scenarios
from strava_pipeline_tests.rig import Rig

Make = Callable[..., Rig]
TOKEN = "a-token-of-the-tests"


def people(*configs: dict[str, Any]) -> dict[str, Any]:
    """cars.toml of these users; the second one's token ends with 1, and so on."""
    return {
        "users": [
            {name: one[name] for name in ("user_id", "timezone", "cars", "locations")} | {"token": f"{TOKEN}-{number}"}
            for number, one in enumerate(configs)
        ]
    }


@contextmanager
def phones(rig: Rig, script: dict[str, Any], said: list[str] | None = None) -> Iterator[str]:
    """The intake of the rig's folder, its cars following the script."""
    file = rig.folder / "script.json"
    file.write_text(json.dumps(script))
    told = read_people(people(*(scenario["config"] for scenario in script["scenarios"])))
    with oracle_of(rig.settings, told, file) as oracle:
        app = create_app(
            rig.lake,
            say=(said if said is not None else []).append,
            now=lambda: datetime.now(UTC),
            phones=Phones(told, oracle, scripted=True),
        )
        with serving(app) as url:
            yield url


def post(url: str, steps: Sequence[dict[str, Any]], number: int = 0) -> None:
    for step in steps:
        if step["event"] != "clock":
            answer = requests.post(f"{url}/pings/{TOKEN}-{number}", json=body_of(step), timeout=10)
            assert answer.status_code == 200, answer.text


def status(url: str, number: int = 0) -> dict[str, Any]:
    return dict(requests.get(f"{url}/pings/{TOKEN}-{number}/status", timeout=10).json())


def expected(script: dict[str, Any]) -> list[dict[str, Any]]:
    """The trips of a replay of the script itself."""
    results = [result for scenario in read_scenarios(script) for result in run_scenario(scenario)]
    return [told["trip"] for told in map(result_json, results) if told["trip"]]


def in_gold(rig: Rig) -> list[dict[str, Any]]:
    columns = "trip_id, car_id, start_time, end_time, distance_km, distance_source, classification, start_location, end_location, via"
    rows = rig.gold(f"SELECT {columns} FROM car_trips ORDER BY start_time")
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
    script = scenarios((config(), steps))
    said: list[str] = []
    with phones(rig, script, said) as url:
        post(url, steps)
        rig.run("car_trips", pings={"safety_net": False})
        live = status(url)
    assert (live["state"], live["waiting"]) == ("idle", 0)
    assert_same(rig, expected(script))
    assert rig.gold("SELECT reason, no_driving_count FROM car_trip_cancellations") == [("no_driving_car", 3)]
    assert rig.failed_checks(rig.remembered.get_runs(limit=1)[0].run_id) == []
    assert not any(TOKEN in line or "51.0" in line for line in said)
