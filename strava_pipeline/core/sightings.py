"""What a detail tells of an activity's summary: a detail is a sighting, too, and costs no second call. Pure.

A row made of it is to be the row that a listing would give: else every listing after it would look like an edit.
"""

from collections.abc import Collection
from typing import Any

from strava_pipeline.core.rows import Json
from strava_pipeline.core.tables import ACTIVITIES_ALL

SOMETIMES_LISTED = ("device_name", "guid")
"""Every detail has them, listings of some years and applications have not."""

_LISTED = {column.source[0] for column in ACTIVITIES_ALL.sourced if column.source}
_OF_ATHLETE = ("id", "resource_state")
_SUMMARY = 2  # Strava's resource_state of what a listing holds


def listed_part(detail: Json, *, without: Collection[str] = (), also: Collection[str] = ()) -> Json:
    """The SummaryActivity in a DetailedActivity: what has a column.

    `without`: those of SOMETIMES_LISTED that listings don't show; `also`: fields without a column that they do show. Any
    other one is the detail's alone, also where Strava has made it up since.
    """
    summary: dict[str, Any] = {
        name: value for name, value in detail.items() if (name in _LISTED and name not in without) or name in also
    }
    if "resource_state" in summary:
        summary["resource_state"] = _SUMMARY
    if isinstance(athlete := summary.get("athlete"), dict):  # older details named them, too
        summary["athlete"] = {name: value for name, value in athlete.items() if name in _OF_ATHLETE}
    if isinstance(drawn := summary.get("map"), dict):
        summary["map"] = {name: value for name, value in drawn.items() if name != "polyline"}
    return summary
