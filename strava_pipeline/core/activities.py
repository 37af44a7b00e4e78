"""Strava's activity objects, summaries and details, as rows of the catalogue's tables. Pure.

A local year is the year that the athlete's clock showed. An activity older than the first partition belongs to the
first, one of a later year than the newest to the newest, and one without a date to the first: nothing is dropped. A
detail holds a summary too, so it updates the activity's row without a second call; that row must be the row that a
listing would give, or the next listing would look like an edit.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from strava_pipeline.core.rows import Json, Rows, frame, read_column, typed_rows
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS, CHILDREN
from strava_pipeline.core.tables.model import Table
from strava_pipeline.core.years import YearRange

_EDITED = tuple(column.name for column in ACTIVITIES_ALL.columns if column.edited)
_SAID = (*(column.name for column in ACTIVITIES_ALL.sourced), "extra")
_LOCAL, _INSTANT = (
    next(c for c in ACTIVITIES_ALL.columns if c.name == name) for name in ("start_date_local", "start_date")
)
NO_YEAR = 0  # of what has no date: before every partition, so that it belongs to the first


def summary_frame(
    activities: Sequence[Json],
    *,
    years: YearRange,
    ingestion_ts: datetime,
    athlete_id: int | None,
    source: str = STRAVA,
) -> tuple[pl.DataFrame, Rows]:
    """A shard's rows, one per object: the catalogue's columns of `activities_all`, and what did not fit.

    `ingestion_ts` is when the page arrived (UTC); `athlete_id` fills in where an object names no athlete.
    """
    rows = typed_rows(activities, ACTIVITIES_ALL)
    values = rows.values
    height = len(activities)
    values["athlete_id"] = [athlete_id if value is None else value for value in values["athlete_id"]]
    values["source"] = [source] * height
    values["year"] = [years.clamp(year) for year in _years(values["start_date_local"], values["start_date"])]
    values["fingerprint"] = _hashes(values, _EDITED)
    values["content_hash"] = _hashes(values, _SAID)
    values["ingestion_ts"] = [ingestion_ts] * height
    values["edited_at"] = [ingestion_ts] * height
    return frame(values, ACTIVITIES_ALL), rows


def local_years(activities: Sequence[Json]) -> list[int]:
    """The local years of `activities`, ascending, not yet bound to the partitions; NO_YEAR where one has no date."""
    return sorted(set(_years(read_column(activities, _LOCAL), read_column(activities, _INSTANT))))


def starts(activities: Sequence[Json]) -> list[datetime]:
    """The starts (UTC) of those that have one."""
    return [start for start in read_column(activities, _INSTANT) if start is not None]


def _years(locals_: Sequence[datetime | None], instants: Sequence[datetime | None]) -> list[int]:
    return [at.year if (at := local or instant) else NO_YEAR for local, instant in zip(locals_, instants, strict=True)]


def _hashes(values: dict[str, list[Any]], names: tuple[str, ...]) -> list[str]:
    """A hash of each row's values of `names`. Typed values, so that 5 and 5.0 of one field are the same."""
    return [
        hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        for row in zip(*(values[name] for name in names), strict=True)
    ]


_LASTING = ("id", "upload_id", "external_id", "start_date")  # what stays as it is for as long as an activity is listed
_TOO_LARGE = 2**63  # an id is a BIGINT


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item of a page without a usable id. `row` counts from 1; the content is in the page.

    `digest` is the same for what is listed again, though its kudos be others; `start` (UTC) is None where it tells none.
    """

    row: int
    reason: str
    digest: str
    start: datetime | None = None


def sift(items: Sequence[Any]) -> tuple[list[Json], list[Unreadable]]:
    """The activities among the items of a page, in their order, and the others."""
    activities: list[Json] = []
    others: list[Unreadable] = []
    for row, item in enumerate(items, start=1):
        if reason := _why_unreadable(item):
            start = next(iter(starts([item])), None) if isinstance(item, dict) else None
            others.append(Unreadable(row, reason, _digest(item), start))
        else:
            activities.append(item)
    return activities, others


def _why_unreadable(item: Any) -> str | None:
    if not isinstance(item, dict):
        return f"it is {_kind(item)} and not an object"
    if "id" not in item:
        return "it has no id"
    found = item["id"]
    if type(found) is not int:
        return f"its id is {_kind(found)} and not a whole number"
    if not 0 < found < _TOO_LARGE:
        return "its id is out of range"
    return None


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = {str: "text", float: "a number with decimals", int: "a number", list: "a list", dict: "an object"}
    return kinds[type(value)]


def _digest(item: Any) -> str:
    known = {name: item[name] for name in _LASTING if item.get(name) is not None} if isinstance(item, dict) else {}
    content = json.dumps(known or item, sort_keys=True).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=8).hexdigest()


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


@dataclass(frozen=True, slots=True)
class Detail:
    """One detail as received: when (UTC), and the object."""

    fetched_at: datetime
    activity: Json


def detail_frames(
    details: Sequence[Detail], *, athlete_id: int | None, source: str = STRAVA
) -> tuple[dict[str, pl.DataFrame], Counter[str]]:
    """Frames by table name, and the count of what no column holds, by `table.field`."""
    unknown: Counter[str] = Counter()
    frames: dict[str, pl.DataFrame] = {}
    activities = [detail.activity for detail in details]
    rows = typed_rows([_without_children(activity) for activity in activities], ACTIVITY_DETAILS)
    athletes = [athlete_id if value is None else value for value in rows.values["athlete_id"]]
    ids: list[int] = rows.values["activity_id"]
    rows.values["athlete_id"] = athletes
    rows.values["source"] = [source] * len(details)
    rows.values["fetched_at"] = [detail.fetched_at for detail in details]
    frames[ACTIVITY_DETAILS.name] = frame(rows.values, ACTIVITY_DETAILS)
    unknown.update({f"{ACTIVITY_DETAILS.name}.{name}": count for name, count in (rows.unknown + rows.misfits).items()})
    for list_name, (table, position) in CHILDREN.items():
        nested = [_items(activity.get(list_name)) for activity in activities]
        frames[table.name], odd = _child(table, position, nested, ids, athletes)
        frames[table.name] = frames[table.name].with_columns(source=pl.lit(source))
        unknown.update({f"{table.name}.{name}": count for name, count in odd.items()})
    return frames, unknown


def _without_children(activity: Json) -> Json:
    """The activity without the lists that go whole into tables of their own; what is no list of objects stays."""
    return {name: value for name, value in activity.items() if name not in CHILDREN or not _is_whole(value)}


def _is_whole(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(item, dict) for item in value))


def _items(value: Any) -> list[tuple[int, Json]]:
    """The objects of a list with their places in it, from 1."""
    items = value if isinstance(value, list) else []
    return [(place, item) for place, item in enumerate(items, start=1) if isinstance(item, dict)]


def _child(
    table: Table, position: str, nested: list[list[tuple[int, Json]]], ids: list[int], athletes: list[int | None]
) -> tuple[pl.DataFrame, Counter[str]]:
    rows = typed_rows([item for items in nested for _, item in items], table)
    values = rows.values
    values["activity_id"] = [activity_id for activity_id, items in zip(ids, nested, strict=True) for _ in items]
    values["athlete_id"] = [athlete for athlete, items in zip(athletes, nested, strict=True) for _ in items]
    values[position] = [place for items in nested for place, _ in items]
    return frame(values, table), rows.unknown + rows.misfits
