"""SummaryActivity objects as rows: their partition year, their fingerprint, their content hash. Pure.

A local year is the year that the athlete's clock showed. What is older than the first partition belongs to the first,
what claims a later year than the newest to the newest, and what has no date at all to the first: nothing is dropped.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from strava_pipeline.core.rows import Json, Rows, frame, typed_rows
from strava_pipeline.core.tables import ACTIVITIES_ALL

STRAVA = "strava"
_EDITED = tuple(column.name for column in ACTIVITIES_ALL.columns if column.edited)
_SAID = (*(column.name for column in ACTIVITIES_ALL.sourced), "extra")


@dataclass(frozen=True, slots=True)
class YearRange:
    """The partitions, first and newest local year, both included."""

    first: int
    newest: int

    def __post_init__(self) -> None:
        if self.first > self.newest:
            raise ValueError(f"first year {self.first} is after the newest year {self.newest}")

    def clamp(self, year: int | None) -> int:
        return self.first if year is None else min(max(year, self.first), self.newest)


def summary_frame(
    activities: Sequence[Json], *, years: YearRange, ingestion_ts: datetime, athlete_id: int | None
) -> tuple[pl.DataFrame, Rows]:
    """A shard's rows, one per object: the catalogue's columns of `activities_all`, and what did not fit.

    `ingestion_ts` is when the page arrived (UTC); `athlete_id` fills in where an object names no athlete.
    """
    rows = typed_rows(activities, ACTIVITIES_ALL)
    values = rows.values
    height = len(activities)
    values["athlete_id"] = [athlete_id if value is None else value for value in values["athlete_id"]]
    values["source"] = [STRAVA] * height
    values["year"] = [
        years.clamp((local or instant).year if local or instant else None)
        for local, instant in zip(values["start_date_local"], values["start_date"], strict=True)
    ]
    values["fingerprint"] = _hashes(values, _EDITED)
    values["content_hash"] = _hashes(values, _SAID)
    values["ingestion_ts"] = [ingestion_ts] * height
    values["edited_at"] = [ingestion_ts] * height
    return frame(values, ACTIVITIES_ALL), rows


def local_years(activities: Sequence[Json], years: YearRange) -> list[int]:
    """The partitions that `activities` fall into, ascending."""
    found = set()
    for activity in activities:
        text = activity.get("start_date_local") or activity.get("start_date")
        head = text[:4] if isinstance(text, str) else ""
        found.add(years.clamp(int(head) if head.isdigit() and head.isascii() else None))
    return sorted(found)


def _hashes(values: dict[str, list[Any]], names: tuple[str, ...]) -> list[str]:
    """A hash of each row's values of `names`. Typed values, so that 5 and 5.0 of one field are the same."""
    return [
        hashlib.blake2b(repr(row).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        for row in zip(*(values[name] for name in names), strict=True)
    ]
