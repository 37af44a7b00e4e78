"""What is computed once of each track: curves, seconds at each value, cells of the map. A Parquet file per year and table.

A file's metadata says for each activity what its rows were made from, so that only what is new or stale is computed, and rows of
a track that left go with it. The formulas are core/track_measures.py's. Cells are positions: they stay in these files.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from strava_pipeline.core.tables import CURVES, VALUE_SECONDS, Table
from strava_pipeline.core.track_measures import FORM, curves, value_seconds
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.tracks import track_origins, track_path

_MADE_FROM = "strava_pipeline.made_from"
_GROUPS = "SELECT activity_id, sport_group FROM counted_activities WHERE activity_id IN (SELECT unnest($ids))"


@dataclass(frozen=True, slots=True)
class _Measures:
    """A table, and its rows of an activity: of its points and its group of sports."""

    table: Table
    of: Callable[[pl.DataFrame, str | None], pl.DataFrame]

    def path(self, lake: Lake, year: int) -> Path:
        return lake.data_dir / self.table.name / f"year={year}" / f"{self.table.name}.parquet"


_MEASURES = (_Measures(CURVES, curves), _Measures(VALUE_SECONDS, value_seconds))


@dataclass(frozen=True, slots=True)
class DueTracks:
    """What is to be done for a year: tracks to measure, with what each was made from; and what stays as it is."""

    year: int
    stale: dict[int, str]
    made_from: dict[int, str]
    groups: dict[int, str]


def due_tracks(lake: Lake, connection: Connection, years: Iterable[int]) -> list[DueTracks]:
    """The years in which something is to be measured or removed. `years`: those whose tracks may have changed.

    Of other years only the names of files are looked at, so that what came before a version with measures is measured, too.
    """
    asked, found = set(years), []
    for year in sorted(asked | _years(lake)):
        known = _made_from(lake, year)
        folder = lake.tracks_of(year)
        names = {path.stem for path in folder.glob("*.parquet")} if folder.is_dir() else set()
        if year not in asked and known is not None and {str(one) for one in known} == names:
            continue
        origins = track_origins(lake, year)
        groups = dict(connection.execute(_GROUPS, {"ids": [*origins]}).fetchall())
        made_from = {one: _digest(origin, groups.get(one)) for one, origin in origins.items()}
        if made_from != (known or {}):
            stale = {one: digest for one, digest in made_from.items() if (known or {}).get(one) != digest}
            found.append(DueTracks(year, stale, made_from, groups))
    return found


def measure_tracks(lake: Lake, due: DueTracks, tick: Callable[[], None] = lambda: None) -> None:
    """Compute what is due of a year and write its files, each whole or not at all."""
    made: list[list[pl.DataFrame]] = [[] for _ in _MEASURES]
    made_from = dict(due.made_from)
    for activity_id in due.stale:
        try:
            points = pl.read_parquet(track_path(lake, due.year, activity_id))
        except (
            FileNotFoundError,
            pl.exceptions.ComputeError,
        ):  # removed meanwhile, or damaged: the next run looks again
            del made_from[activity_id]
            continue
        athlete = points["athlete_id"].item(0) if points.height else None
        for frames, measures in zip(made, _MEASURES, strict=True):
            rows = measures.of(points, due.groups.get(activity_id))
            owner = (pl.lit(activity_id, pl.Int64).alias("activity_id"), pl.lit(athlete, pl.Int64).alias("athlete_id"))
            frames.append(rows.with_columns(owner).select(*measures.table.polars_schema))
        tick()
    metadata = {_MADE_FROM: json.dumps({str(one): digest for one, digest in made_from.items()})}
    kept = due.made_from.keys() - due.stale.keys()
    for frames, measures in zip(made, _MEASURES, strict=True):
        path = measures.path(lake, due.year)
        if not made_from:
            path.unlink(missing_ok=True)
            continue
        empty = pl.DataFrame(schema=measures.table.polars_schema)
        held = pl.read_parquet(path).filter(pl.col("activity_id").is_in([*kept])) if kept else empty
        rows = pl.concat([empty, held.select(*empty.columns), *frames]).sort(*measures.table.key)
        write_rows(path, rows, "zstd", metadata)
        sync_folder(path.parent)


def _digest(origin: str, group: str | None) -> str:
    return hashlib.blake2b(repr((FORM, origin, group)).encode(), digest_size=8).hexdigest()


def _made_from(lake: Lake, year: int) -> dict[int, str] | None:
    """What every file of the year was made from; None: one is missing, damaged, or was made from something else."""
    found = None
    for measures in _MEASURES:
        path = measures.path(lake, year)
        try:
            metadata = pl.read_parquet_metadata(path)
            said = {int(one): str(digest) for one, digest in json.loads(metadata[_MADE_FROM]).items()}
            readable = pl.read_parquet_schema(path) == pl.Schema(measures.table.polars_schema)
        except (OSError, KeyError, ValueError, AttributeError, pl.exceptions.ComputeError):
            return None
        if not readable or found not in (None, said):
            return None
        found = said
    return found


def _years(lake: Lake) -> set[int]:
    """The years with a folder of tracks, or of what was made from them."""
    roots = [lake.tracks, *(lake.data_dir / measures.table.name for measures in _MEASURES)]
    return {
        int(path.name.removeprefix("year="))
        for root in roots
        for path in root.glob("year=[0-9][0-9][0-9][0-9]")
        if path.is_dir()
    }
