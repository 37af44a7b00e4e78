"""The state: its name, its keys, and that it is the same after it was written down and read back."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strava_pipeline.trips.car.rules.config import Limits, Position
from strava_pipeline.trips.car.rules.trip import (
    Cache,
    LastTrip,
    Point,
    TrackerState,
    cache_json,
    read_state,
    state_json,
    state_name,
)
from strava_pipeline_tests.present import there
from strava_pipeline_tests.trips.car.rules.made import (
    MONDAY,
    Drive,
    driving,
    gps_only,
    identifying,
    parking,
    paused,
    restarted,
)

KEYS = {
    "active", "user_id", "car_id", "car_name", "start_time", "start_odo", "last_odo", "no_driving_count", "parked_count",
    "skip_pause_count", "api_error_count", "gps_events", "gps_trail", "audi_gps", "gps_only_mode", "end_triggered",
}  # fmt: skip
OURS = {"x_odo_anchor", "x_last_counted_at", "x_last_event_at", "x_parked_since", "x_odo_partial", "x_resumes_trip_id"}


def cache(**values: Any) -> Cache:
    return Cache("u7", MONDAY, MONDAY, MONDAY, **values)


@pytest.mark.parametrize(
    ("held", "name"),
    [
        (None, "idle"),
        (cache(skip_pause_count=1, gps_only_mode=True), "paused_at_skip"),
        (cache(skip_pause_count=1, car_id="ada", parked_count=2), "paused_at_skip"),
        (cache(gps_only_mode=True), "gps_only"),
        (cache(gps_only_mode=True, car_id="ada", parked_count=2), "gps_only"),
        (cache(parked_count=2), "identifying"),
        (cache(car_id="ada", parked_count=1), "parking"),
        (cache(car_id="ada"), "driving"),
    ],
)
def test_the_first_name_that_fits_is_the_states(held: Cache | None, name: str) -> None:
    assert state_name(held) == name


@pytest.mark.parametrize("make", [identifying, driving, parking, paused, gps_only])
def test_a_cache_has_every_key_and_further_ones_begin_with_x(make: type[Drive]) -> None:
    shown = there(cache_json(make().cache))
    assert shown.keys() == KEYS | OURS
    assert shown["active"] is True


def test_a_cache_is_shown_with_instants_in_utc() -> None:
    held = cache(
        car_id="ada",
        end_triggered=MONDAY + 0.25,
        x_parked_since=0.0,
        gps_events=(Point(0.0, -0.5, MONDAY + 1, is_skip=True),),
        gps_trail=(Point(1.0, 2.0, MONDAY + 2),),
        audi_gps=Point(1.0, 2.0, MONDAY + 2),
    )
    shown = there(cache_json(held))
    assert {name: shown[name] for name in ("start_time", "end_triggered", "x_last_counted_at", "x_last_event_at")} == {
        "start_time": "2026-06-01T08:00:00.000Z",
        "end_triggered": "2026-06-01T08:00:00.250Z",
        "x_last_counted_at": "2026-06-01T08:00:00.000Z",
        "x_last_event_at": "2026-06-01T08:00:00.000Z",
    }
    assert shown["x_parked_since"] == "1970-01-01T00:00:00.000Z"
    assert shown["gps_events"] == [{"lat": 0.0, "lng": -0.5, "timestamp": "2026-06-01T08:00:01.000Z", "is_skip": True}]
    car = {"lat": 1.0, "lng": 2.0, "timestamp": "2026-06-01T08:00:02.000Z", "is_skip": False}
    assert (shown["gps_trail"], shown["audi_gps"]) == ([car], car)
    assert cache_json(None) is None


def test_who_changes_what_is_shown_changes_nothing_else() -> None:
    held = cache(gps_events=(Point(1.0, 2.0, MONDAY),))
    first = there(cache_json(held))
    first["gps_events"][0].clear()
    assert there(cache_json(held))["gps_events"][0]["lat"] == 1.0


def test_who_changes_what_was_read_from_changes_no_state() -> None:
    state = TrackerState(cache(gps_events=(Point(1.0, 2.0, MONDAY),)), {"ada": Position(1.0, 2.0)})
    written = state_json(state)
    read = read_state(written)
    written["last_parked_gps"].clear()
    written["cache"]["gps_events"].clear()
    assert read == state


numbers = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | numbers
points = st.builds(Point, numbers, numbers, numbers, st.booleans())
trails = st.lists(points, max_size=3).map(tuple)
counts = st.integers(0, 500)
texts = st.text(max_size=5)
caches = st.builds(
    Cache, texts, numbers, numbers, numbers, st.just(True), st.none() | texts, st.none() | texts, maybe, maybe, counts, counts,
    counts, counts, trails, trails, st.none() | points, st.booleans(), maybe, maybe, maybe, st.booleans(), st.none() | texts,
)  # fmt: skip
states = st.builds(
    TrackerState,
    st.none() | caches,
    st.dictionaries(texts, st.builds(Position, numbers, numbers), max_size=2),
    st.none() | st.builds(LastTrip, texts, st.none() | texts, numbers, maybe),
)


@given(states)
def test_what_is_written_is_read_as_the_same(state: TrackerState) -> None:
    assert restarted(state) == state
    assert json.dumps(state_json(restarted(state))) == json.dumps(state_json(state))


@pytest.mark.parametrize(
    "json",
    [
        {},
        {"format": "car-tracker-state/0"},
        {"format": "car-tracker-state/1"},
        {"format": "car-tracker-state/1", "cache": {}, "last_parked_gps": {}, "last_trip": None},
        {"format": "car-tracker-state/1", "cache": [], "last_parked_gps": {}, "last_trip": None},
        {"format": "car-tracker-state/1", "cache": None, "last_parked_gps": {"ada": {"lat": 1}}, "last_trip": None},
        {"format": "car-tracker-state/1", "cache": None, "last_parked_gps": None, "last_trip": None},
        {"format": "car-tracker-state/1", "cache": None, "last_parked_gps": {}, "last_trip": {"end": 1}},
        {**state_json(driving().state), "cache": {**state_json(driving().state)["cache"], "x_new": 1}},
    ],
)
def test_what_this_version_did_not_write_is_no_state(json: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="car-tracker-state/1"):
        read_state(json)


def test_limits_are_no_part_of_a_state() -> None:
    assert driving(limits=Limits(parked_count=9)).state == driving().state
