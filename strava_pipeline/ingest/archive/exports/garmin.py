"""Garmin's own export of an account: …summarizedActivities.json, an array of activities in an object in an array. Pure.

Its units are centimetres, milliseconds and tenths of a millimetre per millisecond; starts are milliseconds since 1970, the local
one by the athlete's clock. With the units of Garmin's API, its reading does the rest. Energy is whole kilocalories in kilojoules;
a number that is not is left out, since its unit is unknown. Recordings are found by the second of their start, and ids are links.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from strava_pipeline.core.json_values import finite_number
from strava_pipeline.core.providers import NOT_COUNTED, UnreadableRowError
from strava_pipeline.core.start_times import read_start
from strava_pipeline.ingest.archive.exports.rows import ServiceRow, ServiceRows
from strava_pipeline.ingest.garmin.record import NAME, read_activity

_KEY = "summarizedActivitiesExport"
_SAME = ("activityId", "activityType", "description", "parentId", "manualActivity", "lapCount", "locationName")
_NUMBERS = {  # the export's name, the API's, and what to multiply with
    "duration": ("duration", 0.001),
    "elapsedDuration": ("elapsedDuration", 0.001),
    "movingDuration": ("movingDuration", 0.001),
    "distance": ("distance", 0.01),
    "elevationGain": ("elevationGain", 0.01),
    "minElevation": ("minElevation", 0.01),
    "maxElevation": ("maxElevation", 0.01),
    "avgSpeed": ("averageSpeed", 10.0),
    "maxSpeed": ("maxSpeed", 10.0),
    "avgHr": ("averageHR", 1),
    "maxHr": ("maxHR", 1),
    "avgPower": ("avgPower", 1),
    "normPower": ("normPower", 1),
    "maxPower": ("maxPower", 1),
}
_KILOJOULES = 4.19002  # a kilocalorie; every number of a real export is a whole multiple of it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_garmin(value: Any) -> bool:
    """Whether a JSON value is Garmin's list of activities."""
    items = value if isinstance(value, list) else [value]
    return any(isinstance(item, dict) and isinstance(item.get(_KEY), list) for item in items)


def read_garmin(value: Any) -> ServiceRows:
    """The activities of the list, in their order. Never raises, whatever it contains."""
    items = value if isinstance(value, list) else [value]
    listed = [item for each in items if isinstance(each, dict) for item in each.get(_KEY) or ()]
    rows: list[ServiceRow] = []
    unreadable = 0
    for item in listed:
        try:
            rows.append(_row(item if isinstance(item, dict) else {}))
        except UnreadableRowError:
            unreadable += 1
    return ServiceRows(
        rows, [f"{unreadable} of its activities have no id or no start"] if unreadable else [], by_start=True
    )


def _row(item: Mapping[str, Any]) -> ServiceRow:
    """Raises UnreadableRowError."""
    row = read_activity(_of_api(item))
    fields = dict(row.summary)
    reason = {NOT_COUNTED: row.not_counted} if row.not_counted else {}
    start = fields.get("start_date")
    return ServiceRow(
        f"{NAME}:{row.source_id}",
        {**fields, **reason},
        began=read_start(start),
        elapsed_s=finite_number(fields.get("elapsed_time")) or finite_number(fields.get("moving_time")),
        is_part=bool(item.get("parentId")),
        links={NAME: row.source_id},
    )


def _of_api(item: Mapping[str, Any]) -> dict[str, Any]:
    """An activity of the export by the names and in the units of Garmin's API."""
    found = {name: item[name] for name in _SAME if item.get(name) is not None}
    for name, (theirs, unit) in _NUMBERS.items():
        if (number := finite_number(item.get(name))) is not None:
            found[theirs] = round(number * unit, 3)
    if (energy := finite_number(item.get("calories"))) and abs(
        energy / _KILOJOULES - round(energy / _KILOJOULES)
    ) < 1e-4:
        found["calories"] = round(energy / _KILOJOULES)
    instant = item.get("startTimeGmt") if finite_number(item.get("startTimeGmt")) else item.get("beginTimestamp")
    return found | {
        "activityName": item.get("name"),
        "startTimeGMT": _moment(instant),
        "startTimeLocal": _moment(item.get("startTimeLocal")),
    }


def _moment(value: Any) -> str | None:
    """Milliseconds since 1970 as the API writes a time; a text stays as it is."""
    if isinstance(value, str):
        return value
    if (stamp := finite_number(value)) is None:
        return None
    try:
        return f"{_EPOCH + timedelta(milliseconds=stamp):%Y-%m-%d %H:%M:%S}"
    except OverflowError:
        return None
