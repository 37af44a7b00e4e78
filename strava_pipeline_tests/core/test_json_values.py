"""JSON is read to the last digit and written strictly; timestamps are instants in every form in which phones send them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.json_values import format_instant, format_milliseconds, json_text, parse_instant, parse_json
from strava_pipeline_tests.examples import examples


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, None, True]}, '{"a":[1,2.5,null,true]}'),
        ("Grüße 👋", '"Grüße 👋"'),
        ("\ud83d", '"\\\\ud83d"'),
        ("\ud83d\ude00", '"\\\\ud83d\\\\ude00"'),
        ([float("nan"), {"x": float("-inf")}], '["NaN",{"x":"-Infinity"}]'),
        ("\0\ufeff", '"\\u0000\ufeff"'),
        (2**64, "18446744073709551616"),
    ],
)
def test_json_text_is_strict_json_in_utf_8(value: Any, text: str) -> None:
    assert json_text(value) == text
    json.loads(text.encode(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": 9223372036854775807}',
        b"[9999999999999999999, -9223372036854775808, -9999999999999999999, -999999999999999999]",
        b"[18446744073709551615, 18446744073709551616, -9223372036854775809, 123456789012345678901234567890]",
        b"[0.1234567890123456789, 1e5, -0, -0.0, 1e16, 5.0]",
        b"[NaN, Infinity, -Infinity, 1e400]",
        b'["\\ud800", "\\ud83d\\ude00", "\\u0000"]',
        b"\xef\xbb\xbf[1]",
        '["ü"]'.encode("utf-16"),
        b'{"a": 1, "a": 2}',
        b" [] ",
        b"[" * 500 + b"]" * 500,
    ],
)
def test_what_is_read_is_what_json_reads(body: bytes) -> None:
    assert repr(parse_json(body)) == repr(json.loads(body))


@pytest.mark.parametrize("body", [b"", b"{", b"[01]", b"<html>", b'"\xff"', b"[1] x", b'["\x00"]'])
def test_what_is_no_json_raises_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(body)


def test_whatever_number_stands_in_a_text_it_is_read_exactly() -> None:
    @settings(max_examples=examples(200))
    @given(st.integers(-(2**70), 2**70) | st.floats(allow_nan=False))
    def holds(number: float) -> None:
        found = parse_json(json.dumps([number]).encode())[0]
        assert (type(found), found) == (type(number), number)

    holds()


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
