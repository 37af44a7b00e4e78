"""SummaryActivity objects as rows: their partition year, their fingerprint, their content hash. Pure.

A local year is the year that the athlete's clock showed. What is older than the first partition belongs to the first,
what claims a later year than the newest to the newest, and what has no date at all to the first: nothing is dropped.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from strava_pipeline.core.rows import Json, Rows, frame, read_column, typed_rows
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import ACTIVITIES_ALL
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
