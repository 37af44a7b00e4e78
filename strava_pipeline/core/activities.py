"""Strava's activity objects as rows of the catalogue's tables: summaries, details, and the points of streams. Pure.

A local year is the year that the athlete's clock showed. Nothing is dropped: an activity older than the first
partition, or without a date, goes into the first partition; one of a later year than the newest goes into the newest. A
detail also contains a summary, so it updates the activity's row without a second call; that row must equal the row that
a listing would give, or the next listing would look like an edit. In a stream, a malformed value becomes null; it
raises nothing and costs no other stream.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import polars as pl

from strava_pipeline.core.json_values import json_if_any
from strava_pipeline.core.rows import Json, Rows, frame, read_column, typed_rows
from strava_pipeline.core.sources import STRAVA, gear_source
from strava_pipeline.core.tables import ACTIVITIES_ALL, ACTIVITY_DETAILS, CHILDREN
from strava_pipeline.core.tables.activities import SOURCE_ID
from strava_pipeline.core.tables.details import TRACKS
from strava_pipeline.core.tables.model import Table
from strava_pipeline.core.track_cleaning import cleaned
from strava_pipeline.core.track_summaries import fastest
from strava_pipeline.core.unreadable import UnreadableItem, digest_of, kind_of
from strava_pipeline.core.years import YearRange

_EDITED = tuple(column.name for column in ACTIVITIES_ALL.columns if column.edited)
_EDITABLE = frozenset(column.source[0] for column in ACTIVITIES_ALL.columns if column.edited and column.source)
_LISTED_COLUMNS = (*(column.name for column in ACTIVITIES_ALL.sourced if column is not SOURCE_ID), "extra")
_LOCAL, _INSTANT = (
    next(c for c in ACTIVITIES_ALL.columns if c.name == name) for name in ("start_date_local", "start_date")
)
NO_YEAR = 0  # of an activity without a date: before every partition, so that it belongs to the first


def summary_frame(
    activities: Sequence[Json],
    *,
    years: YearRange,
    ingestion_ts: datetime | Sequence[datetime],
    athlete_id: int | None,
    source: str = STRAVA,
    account: str | None = None,
) -> tuple[pl.DataFrame, Rows]:
    """The rows of a shard, one per object, with the columns of `activities_all`; and the values that don't fit.

    Args:
        ingestion_ts: when the page arrived (UTC), one moment for all objects or one for each.
        athlete_id: used where an object names no athlete.
        account: the login at the source that showed them.
    """
    rows = typed_rows(activities, ACTIVITIES_ALL)
    values = rows.values
    height = len(activities)
    values["athlete_id"] = [athlete_id if value is None else value for value in values["athlete_id"]]
    values["source"] = [source] * height
    values["source_id"] = [
        str(key) if source_id is None and key is not None and key > 0 else source_id
        for key, source_id in zip(values["id"], values["source_id"], strict=True)
    ]
    values["account"] = [account] * height
    values["gear_source"] = [gear_source(source, gear_id) for gear_id in values["gear_id"]]
    values["year"] = [years.clamp(year) for year in _years(values["start_date_local"], values["start_date"])]
    values["fingerprint"] = _hashes(values, _EDITED)
    values["content_hash"] = _hashes(values, _LISTED_COLUMNS)
    arrived = [ingestion_ts] * height if isinstance(ingestion_ts, datetime) else list(ingestion_ts)
    values["ingestion_ts"] = values["edited_at"] = arrived
    return frame(values, ACTIVITIES_ALL), rows


def local_years(activities: Sequence[Json]) -> list[int]:
    """The local years of `activities`, ascending, not yet clamped to the partitions; NO_YEAR for one without a date."""
    return sorted(set(_years(read_column(activities, _LOCAL), read_column(activities, _INSTANT))))


def start_instants(activities: Sequence[Json]) -> list[datetime]:
    """The starts (UTC) of the activities that have one."""
    return [start for start in read_column(activities, _INSTANT) if start is not None]


def _years(locals_: Sequence[datetime | None], instants: Sequence[datetime | None]) -> list[int]:
    return [at.year if (at := local or instant) else NO_YEAR for local, instant in zip(locals_, instants, strict=True)]


def _hashes(values: dict[str, list[Any]], names: tuple[str, ...]) -> list[str]:
    """A hash of each row's values of `names`. Typed values, so that 5 and 5.0 of one field are the same."""
    return [
        hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        for row in zip(*(values[name] for name in names), strict=True)
    ]


_TOO_LARGE = 2**63  # an id is a BIGINT


def split_page(items: Sequence[Any]) -> tuple[list[Json], list[UnreadableItem]]:
    """The activities among the items of a page, in their order, and the others."""
    activities: list[Json] = []
    others: list[UnreadableItem] = []
    for row, item in enumerate(items, start=1):
        if reason := _why_unreadable(item):
            start = next(iter(start_instants([item])), None) if isinstance(item, dict) else None
            others.append(UnreadableItem(row, reason, digest_of(item), start))
        else:
            activities.append(item)
    return activities, others


def _why_unreadable(item: Any) -> str | None:
    if not isinstance(item, dict):
        return f"it is {kind_of(item)} and not an object"
    if "id" not in item:
        return "it has no id"
    found = item["id"]
    if type(found) is not int:
        return f"its id is {kind_of(found)} and not a whole number"
    if not 0 < found < _TOO_LARGE:
        return "its id is out of range"
    return None


def edit_hash(activity: Json) -> str:
    """A hash of the fields of a listed activity that an edit can change, in whatever order they stand."""
    said = {name: activity[name] for name in sorted(_EDITABLE & activity.keys())}
    return hashlib.blake2b(json.dumps(said).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


SOMETIMES_LISTED = ("device_name", "guid")
"""Fields that every detail has and the listings of some years and applications lack."""

_LISTED = {column.source[0] for column in ACTIVITIES_ALL.sourced if column.source}
_OF_ATHLETE = ("id", "resource_state")
_SUMMARY = 2  # Strava's resource_state of a listed activity


def summary_of_detail(detail: Json, *, without: Collection[str] = (), also: Collection[str] = ()) -> Json:
    """The SummaryActivity in a DetailedActivity: its fields with a column.

    `without`: the fields of SOMETIMES_LISTED that listings lack; `also`: fields without a column that listings have. Every
    other field belongs to the detail alone, including those that Strava adds in future.
    """
    summary: dict[str, Any] = {
        name: value for name, value in detail.items() if (name in _LISTED and name not in without) or name in also
    }
    if "resource_state" in summary:
        summary["resource_state"] = _SUMMARY
    if isinstance(athlete := summary.get("athlete"), dict):  # older details also name the athlete
        summary["athlete"] = {name: value for name, value in athlete.items() if name in _OF_ATHLETE}
    if isinstance(map_ := summary.get("map"), dict):
        summary["map"] = {name: value for name, value in map_.items() if name != "polyline"}
    return summary


@dataclass(frozen=True, slots=True)
class FetchedDetail:
    """A detail as received, and when (UTC)."""

    fetched_at: datetime
    activity: Json


def detail_frames(
    details: Sequence[FetchedDetail], *, athlete_id: int | None, source: str = STRAVA
) -> tuple[dict[str, pl.DataFrame], Counter[str]]:
    """The rows of details: frames by table name, and the count of fields that no column holds, by `table.field`."""
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
    """The activity without the lists that have tables of their own; a value that isn't a list of objects stays."""
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


STREAM_KEYS = (
    *("time", "latlng", "distance", "altitude", "velocity_smooth", "heartrate"),
    *("cadence", "watts", "temp", "moving", "grade_smooth"),
)
"""All streams that Strava has: developers.strava.com/docs/reference, getActivityStreams."""

_NUMBERS = {
    "altitude": "altitude",
    "distance": "distance",
    "speed": "velocity_smooth",
    "heartrate": "heartrate",
    "cadence": "cadence",
    "watts": "watts",
    "temperature": "temp",
    "grade": "grade_smooth",
}
_LONGEST = 1e9  # seconds, thirty years: a time further from the start is wrong
_NUMBER: frozenset[type] = frozenset({int, float, type(None)})
_BOOLEANS: frozenset[type] = frozenset({bool, type(None)})


def stream_points(answer: Any, start: datetime | None) -> pl.DataFrame:
    """The track of an activity that starts at `start` (UTC): a row per point, with the columns of `tracks` that streams have.

    `answer` is an object by type or a list of streams with their type. Without `time` or `start` no point has a time.
    Values that core/track_cleaning.py rejects are null.

        points = stream_points({"time": {"data": [0, 5]}, "distance": {"data": [0.0, 21.5]}}, start)  # two rows
    """
    found = _data(answer)
    height = max(map(len, found.values()), default=0)
    read = {name: _numbers(found.get(key, ())) for name, key in _NUMBERS.items()}
    seconds = _numbers(found.get("time", ()))
    read["latitude"], read["longitude"] = _positions(found.get("latlng", ()))
    read["moving"] = _booleans(found.get("moving", ()))
    read["recorded_at"] = _instants(seconds, start)
    points = pl.DataFrame([_as_long(read[name].alias(name), height) for name in TRACKS.polars_schema if name in read])
    return cleaned(points, "recorded_at", fastest(None))[0]


def is_nothing_recorded(status: int | None, body: bytes) -> bool:
    """Whether an answer says that an activity has no streams: Strava's own 404, not that of a machine on the way."""
    if status != 404:
        return False
    value = json_if_any(body)
    return isinstance(value, dict) and "message" in value


def stats_fault(content: Any) -> str | None:
    """Why a body is no set of an athlete's totals."""
    totals = content.get("all_ride_totals") if isinstance(content, dict) else None
    return None if isinstance(totals, dict) and "distance" in totals else "the body has no totals"


def is_streams(answer: Any) -> bool:
    """Whether a body is a set of streams, or an empty set."""
    return bool(_data(answer)) or answer in ({}, [])


def _data(answer: Any) -> dict[str, Sequence[Any]]:
    """The values of every valid stream, by key."""
    named: Mapping[Any, Any] = answer if isinstance(answer, Mapping) else {}
    if isinstance(answer, list):
        named = {
            item["type"]: item for item in answer if isinstance(item, Mapping) and isinstance(item.get("type"), str)
        }
    streams = {
        key: item.get("data") if isinstance(item, Mapping) else item
        for key, item in named.items()
        if key in STREAM_KEYS
    }
    return {key: data for key, data in streams.items() if isinstance(data, list)}


def _numbers(data: Sequence[Any]) -> pl.Series:
    """The finite numbers; others become null. Loops over the values only if one of them isn't a number."""
    if not _NUMBER.issuperset(map(type, data)):
        data = [value if type(value) in (int, float) else None for value in data]
    found = pl.Series(data, dtype=pl.Float64, strict=False)  # a whole number beyond what a double holds is null
    return found.set(~found.is_finite(), None)


def _positions(data: Sequence[Any]) -> tuple[pl.Series, pl.Series]:
    """Latitudes and longitudes; both are null where one is missing."""
    pairs = [pair if type(pair) is list and len(pair) == 2 else (None, None) for pair in data]
    flat = _numbers(list(chain.from_iterable(pairs)))
    latitude, longitude = flat.gather_every(2), flat.gather_every(2, 1)
    whole = latitude.is_not_null() & longitude.is_not_null()
    return latitude.set(~whole, None), longitude.set(~whole, None)


def _booleans(data: Sequence[Any]) -> pl.Series:
    if not _BOOLEANS.issuperset(map(type, data)):
        data = [value if type(value) is bool else None for value in data]
    return pl.Series(data, dtype=pl.Boolean)


def _instants(seconds: pl.Series, start: datetime | None) -> pl.Series:
    """The instants `seconds` after `start`, to the microsecond."""
    near = seconds.set(seconds.abs() > _LONGEST, None)
    later = (near * 1e6).round().cast(pl.Int64).cast(pl.Duration("us"))
    begun = pl.Series([start], dtype=pl.Datetime("us", "UTC"))
    return begun.new_from_index(0, len(later)) + later


def _as_long(column: pl.Series, height: int) -> pl.Series:
    return column.extend_constant(None, height - len(column))
