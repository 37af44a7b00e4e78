"""Limits: the defaults are the specified ones, any can be set, and nothing that makes no sense."""

from dataclasses import asdict, fields

import pytest

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.trips.car.config import Limits, limits_with, rounded

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


def test_a_count_stays_a_whole_number() -> None:
    assert [type(getattr(limits_with(["parked_count=4"]), limit.name)) for limit in fields(Limits)] == [
        limit.type for limit in fields(Limits)
    ]


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


def test_a_wrong_limit_cannot_be_built_either() -> None:
    with pytest.raises(MisuseError):
        Limits(parked_count=0)


def test_values_are_held_against_limits_to_a_millionth() -> None:
    assert rounded(0.1 + 0.2) == 0.3
    assert rounded(0.300001) > 0.3
