"""Events and answers as they come in JSON: what counts as a time, a position, an odometer, and what doesn't."""

from typing import Any

import pytest

from strava_pipeline.trips.car.rules.events import CarAnswer, Event, NoEventError, read_answer, read_event

T = 1_780_300_800.0


@pytest.mark.parametrize(
    ("t", "instant"),
    [
        (T, T),
        (T * 1000, T),
        (1_780_300_800_250, T + 0.25),
        ("2026-06-01T08:00:00Z", T),
        ("2026-06-01T08:00:00", T),
        ("2026-06-01T10:00:00.5+02:00", T + 0.5),
        (0, 0.0),
        (-5, -5.0),
    ],
)
def test_a_time_is_seconds_milliseconds_or_text(t: Any, instant: float) -> None:
    assert read_event({"t": t, "event": "ping"}) == Event("ping", instant)


@pytest.mark.parametrize(
    ("gps", "position"),
    [
        ({"lat": 0.0, "lng": 0.0}, (0.0, 0.0)),
        ({"lat": 0, "lon": 0}, (0.0, 0.0)),
        ({"lat": 1.5, "lng": 2.5, "lon": 9.0}, (1.5, 2.5)),
        ({"lat": 1.5, "lng": None, "lon": 9.0}, (1.5, 9.0)),
        ({"lat": -90, "lng": 180}, (-90.0, 180.0)),
        ({"lat": 90.1, "lng": 0}, None),
        ({"lat": 0, "lng": -180.5}, None),
        ({"lat": "1", "lng": 2}, None),
        ({"lat": True, "lng": 2}, None),
        ({"lat": float("nan"), "lng": 2}, None),
        ({"lat": 1}, None),
        ({"lng": 1}, None),
        ([1, 2], None),
        ("1,2", None),
        (None, None),
    ],
)
def test_gps_is_two_numbers_on_the_earth_or_nothing(gps: Any, position: tuple[float, float] | None) -> None:
    event = read_event({"t": T, "event": "end", "gps": gps})
    assert event == Event("end", T, *(position or (None, None)))
    assert event.position == position


@pytest.mark.parametrize(
    ("timestamp", "gps_at"),
    [(T - 5, T - 5), ("2026-06-01T07:59:55Z", T - 5), ((T - 5) * 1000, T - 5), (0, 0.0), ("soon", None), (1e300, None), (None, None)],
)  # fmt: skip
def test_a_position_may_have_a_time_of_its_own(timestamp: Any, gps_at: float | None) -> None:
    gps = {"lat": 1.0, "lng": 2.0, "timestamp": timestamp}
    assert read_event({"t": T, "event": "ping", "gps": gps}) == Event("ping", T, 1.0, 2.0, gps_at)


@pytest.mark.parametrize(("bluetooth", "car"), [("ada", "ada"), ("", None), (7, None), (None, None), (["ada"], None)])
def test_bluetooth_is_text_or_nothing(bluetooth: Any, car: str | None) -> None:
    assert read_event({"t": T, "event": "start", "bluetooth": bluetooth}) == Event("start", T, bluetooth=car)


@pytest.mark.parametrize(
    "json",
    [
        *({}, {"event": "ping"}, {"t": T}),
        *({"t": t, "event": "ping"} for t in ("S3CRET", None, True, 1e300)),
        *({"t": t, "event": "ping"} for t in ("9999-12-31T12:00:00Z", "0001-01-01T00:00:00Z")),
        *({"t": T, "event": event} for event in ("S3CRET", "Ping", ["ping"], None)),
    ],
)
def test_without_a_time_or_a_known_name_it_is_no_event_and_the_error_tells_no_value(json: dict[str, Any]) -> None:
    with pytest.raises(NoEventError, match=r"^(t|event): expected") as refused:
        read_event(json)
    assert "S3CRET" not in str(refused.value)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("values", [("ping", float("nan")), ("drive", T), ("ping", T, 1.0), ("ping", T, None, 1.0)])
def test_a_wrong_event_cannot_be_built_either(values: tuple[Any, ...]) -> None:
    with pytest.raises(NoEventError):
        Event(*values)


@pytest.mark.parametrize(
    ("json", "answer"),
    [
        ({"is_parked": True, "odometer": 1, "lat": 0, "lng": 0}, CarAnswer(True, 1.0, 0.0, 0.0)),
        ({"is_parked": False, "odometer": 0.0, "lat": 1, "lon": 2}, CarAnswer(False, 0.0, 1.0, 2.0)),
        ({"is_parked": None, "odometer": 0}, CarAnswer(None, 0.0)),
        ({"is_parked": 1, "odometer": "12"}, CarAnswer()),
        ({"is_parked": "false", "odometer": True, "lat": 1}, CarAnswer()),
        ({"odometer": float("nan"), "lat": 1, "lng": 2}, CarAnswer(None, None, 1.0, 2.0)),
        ({}, CarAnswer()),
        ("error", None),
        (None, None),
        ([], None),
        (5, None),
    ],
)
def test_an_answer_is_an_object_and_anything_else_an_error(json: Any, answer: CarAnswer | None) -> None:
    assert read_answer(json) == answer


@pytest.mark.parametrize(
    ("answer", "usable"),
    [
        (CarAnswer(), False),
        (CarAnswer(None, None, 1.0, 2.0), False),
        (CarAnswer(True), True),
        (CarAnswer(False), True),
        (CarAnswer(None, 0.0), True),
    ],
)
def test_an_answer_is_usable_when_it_tells_of_driving(answer: CarAnswer, usable: bool) -> None:
    assert answer.is_usable is usable
