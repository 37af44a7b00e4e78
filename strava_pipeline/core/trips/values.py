"""Numbers, texts and instants in the JSON of trips, read leniently: what is none becomes None.

A number is a finite int or float; no bool, no NaN, no numeric text. A timestamp comes as seconds, milliseconds or ISO text and
is an instant (epoch seconds) from here on. What a missing value means, each reader knows.
"""

import math
import re
from datetime import UTC, datetime
from typing import Any


def finite_number(value: Any) -> float | None:
    """The number that a value is; None where it is none, or one that no float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def clean_text(value: str) -> str:
    """The text, with `?` for what no UTF-8 holds: half a surrogate pair, which Python's JSON reader lets through."""
    return value.encode(errors="replace").decode()


def number_text(value: float) -> str:
    """As a person would type it, every digit kept: `35`, `0.05`."""
    return str(int(value)) if value == int(value) else repr(value)


MILLISECONDS = 1e11  # seconds beyond it would be after the year 5138; milliseconds before it, before March 1973
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]|$)|\d{8}T")  # of what fromisoformat takes, no numbers alone


def parse_instant(value: Any) -> float | None:
    """Epoch seconds of a number (above 1e11: milliseconds) or of ISO-8601 text (no zone: UTC); None: no timestamp."""
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if finite_number(value) is None:
        return None
    return value / 1000 if abs(value) > MILLISECONDS else float(value)


def format_instant(seconds: float | None) -> str | None:
    """UTC as exports of activity trips write it: `2026-01-19T12:34:56.789Z`, whole seconds without a fraction.

    None for what no calendar holds.
    """
    text = format_milliseconds(seconds)
    return None if text is None else text.replace(".000Z", "Z")


def format_milliseconds(seconds: float | None) -> str | None:
    """UTC as trips by car write it, always with milliseconds: `2026-01-19T12:34:00.000Z`. None for what no calendar holds."""
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(round(seconds, 3), UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="milliseconds") + "Z"


def normal_instant(value: Any) -> str | None:
    """A timestamp as every output writes it."""
    return format_instant(parse_instant(value))


def _of_text(text: str) -> float | None:
    if not _ISO.match(text):
        return None
    try:
        return parse_instant(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
