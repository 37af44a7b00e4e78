"""Timestamps of trips, in every form in which they are sent."""

from typing import Any

import pytest

from strava_pipeline.core.trips.values import format_instant, format_milliseconds, parse_instant


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        (1767572087.527, 1767572087.527),
        (1767581900164, 1767581900.164),
        (100_000_000_000, 1e11),
        (100_000_000_001, 100_000_000.001),
        (-100_000_000_001, -100_000_000.001),
        ("1970-01-01T00:00:01Z", 1.0),
        (" 1970-01-01T01:00:01+01:00 ", 1.0),
        ("1970-01-01 00:00:01.5", 1.5),
        ("1970-01-02", 86400.0),
        ("9999-12-31T00:00:00Z", 253402214400.0),  # beyond what tells milliseconds from seconds, but text
    ],
)
def test_seconds_milliseconds_and_texts_are_instants(value: Any, seconds: float) -> None:
    assert parse_instant(value) == seconds


@pytest.mark.parametrize(
    "value",
    [None, True, "", "soon", "20260105", "1767572087", "2026-13-01", float("nan"), float("-inf"), 10**400, [], {}],
)
def test_everything_else_is_none(value: Any) -> None:
    assert parse_instant(value) is None


@pytest.mark.parametrize(
    ("seconds", "export", "car"),
    [
        (0.0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        (1_768_826_096.0, "2026-01-19T12:34:56Z", "2026-01-19T12:34:56.000Z"),
        (1_768_826_096.789, "2026-01-19T12:34:56.789Z", "2026-01-19T12:34:56.789Z"),
        (1_768_826_096.9996, "2026-01-19T12:34:57Z", "2026-01-19T12:34:57.000Z"),
        (None, None, None),
        (1e300, None, None),
    ],
)
def test_exports_leave_out_a_fraction_of_zero_and_trips_by_car_never_do(
    seconds: float | None, export: str | None, car: str | None
) -> None:
    assert (format_instant(seconds), format_milliseconds(seconds)) == (export, car)
