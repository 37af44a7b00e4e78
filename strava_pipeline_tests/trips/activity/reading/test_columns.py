"""What an encrypted column holds comes out as value and state; the five states are kept apart."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from strava_pipeline.trips.activity.reading.columns import Column, plain_json, read_column
from strava_pipeline.trips.activity.rules.bundle import State
from strava_pipeline_tests.trips.activity.sources import LOST, NEW, OLD, RING, sealed

LISTS, MIX = ("locations", "user_feedback"), "activity_distribution"
TOKEN = sealed([{"a": 0}])
ABSENT, UNDECRYPTABLE, MALFORMED, EMPTY, OK = State
FAILING: list[tuple[str, Any, State, int | None]] = [
    ("NULL", None, ABSENT, None),
    ("empty text", "", ABSENT, None),
    ("empty bytes", b"", ABSENT, None),
    ("empty memory", memoryview(b""), ABSENT, None),
    ("a space", " ", UNDECRYPTABLE, None),
    ("plain JSON", "[]", UNDECRYPTABLE, None),
    ("a lost key", sealed([1], LOST), UNDECRYPTABLE, None),
    ("cut off", TOKEN[:-9], UNDECRYPTABLE, None),
    ("not ASCII", "gAAAAABü🚲", UNDECRYPTABLE, None),
    ("half a surrogate", "gAAAAAB\ud800", UNDECRYPTABLE, None),
    ("bytes of no text", b"\xff\xfe\x00", UNDECRYPTABLE, None),
    ("a number", 7, UNDECRYPTABLE, None),
    ("zero", 0, UNDECRYPTABLE, None),
    ("nothing in it", sealed(b""), MALFORMED, 0),
    ("not UTF-8", sealed(b'["\xff"]'), MALFORMED, 0),
    ("UTF-16", sealed("[1]".encode("utf-16")), MALFORMED, 0),
    ("cut JSON", sealed(b'[{"a": 1', OLD), MALFORMED, 1),
    ("two documents", sealed(b"[1] [2]"), MALFORMED, 0),
    ("only NaN", sealed(b"NaN"), MALFORMED, 0),
    ("too deep", sealed(b"[" * 100_000), MALFORMED, 0),
    ("text", sealed("[]"), MALFORMED, 0),
    ("a number in it", sealed(0), MALFORMED, 0),
    ("false", sealed(False), MALFORMED, 0),
    ("an empty list", sealed([]), EMPTY, 0),
    ("an empty object", sealed({}, OLD), EMPTY, 1),
    ("null", sealed(None), EMPTY, 0),
]


@pytest.mark.parametrize("column", [*LISTS, MIX])
@pytest.mark.parametrize(
    ("content", "state", "index"), [case[1:] for case in FAILING], ids=[case[0] for case in FAILING]
)
def test_a_column_without_a_value_tells_why(column: str, content: Any, state: State, index: int | None) -> None:
    nothing: Any = [] if column in LISTS else {} if state in (ABSENT, EMPTY) else None
    assert read_column(column, content, RING.keys) == Column(nothing, state, index)


@pytest.mark.parametrize("column", LISTS)
def test_an_object_is_malformed_where_a_list_belongs(column: str) -> None:
    assert read_column(column, sealed({"a": 1}), RING.keys) == Column([], MALFORMED, 0)


def test_a_list_is_malformed_where_an_object_belongs() -> None:
    assert read_column(MIX, sealed([0]), RING.keys) == Column(None, MALFORMED, 0)


@pytest.mark.parametrize(
    "form", [str, str.encode, lambda text: memoryview(text.encode()), lambda text: bytearray(text.encode())]
)
@pytest.mark.parametrize(("by", "index"), [(NEW, 0), (OLD, 1)])
def test_a_value_is_read_from_text_and_bytes_alike(form: Any, by: str, index: int) -> None:
    held = [{"latitude": 0.0, "longitude": -0.5, "speed": 0}, None, "point", [1], False]
    assert read_column("locations", form(sealed(held, by)), RING.keys) == Column(held, OK, index)
    assert read_column(MIX, form(sealed({"cycling": 0}, by)), RING.keys) == Column({"cycling": 0}, OK, index)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'[NaN, {"a": [Infinity, -Infinity]}, 1.5]', [None, {"a": [None, None]}, 1.5]),
        (b"[1e999, -1e999, 1e300]", [None, None, 1e300]),
        (b'["cut \\ud83d", "\\ud83d\\ude80"]', ["cut \ufffd", "🚀"]),
        (b"[NaN, 12345678901234567890123]", [None, 12345678901234567890123.0]),
        (b'["NaN"]', ["NaN"]),
    ],
)
def test_one_value_that_json_does_not_have_hides_no_others(content: bytes, value: Any) -> None:
    read = read_column("locations", sealed(content), RING.keys)
    assert read == Column(value, OK, 0)
    assert json.loads(json.dumps(read.value, allow_nan=False)) == value


def test_plain_columns_are_values_of_json() -> None:
    zone = timezone(timedelta(hours=1))
    at = datetime(2026, 3, 10, 12, 0, tzinfo=zone)
    row = {
        "start_time": at,
        "created_at": at,
        "count": Decimal("5"),
        "km": Decimal("NaN"),
        "extra_properties": b'{"a": 1}',
        "x": None,
    }
    written = "2026-03-10T11:00:00Z"
    assert plain_json(row) == {
        "start_time": written,
        "created_at": written,
        "count": 5,
        "km": None,
        "extra_properties": {"a": 1},
        "x": None,
    }


def test_nothing_is_shared_between_trips() -> None:
    first = read_column("locations", None, RING.keys).value
    first.append("changed")
    assert read_column("locations", None, RING.keys).value == []
