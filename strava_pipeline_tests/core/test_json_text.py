"""core.json_text: reading is `json`'s to the last digit, writing is strict JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava_pipeline.core.json_text import json_text, parse_json


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
    @settings(max_examples=200)
    @given(st.integers(-(2**70), 2**70) | st.floats(allow_nan=False))
    def holds(number: float) -> None:
        found = parse_json(json.dumps([number]).encode())[0]
        assert (type(found), found) == (type(number), number)

    holds()
