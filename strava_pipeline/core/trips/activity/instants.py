"""Timestamps of trips, which come as seconds, milliseconds or ISO text: parsed to an instant before anything else."""

import re
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.trips.activity.values import finite_number

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
