"""An activity for the dashboard: with everything nested in it, its sources side by side, its history. Lists: activity_list.py.

Values have the names and units of the catalogue (metres, seconds, m/s). Points of tracks are track_points.py's.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from strava_pipeline.core.errors import PipelineError, UnknownIdError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.sports import LIFTED
from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS, ACTIVITY_HISTORY, CHILDREN
from strava_pipeline.core.tables.insights import ACTIVITY_SUMS
from strava_pipeline.lake.gold.members import activities_of
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.tracks import track_path
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import has_time
from strava_pipeline.lookups.photos import photos_on_disk
from strava_pipeline.lookups.rows import Values, columns_of, rows_of, with_json

MOST_OF_A_PART = 2_000  # laps, lengths … of an activity: 50 km in a pool of 25 m
_HERE_ALONE = ("content_hash", "fingerprint")
_NESTED_ALONE = ("activity_id", "athlete_id", "source")
_IN_DETAIL = tuple(
    column.name
    for column in ACTIVITY_DETAILS.columns
    if column.name in {each.name for each in ACTIVITIES_ALL.columns} - {"extra"}
)
"""Columns of the detail that the activity itself also has, completed from its other sources."""


@dataclass(frozen=True, slots=True)
class FoundActivity:
    """An activity that isn't deleted: its id, which may differ from the one asked for, and its partition."""

    id: int
    year: int


def find_activity(connection: Connection, activity_id: int) -> FoundActivity | None:
    """The activity, not deleted, with this id, or with a source that has it."""
    found = rows_of(connection, "activity_of_id", {"id": activity_id})
    return FoundActivity(found[0]["id"], found[0]["year"]) if found else None


def known_activity(connection: Connection, activity_id: int) -> FoundActivity:
    """The same. Raises UnknownIdError if there is none."""
    if (found := find_activity(connection, activity_id)) is None:
        raise UnknownIdError(
            f"No present activity has the id {activity_id}. The address of its page on the dashboard ends with it."
        )
    return found


def known_activities(connection: Connection, ids: Collection[int]) -> list[int]:
    """The present activities with these ids, or with sources that have them. Raises UnknownIdError for one without."""
    present = [*dict.fromkeys(activities_of(connection, ids).values())]
    query = "SELECT count(*) FROM activity_list WHERE list_contains($ids, id)"
    ((count,),) = connection.execute(query, {"ids": present}).fetchall()
    if count < len(present):
        raise UnknownIdError("An activity of these is no longer there. Load the list again.")
    return present


def has_track(connection: Connection, lake: Lake, activity_id: int) -> bool:
    """Whether the points of a present activity are on disk."""
    found = find_activity(connection, activity_id)
    return found is not None and track_path(lake, found.year, found.id).exists()


@dataclass(frozen=True, slots=True)
class WholeActivity:
    """An activity.

    Args:
        summary: the columns of `activities`, with `gear_name`, `place`, `descent` (m) of sports with lifts, and in `computed`
            those whose value is computed from the track.
        detail: the further columns of `activity_details`, or None if no detail was fetched.
        parts: by name (laps, splits_metric, segment_efforts …) the first rows of the child tables, by their place from 1. At most
            MOST_OF_A_PART of each.
        left_out: by name, how many more rows a part has; without the parts that are whole.
        photos: by the hash of their bytes, the pictures on disk that archives name for it: `name`, `size` in bytes, `is_shown`: a
            browser can show it.
        has_track: whether its points are on disk.
    """

    summary: Values
    detail: Values | None
    parts: Mapping[str, Mapping[int, Values]]
    left_out: Mapping[str, int]
    photos: Mapping[str, Values]
    has_track: bool


def whole_activity(connection: Connection, lake: Lake, found: FoundActivity) -> WholeActivity:
    """The activity with everything that it nests."""
    ours = [column.name for column in ACTIVITIES_ALL.columns if column.name not in ("deleted_at", *_HERE_ALONE)]
    sums = {column.name for column in ACTIVITY_SUMS.columns}
    columns = ", ".join(f'{"activity_sums" if name in sums else "activities"}."{name}"' for name in ours)
    asked: dict[str, Any] = {"id": found.id, "lifted": LIFTED}
    (summary,) = with_json(ACTIVITIES_ALL, rows_of(connection, "one_activity", asked, columns=columns))
    columns = columns_of(ACTIVITY_DETAILS, *_NESTED_ALONE, *_IN_DETAIL, "embed_token")
    asked = {"id": found.id, "most": MOST_OF_A_PART}
    names = {"columns": columns, "table": ACTIVITY_DETAILS.name, "place": "activity_id"}
    details = with_json(ACTIVITY_DETAILS, rows_of(connection, "part_of_activity", asked, **names))
    parts: dict[str, dict[int, Values]] = {}
    left_out: dict[str, int] = {}
    for part, (table, place) in CHILDREN.items():
        columns = columns_of(table, *_NESTED_ALONE, "extra")
        names = {"columns": columns, "table": table.name, "place": place}
        rows = with_json(table, rows_of(connection, "part_of_activity", asked, **names))
        count = max((row.pop("of_all") for row in rows), default=0)
        parts[part] = {row.pop(place): row for row in rows}
        left_out |= {part: count - len(rows)} if count > len(rows) else {}
    return WholeActivity(
        summary,
        {name: value for name, value in details[0].items() if name != "of_all"} if details else None,
        parts,
        left_out,
        photos_on_disk(connection, lake, found.id),
        track_path(lake, found.year, found.id).exists(),
    )


def sources_of(connection: Connection, activity_id: int) -> dict[str, Values]:
    """Each source's values of an activity, the best first, by source and id (`strava:123`); with a link if known."""
    return {
        f"{row['source']}:{row['id']}": {**row, "link": _link(row["source"], row["source_id"])}
        for row in rows_of(connection, "sources_of_activity", {"id": activity_id, "ids": []}, has_time=has_time("said"))
    }


def _link(source: str, source_id: str | None) -> str | None:
    """The service's page of the activity, or None if the source has no such page."""
    if source_id is None or source in IMPORTED:
        return None
    try:
        address = spec_of(source).link
    except PipelineError:  # from a service that this version no longer knows
        return None
    return None if address is None else address.format(source_id=quote(source_id, safe=""))


def history_of(connection: Connection, activity_id: int) -> dict[tuple[int, int], Values]:
    """The versions of an activity that listings held, by the id at its source and their number, the newest first.

    `changed_fields`: what differs from the version before; `previous`: that as it was before.
    """
    rows = with_json(ACTIVITY_HISTORY, rows_of(connection, "history_of_activity", {"id": activity_id}))
    return {(row.pop("id"), row.pop("version")): row for row in rows}


def first_month(connection: Connection) -> str | None:
    """The local month of the first activity that isn't deleted, as 2008-05, or None."""
    month: str | None = rows_of(connection, "first_month", {})[0]["month"]
    return month


def titles_of(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """The titles of activities, by id; without activities that have none."""
    query = "SELECT id, name FROM activities WHERE id IN (SELECT unnest($ids)) AND name IS NOT NULL"
    return dict(connection.execute(query, {"ids": list(ids)}).fetchall())
