"""DetailedActivity objects as rows of `activity_details` and of the tables of what they nest. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from strava_pipeline.core.rows import Json, frame, typed_rows
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import ACTIVITY_DETAILS, CHILDREN
from strava_pipeline.core.tables.model import Table


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
