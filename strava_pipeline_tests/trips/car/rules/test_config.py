"""Configurations, limits and areas: what is accepted, and what an error says."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.geodesy import area_of
from strava_pipeline.trips.car.rules.config import (
    Car,
    CarConfig,
    CarConfigError,
    Limits,
    Place,
    config_json,
    limits_with,
    read_config,
    rounded,
)
from strava_pipeline_tests.trips.car.rules.made import CONFIG

WHOLE: dict[str, Any] = {
    "user_id": "u7",
    "timezone": "America/Lima",
    "cars": [
        {"car_id": "ada", "name": "Ada", "has_credentials": True},
        {"car_id": "cab", "has_credentials": False},
    ],
    "locations": [
        {"name": "Gym", "kind": "skip", "lat": 0.0, "lng": 0},
        {"name": "Desk", "kind": "office", "lat": -90, "lon": 180.0},
        {"name": "Attic", "kind": "home", "lat": 1.5, "lng": None, "lon": -2.5, "radius_m": 30},
        {"name": "Bay", "kind": "other", "lat": 1.5, "lng": 2.5, "lon": 99, "radius_m": 0.0},
    ],
    "osrm": {"code": "Ok"},
}  # fmt: skip


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """The whole configuration, but for one field."""
    made: dict[str, Any] = json.loads(json.dumps(WHOLE))
    inner: Any = made
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = to
    return made


def test_a_configuration_is_read() -> None:
    assert read_config(WHOLE) == CarConfig(
        "u7",
        "America/Lima",
        (Car("ada", "Ada", True), Car("cab", "cab", False)),
        (
            Place("Gym", "skip", 0.0, 0.0, 200.0),
            Place("Desk", "office", -90.0, 180.0, 150.0),
            Place("Attic", "home", 1.5, -2.5, 30.0),
            Place("Bay", "other", 1.5, 2.5, 0.0),
        ),
    )


def test_radii_that_are_not_told_are_the_limits() -> None:
    read = read_config(WHOLE, Limits(skip_radius_m=80.0, location_radius_m=70.0))
    assert [place.radius_m for place in read.locations] == [80.0, 70.0, 30.0, 0.0]


@pytest.mark.parametrize("config", [CONFIG, read_config(WHOLE), CarConfig("u", "UTC", (), ())])
def test_what_is_written_is_read_as_the_same(config: CarConfig) -> None:
    assert read_config(json.loads(json.dumps(config_json(config)))) == config


def test_cars_and_locations_may_be_missing() -> None:
    assert read_config({"user_id": "u", "timezone": "UTC"}) == CarConfig("u", "UTC", (), ())


def test_a_car_is_found_by_its_id() -> None:
    read = read_config(WHOLE)
    assert (read.car("cab"), read.car("CAB"), read.car(None)) == (read.cars[1], None, None)


SECRET = 47.123456


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("user_id",), "", "user_id: "),
        (("timezone",), "Europe", "timezone: expected a time zone"),
        (("timezone",), "a\0b", "timezone: expected a time zone"),
        (("cars",), "ada", "cars: "),
        (("cars", 1, "car_id"), "ada", "cars: expected ids that no other"),
        (("cars", 0, "has_credentials"), "yes", "cars[0].has_credentials: "),
        (("locations", 2), [SECRET], "locations[2]: "),
        (("locations", 2, "kind"), "castle", "locations[2].kind: "),
        (("locations", 2, "lat"), str(SECRET), "locations[2].lat: "),
        (("locations", 2, "lat"), SECRET * 2, "locations[2].lat: "),
        (("locations", 2, "lat"), True, "locations[2].lat: "),
        (("locations", 2, "lon"), float("nan"), "locations[2].lng: "),
        (("locations", 2, "radius_m"), -1, "locations[2].radius_m: "),
    ],
)
def test_a_faulty_field_is_told_by_its_place_alone(path: tuple[Any, ...], value: Any, where: str) -> None:
    with pytest.raises(CarConfigError) as refused:
        read_config(changed(*path, to=value))
    assert str(refused.value).startswith(where)
    assert "47" not in str(refused.value)
    assert refused.value.exit_code == 2


DEFAULTS = {
    "no_driving_count": 3, "api_error_count": 2, "parked_count": 3, "stale_s": 7200, "thinning_m": 50, "skip_radius_m": 200,
    "location_radius_m": 150, "odometer_km": 0.5, "counted_s": 50, "cooldown_s": 1800, "min_trip_km": 0.1,
    "long_route_percent": 5, "haversine_factor": 1.15,
}  # fmt: skip


def test_the_defaults_are_the_specified_ones() -> None:
    assert asdict(Limits()) == DEFAULTS
    assert limits_with([]) == Limits()


@pytest.mark.parametrize("name", DEFAULTS)
def test_each_can_be_set_and_no_other_changes(name: str) -> None:
    assert asdict(limits_with([f"{name}=7"])) == DEFAULTS | {name: 7}


def test_several_can_be_set_and_the_last_of_a_name_counts() -> None:
    assert limits_with(["parked_count=9", " parked_count = 4 ", "odometer_km=0"]) == Limits(
        parked_count=4, odometer_km=0.0
    )


@pytest.mark.parametrize(
    "assignment",
    [
        "", "=", "=3", "parked", "parked_count", "parked_count=", "parked_count=many", "parked_count=0", "parked_count=-1",
        "parked_count=2.5", "parked_count=nan", "parked_count=inf", "stale_s=-1", "stale_s=nan", "stale_s=inf", "min_trip_km=0,1",
        "PARKED_COUNT=3", "version=2",
    ],
)  # fmt: skip
def test_what_makes_no_limit_is_refused_with_the_names_that_there_are(assignment: str) -> None:
    with pytest.raises(MisuseError) as refused:
        limits_with([assignment])
    assert all(name in str(refused.value) for name in DEFAULTS)


def test_values_are_held_against_limits_to_a_millionth() -> None:
    assert rounded(0.1 + 0.2) == 0.3
    assert rounded(0.300001) > 0.3


@pytest.mark.parametrize(
    ("lat", "lng", "area"),
    [
        (52.123456, 4.654321, ("52.123", "4.654")),
        (-33.8688197, -70.6692655, ("-33.869", "-70.669")),
        (0.0, 0, ("0.000", "0.000")),
        (-0.0004, 0.0004, ("0.000", "0.000")),
        (90, -180, ("90.000", "-180.000")),
    ],
)
def test_an_area_is_a_position_to_three_decimals(lat: float, lng: float, area: tuple[str, str]) -> None:
    assert area_of(lat, lng) == area
