"""The activities.json of running_page, by Strava's names. Pure; its ids are Strava's, or the start in milliseconds.

A value that doesn't read stays as it is, so that nothing is lost; what Strava has no field for keeps its own name.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.files.sports import sport_type

_DURATION = re.compile(r"(?:(\d+) days?, )?(\d+):(\d{2}):(\d{2})(?:\.\d+)?")
_AS_DATE = re.compile(r"1970-01-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:\.\d+)?")  # how its database shows a duration
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def running_page_summary(body: Mapping[str, Any]) -> dict[str, Any]:
    """A SummaryActivity of what it has; what is null there is absent here."""
    found = {name: value for name, value in body.items() if value is not None}
    if "run_id" in found:
        found = {"id": found.pop("run_id"), **found}
    for name in ("moving_time", "elapsed_time"):
        if isinstance(found.get(name), str):
            found[name] = _seconds(found[name])
    for name in ("start_date", "start_date_local"):
        if isinstance(found.get(name), str):
            found[name] = _instant(found[name])
    if (polyline := found.pop("summary_polyline", None)) is not None:
        found["map"] = {"summary_polyline": polyline}
    named = sport_type(found["type"]) if isinstance(found.get("type"), str) else None
    if named is not None:  # what is no sport of Strava's stays in `type`
        found.setdefault("sport_type", named)
    return found


def _seconds(text: str) -> int | str:
    if (parts := _DURATION.fullmatch(text)) is not None:
        days = int(parts[1] or 0)
    elif (parts := _AS_DATE.fullmatch(text)) is not None:
        days = int(parts[1]) - 1
    else:
        return text
    return days * _DAY + int(parts[2]) * _HOUR + int(parts[3]) * _MINUTE + int(parts[4])


def _instant(text: str) -> str:
    """As Strava writes it: UTC, and the wall clock's time with the same, false, Z."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text
    if parsed.tzinfo is not None:
        parsed = parsed.astimezone(UTC)
    return f"{parsed:%Y-%m-%dT%H:%M:%S}Z"
