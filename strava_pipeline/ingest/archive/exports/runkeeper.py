"""Runkeeper's export: the rows of cardioActivities.csv. Pure.

Dates are the athlete's clock without a zone, so the instant is known only from a recording that a row names. Units
stand in the titles of the columns. An unreadable cell, or one without a column of ours, is kept under its title.
Exports of 2016 and before have no column of ids: a row's id then is its date and its duration, which neither an edited
note nor other units change.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from strava_pipeline.core.files.archive_csv import csv_records
from strava_pipeline.core.files.export_values import decimal_sign, raw_number
from strava_pipeline.core.json_values import without_none
from strava_pipeline.core.sports import sport_type
from strava_pipeline.ingest.archive.exports.rows import ServiceRow, ServiceRows

MILE, FOOT = 1609.344, 0.3048  # m
_MARKS = {"date", "type", "duration", "gpx file"}
_UNITS = {
    "distance (km)": ("distance", 1000.0),
    "distance (mi)": ("distance", MILE),
    "climb (m)": ("total_elevation_gain", 1.0),
    "climb (ft)": ("total_elevation_gain", FOOT),
    "calories burned": ("calories", 1.0),
    "average heart rate (bpm)": ("average_heartrate", 1.0),
}
_NOT_KEPT = frozenset({"friend's tagged", "friends tagged"})  # names of other people
# follow from distance and duration
_DERIVED = frozenset({"average pace", "average speed (km/h)", "average speed (mph)"})
_SPORTS = {
    "downhill skiing": "AlpineSki",
    "cross-country skiing": "NordicSki",
    "nordic walking": "Walk",
    "skating": "InlineSkate",
    "spinning": "Ride",
    "stairmaster / stepwell": "StairStepper",
    "arc trainer": "Elliptical",
    "crossfit": "Crossfit",
    "strength training": "WeightTraining",
    "core strengthening": "WeightTraining",
    **dict.fromkeys(
        ("circuit training", "bootcamp", "group workout", "boxing / mma", "barre", "meditation", "sports", "other"),
        "Workout",
    ),
    "zumba": "Dance",
}


def is_runkeeper(titles: Iterable[str]) -> bool:
    """Whether these are the titles of cardioActivities.csv."""
    return {title.strip().lower() for title in titles} >= _MARKS


def read_runkeeper(body: bytes) -> ServiceRows:
    """The rows of cardioActivities.csv in their order. Never raises, whatever it contains."""
    records = csv_records(body)
    titles = [title.strip() for title in records[0]] if records else []
    rows, undated, seen = [], 0, Counter[str]()
    written = [dict(zip(titles, (cell.strip() for cell in record), strict=False)) for record in records[1:]]
    decimal = decimal_sign(text for cells in written for title, text in cells.items() if title.lower() in _UNITS)
    for cells in written:
        row = _row(cells, seen, decimal)
        undated += "start_date_local" not in row.fields
        rows.append(row)
    faults = [f"{undated} of its rows have no date that can be read"] if undated else []
    return ServiceRows(rows, faults)


def _row(cells: Mapping[str, str], seen: Counter[str], decimal: str | None) -> ServiceRow:
    left = {title.lower(): text for title, text in cells.items() if text}
    key = left.pop("activity id", None) or _content_key(left, seen)
    file = left.pop("gpx file", None)
    fields: dict[str, Any] = {
        "name": left.pop("route name", None),
        "description": left.pop("notes", None),
        **_sport(left.pop("type", None)),
        "start_date_local": _take(left, "date", _clock),
        "elapsed_time": _take(left, "duration", _seconds),
    }
    for title, (name, unit) in _UNITS.items():
        if (number := _take(left, title, lambda text: raw_number(text, decimal))) is not None:
            fields[name] = number * unit
    distance, elapsed = fields.get("distance"), fields["elapsed_time"]
    if distance and elapsed:
        fields["average_speed"] = round(distance / elapsed, 3)
    rest = {title: text for title, text in left.items() if title not in _NOT_KEPT | _DERIVED}
    fields["columns"] = rest or None
    files = () if file is None else (file,)
    return ServiceRow(f"runkeeper:{key}", without_none(fields), files, elapsed_s=fields["elapsed_time"])


def _content_key(cells: Mapping[str, str], seen: Counter[str]) -> str:
    """A substitute id for a row without one; repetitions get a number from the second on."""
    key = "|".join([cells["date"], cells.get("duration", "")] if "date" in cells else cells.values())
    seen[key] += 1
    return key if seen[key] == 1 else f"{key}|{seen[key]}"


def _take(left: dict[str, str], title: str, read: Callable[[str], Any]) -> Any:
    """The value of a cell, which is then removed; an unreadable one stays."""
    value = read(left[title]) if title in left else None
    if value is not None:
        del left[title]
    return value


def _sport(word: str | None) -> dict[str, str]:
    if word is None:
        return {}
    named = _SPORTS.get(word.lower()) or sport_type(word)
    return {"sport": word} if named is None else {"sport_type": named}


def _clock(text: str) -> str | None:
    try:
        return f"{datetime.fromisoformat(text).replace(tzinfo=None):%Y-%m-%dT%H:%M:%S}Z"
    except ValueError:
        return None


def _seconds(text: str) -> int | None:
    """A duration as 1:02:03 or 45:12."""
    parts: Sequence[str] = text.split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    hours, minutes, seconds = (0, *map(int, parts))[-3:]
    return hours * 3600 + minutes * 60 + seconds
