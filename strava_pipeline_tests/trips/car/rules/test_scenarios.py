"""Scenarios: replayed step by step into a result document; a faulty file is told by scenario and field."""

import copy
import json
from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.car.rules.config import Limits
from strava_pipeline.trips.car.rules.events import result_json
from strava_pipeline.trips.car.rules.scenarios import read_scenarios, result_parts, run_scenario

ALWAYS = {"status", "state", "cache", "trip", "api_calls", "osrm_coords"}


def gps(metres: float) -> dict[str, float]:
    return {"lat": metres / 111_195.08, "lon": 0.0}


def answer(parked: bool, odometer: float, metres: float) -> dict[str, Any]:
    return {"is_parked": parked, "odometer": odometer, **gps(metres)}


STEPS: list[dict[str, Any]] = [
    {"t": 1_780_300_800, "event": "ping", "gps": gps(0), "api": {"ada": answer(False, 0.0, 0.0)}},
    {"t": 1_780_300_860_000, "event": "ping", "gps": gps(3_000), "api": {"ada": answer(False, 3.0, 3_000)}},
    {"t": "2026-06-01T08:02:00Z", "event": "ping", "gps": gps(3_000), "api": {"ada": "error"}},
    {"t": "2026-06-01T08:02:15Z", "event": "ping", "gps": gps(3_010)},
    {"t": "2026-06-01T08:03:00Z", "event": "end", "gps": gps(3_000), "api": {"ada": answer(True, 3.2, 3_000)}, "fail_save": True},
    {"t": "2026-06-01T10:04:00+02:00", "event": "end", "gps": gps(3_000), "api": {}, "osrm": {"code": "Ok", "trail_m": 4000, "direct_m": 0}},
    {"t": "2026-06-01T08:10:00", "event": "ping", "bluetooth": "ada", "api": {"ada": answer(True, 3.2, 3_000)}},
]  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "format": "car-tracker-scenarios/1",
    "scenarios": [
        {
            "id": "to the shop",
            "title": "There",
            "covers": [],
            "config": {
                "user_id": "u7",
                "timezone": "Asia/Tokyo",
                "cars": [{"car_id": "ada", "name": "Ada", "has_credentials": True}],
                "locations": [{"name": "Port", "kind": "home", "lat": 0.0, "lng": 0.0, "radius_m": 60}],
                "osrm": {"code": "NoRoute", "trail_m": 1, "direct_m": 2},
                "last_parked_gps": {"ada": {"lat": 0.0, "lon": 0.0}, "bee": None},
            },
            "steps": STEPS,
        },
        {"id": "nothing", "config": {"user_id": "u8", "timezone": "UTC"}, "steps": []},
    ],
}


def replayed(document: Any, limits: Limits = Limits()) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(b"".join(result_parts(read_scenarios(document, limits), limits)))
    return made


def changed(*path: Any, to: Any) -> dict[str, Any]:
    made = copy.deepcopy(DOCUMENT)
    inner: Any = made
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = to
    return made


def test_a_document_has_a_result_for_each_step_of_each_scenario() -> None:
    made = replayed(DOCUMENT)
    assert made["format"] == "car-tracker-result/1"
    assert [(scenario["id"], len(scenario["steps"])) for scenario in made["scenarios"]] == [
        ("to the shop", 7),
        ("nothing", 0),
    ]
    assert made["scenarios"][0]["steps"] == [
        json.loads(json.dumps(result_json(result))) for result in run_scenario(read_scenarios(DOCUMENT)[0])
    ]


def test_steps_are_told_with_what_applies_and_nothing_else() -> None:
    steps = replayed(DOCUMENT)["scenarios"][0]["steps"]
    assert all(step.keys() >= ALWAYS for step in steps)
    told = [{name: step[name] for name in step if name not in ALWAYS} for step in steps]
    assert told == [
        {"counted": True, "total_km": 0.0, "car_id": "ada"},
        {"counted": True, "total_km": 3.0, "car_id": "ada"},
        {"counted": True, "error": "car_status_unavailable", "car_id": "ada"},
        {"counted": False, "car_id": "ada"},
        {"car_id": "ada"},
        {"car_id": "ada"},
        {},
    ]
    assert [(step["status"], step["state"], step["api_calls"], step["osrm_coords"]) for step in steps] == [
        ("trip_started", "driving", 1, []),
        ("driving", "driving", 1, []),
        ("ping_recorded", "driving", 1, []),
        ("ping_recorded", "driving", 0, []),
        ("finalize_failed", "driving", 1, [2]),
        ("finalized", "idle", 1, [3, 2]),
        ("cooldown_ignored", "idle", 1, []),
    ]


def test_the_router_of_a_step_answers_from_there_on() -> None:
    trip = replayed(DOCUMENT)["scenarios"][0]["steps"][5]["trip"]
    assert (trip["distance_km"], trip["distance_source"], trip["direct_km"]) == (4.0, "osrm", 0.0)
    assert (trip["deviation_percent"], trip["long_route"], trip["start_location"]) == (None, False, "Port")
    later = changed("scenarios", 0, "steps", 1, "osrm", to={"code": "Ok", "trail_m": 5000, "direct_m": 2500})
    later["scenarios"][0]["steps"][5].pop("osrm")
    trip = replayed(later)["scenarios"][0]["steps"][5]["trip"]
    assert (trip["distance_km"], trip["direct_km"]) == (5.0, 2.5)


def test_where_cars_were_left_before_is_known_from_the_first_step_on() -> None:
    document = changed("scenarios", 0, "config", "last_parked_gps", "ada", to={"lat": 1.0, "lon": 0.0})
    assert replayed(document)["scenarios"][0]["steps"][5]["trip"]["start_gps"] == {"lat": 1.0, "lng": 0.0}


@pytest.mark.parametrize(
    "osrm", [None, {}, {"code": "TooBig", "trail_m": 9}, {"code": "Ok"}, {"code": "Ok", "trail_m": None}, {"code": "Ok", "trail_m": "9"}]
)  # fmt: skip
def test_a_router_that_fails_is_no_router(osrm: Any) -> None:
    document = changed("scenarios", 0, "steps", 5, "osrm", to=osrm)
    trip = replayed(document)["scenarios"][0]["steps"][5]["trip"]
    assert (trip["distance_km"], trip["distance_source"], trip["direct_km"]) == (3.45, "haversine", None)


def test_what_is_expected_and_what_is_unknown_changes_nothing() -> None:
    document = copy.deepcopy(DOCUMENT)
    for step in document["scenarios"][0]["steps"]:
        step["expect"] = {"status": "finalized", "cache": None}
        step["note"] = "nothing"
    assert replayed(document) == replayed(DOCUMENT)


def test_limits_reach_the_steps_and_the_places() -> None:
    made = replayed(DOCUMENT, Limits(min_trip_km=4.5))["scenarios"][0]["steps"]
    assert (made[4]["status"], made[4]["reason"]) == ("cancelled", "below_min_distance")
    document = changed("scenarios", 0, "config", "locations", 0, "radius_m", to=None)
    read = read_scenarios(document, Limits(location_radius_m=7.0))
    assert read[0].config.locations[0].radius_m == 7.0


@pytest.mark.parametrize("document", [None, [], {}, {"format": "car-tracker-scenarios/2", "scenarios": []}, "x", 3])
def test_what_has_another_format_is_refused(document: Any) -> None:
    with pytest.raises(MisuseError, match="car-tracker-scenarios/1"):
        read_scenarios(document)


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("scenarios",), {}, "scenarios: expected a list"),
        (("scenarios", 1), None, "scenarios[1]: expected an object"),
        (("scenarios", 1, "id"), 7, "scenarios[1].id: expected text"),
        (("scenarios", 1, "steps"), None, "scenario nothing, steps: expected a list"),
        (("scenarios", 1, "config"), None, "scenario nothing, config: expected an object"),
        (("scenarios", 1, "config", "timezone"), "Moon", "scenario nothing, config.timezone: expected a time zone"),
        (("scenarios", 0, "config", "locations", 0, "lat"), 91.2345, "scenario to the shop, config.locations[0].lat: "),
        (("scenarios", 0, "config", "last_parked_gps", "ada", "lon"), 912.345, "config.last_parked_gps.ada.lng: "),
        (("scenarios", 0, "config", "osrm"), "Ok", "scenario to the shop, config.osrm: expected an object"),
        (("scenarios", 0, "steps", 3), None, "scenario to the shop, steps[3]: expected an object"),
        (("scenarios", 0, "steps", 3, "t"), "soon", "scenario to the shop, steps[3].t: expected"),
        (("scenarios", 0, "steps", 3, "t"), 1e20, "scenario to the shop, steps[3].t: expected"),
        (("scenarios", 0, "steps", 3, "event"), "stop", "scenario to the shop, steps[3].event: expected one of ping, start, end, clock"),
        (("scenarios", 0, "steps", 3, "api"), ["error"], "scenario to the shop, steps[3].api: expected an object"),
        (("scenarios", 0, "steps", 3, "osrm"), 5, "scenario to the shop, steps[3].osrm: expected an object"),
    ],
)  # fmt: skip
def test_a_faulty_field_is_told_by_its_place_alone(path: tuple[Any, ...], value: Any, where: str) -> None:
    with pytest.raises(MisuseError) as refused:
        read_scenarios(changed(*path, to=value))
    assert where in str(refused.value)
    assert "2345" not in str(refused.value)
    assert refused.value.exit_code == 2
