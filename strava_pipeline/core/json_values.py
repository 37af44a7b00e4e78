"""Lossless JSON reading and writing, and lenient readers for values in foreign JSON.

Reading and writing give the same as `json`, several times as fast. In foreign JSON, a number is a finite int or float
(no bool, no NaN, no numeric text), and a timestamp, which comes as seconds, milliseconds or ISO text, is an instant in
epoch seconds. Anything else becomes None; each reader knows what a missing value means.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeGuard

import orjson

Json = Mapping[str, Any]

_EXACT = 2**53  # whole numbers below it are exact as floats
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
# Numbers this long may be below -2^63 or from 2^64 on, where orjson gives a rounded float. Strava's effort ids have 19 digits.
_LONG, _LONG_BELOW_ZERO = b"0" * 20, b"-" + b"0" * 19
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def parse_json(body: bytes) -> Any:
    """The value of a JSON text, whole numbers exact however long. Raises ValueError (or RecursionError) for anything else."""
    digits = body.translate(_DIGITS)
    if _LONG not in digits and _LONG_BELOW_ZERO not in digits:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass  # a BOM, half a surrogate pair, NaN: Python's own reader accepts these
    return json.loads(body)


def json_if_any(body: bytes) -> Any:
    """The value of a JSON text, or None if the body isn't JSON."""
    try:
        return parse_json(body)
    except (ValueError, RecursionError):
        return None


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; {} for any other body."""
    value = json_if_any(body)
    return value if isinstance(value, dict) else {}


def number_in(value: Any) -> float | None:
    """The number in a value or its text, or None under the rules of `finite_number`."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return finite_number(value)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number, NaN and the infinities included."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def without_none(fields: Json) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def json_bytes(value: Any) -> bytes:
    """Compact JSON in UTF-8, several times as fast as `json_text`; NaN is null. Other values that JSON lacks are as in
    `json_text`.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # half a surrogate pair, a whole number beyond 64 bits
        return json_text(value).encode()


def as_json(value: Any) -> orjson.Fragment:
    """A part of a value for `json_bytes`, as text already: a long list of numbers is a tenth of its objects."""
    return orjson.Fragment(orjson.dumps(value))


def json_text(value: Any) -> str:
    """Compact JSON that every reader accepts. Values that JSON or UTF-8 lacks become text: NaN is "NaN", half a
    surrogate pair is its escape with the backslash.
    """
    if value == []:
        return "[]"  # most efforts have no achievement
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        text = _ENCODER.encode(_finite(value))
    return text if text.isascii() else _HALF_PAIR.sub(lambda half: f"\\\\u{ord(half[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    return value


def finite_number(value: Any) -> float | None:
    """The number in a value, or None if it isn't a number or no float can hold it."""
    kind = type(value)  # every row of every source comes by here
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is int and -_EXACT < value < _EXACT:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def clean_text(value: str) -> str:
    """The text with `?` for what UTF-8 can't hold: half a surrogate pair, which Python's JSON reader accepts."""
    return value.encode(errors="replace").decode()


def number_text(value: float) -> str:
    """A number as a person would type it, with every digit: `35`, `0.05`."""
    return str(int(value)) if value == int(value) else repr(value)


MILLISECONDS = 1e11  # seconds beyond it would be after the year 5138; milliseconds before it, before March 1973
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]|$)|\d{8}T")  # as fromisoformat accepts, except numbers alone


def parse_instant(value: Any) -> float | None:
    """Epoch seconds of a number (above 1e11: milliseconds) or of ISO-8601 text (without a zone: UTC); else None.

    parse_instant("2026-01-19T12:34:56Z")  # 1768826096.0
    """
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if finite_number(value) is None:
        return None
    return value / 1000 if abs(value) > MILLISECONDS else float(value)


def format_instant(seconds: float | None) -> str | None:
    """UTC as exports of activity trips write it: `2026-01-19T12:34:56.789Z`, whole seconds without a fraction.

    None if no calendar holds the moment.
    """
    text = format_milliseconds(seconds)
    return None if text is None else text.replace(".000Z", "Z")


def format_milliseconds(seconds: float | None) -> str | None:
    """UTC as trips by car write it, always with milliseconds: `2026-01-19T12:34:00.000Z`; None if no calendar holds it."""
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(round(seconds, 3), UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds") + "Z"


def normal_instant(value: Any) -> str | None:
    """A timestamp in the form that every output uses."""
    return format_instant(parse_instant(value))


def _of_text(text: str) -> float | None:
    if not _ISO.match(text):
        return None
    try:
        return parse_instant(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
