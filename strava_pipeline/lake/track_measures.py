"""What is computed once of each track: curves, seconds at each value, sums, cells of the map. A Parquet file per year and table.

A file's metadata says for each activity what its rows were made from, so that only what is new or stale is computed, and rows of
a track that left go with it. The formulas are core/track_measures.py's. Cells are positions: they stay in these files.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from strava_pipeline.core.tables import (
    CURVES,
    HEAT_CELLS,
    HEAT_TILES,
    TRACK_CELLS,
    TRACK_SUMMARIES,
    VALUE_SECONDS,
    Table,
)
from strava_pipeline.core.track_measures import CELL_ZOOM, FORM, TILE_ZOOMS, cells, curves, value_seconds
from strava_pipeline.core.track_summaries import summary
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.tracks import track_origins, track_path

_MADE_FROM = "strava_pipeline.made_from"
_UNREADABLE = (
    FileNotFoundError,
    pl.exceptions.ComputeError,
)  # a track removed meanwhile, or damaged: the next run looks again
_Owner = tuple[int, str]  # athlete_id and sport_group of an activity that counts
_OWNERS = (
    "SELECT activity_id, athlete_id, sport_group FROM counted_activities WHERE activity_id IN (SELECT unnest($ids))"
)


@dataclass(frozen=True, slots=True)
class _Measures:
    """A table, and its rows of an activity: of its points and its group of sports."""

    table: Table
    of: Callable[[pl.DataFrame, str | None], pl.DataFrame]


_MEASURES = (
    _Measures(CURVES, curves),
    _Measures(VALUE_SECONDS, value_seconds),
    _Measures(TRACK_SUMMARIES, summary),
    _Measures(TRACK_CELLS, cells),
)
_TABLES = (*(measures.table for measures in _MEASURES), HEAT_CELLS)
_ALL = (*_TABLES, HEAT_TILES)  # which follows from TRACK_CELLS: where it alone is missing, no track is measured again


@dataclass(frozen=True, slots=True)
class DueTracks:
    """What is to be done for a year: tracks to measure, with what each was made from; and what stays as it is."""

    year: int
    stale: dict[int, str]
    made_from: dict[int, str]
    owners: dict[int, _Owner]


def due_tracks(lake: Lake, connection: Connection, years: Iterable[int]) -> list[DueTracks]:
    """The years in which something is to be measured or removed. `years`: those whose tracks may have changed.

    Of other years only the names of files are looked at, so that what came before a version with measures is measured, too.
    """
    asked, looked_at = set(years), []
    for year in sorted(asked | _years(lake)):
        known = _made_from(lake, year)
        folder = lake.tracks_of(year)
        names = {path.stem for path in folder.glob("*.parquet")} if folder.is_dir() else set()
        has_tiles = not known or _made_from(lake, year, [HEAT_TILES]) == known
        if year not in asked and known is not None and has_tiles and {str(one) for one in known} == names:
            continue
        looked_at.append((year, known or {}, has_tiles, track_origins(lake, year)))
    owners = _owners(connection, [one for *_, origins in looked_at for one in origins])
    found = []
    for year, known, has_tiles, origins in looked_at:
        made_from = {one: _digest(origin, owners.get(one)) for one, origin in origins.items()}
        if made_from != known or not has_tiles:
            stale = {one: digest for one, digest in made_from.items() if known.get(one) != digest}
            found.append(DueTracks(year, stale, made_from, {one: owners[one] for one in origins if one in owners}))
    return found


def _owners(connection: Connection, ids: list[int]) -> dict[int, _Owner]:
    """Of all years at once: to plan the view takes DuckDB 30 ms."""
    if not ids:
        return {}
    counted = connection.execute(_OWNERS, {"ids": ids}).fetchall()
    return {one: (athlete_id, group) for one, athlete_id, group in counted}


def measure_tracks(lake: Lake, due: DueTracks, tick: Callable[[], None] = lambda: None) -> None:
    """Compute what is due of a year and write its files, each whole or not at all."""
    made: list[list[pl.DataFrame]] = [[] for _ in _MEASURES]
    made_from = dict(due.made_from)
    for activity_id in due.stale:
        try:
            points = pl.read_parquet(track_path(lake, due.year, activity_id))
        except _UNREADABLE:
            del made_from[activity_id]
            continue
        _, group = due.owners.get(activity_id, (None, None))
        athlete = points["athlete_id"].item(0) if points.height else None
        for frames, measures in zip(made, _MEASURES, strict=True):
            rows = measures.of(points, group)
            owner = (pl.lit(activity_id, pl.Int64).alias("activity_id"), pl.lit(athlete, pl.Int64).alias("athlete_id"))
            frames.append(rows.with_columns(owner).select(*measures.table.polars_schema))
        tick()
    _write_year(lake, due, made_from, made)


def _write_year(lake: Lake, due: DueTracks, made_from: dict[int, str], made: Iterable[list[pl.DataFrame]]) -> None:
    """Write the rows that stay, and those that were made, of each table."""
    if not made_from:
        for table in _ALL:
            _path(lake, table, due.year).unlink(missing_ok=True)
        return
    metadata = {_MADE_FROM: json.dumps({str(one): digest for one, digest in made_from.items()})}
    kept = [*(due.made_from.keys() - due.stale.keys())]
    for frames, measures in zip(made, _MEASURES, strict=True):
        table = measures.table
        empty = pl.DataFrame(schema=table.polars_schema)
        held = pl.read_parquet(_path(lake, table, due.year), hive_partitioning=False) if kept else empty
        rows = pl.concat([held.filter(pl.col("activity_id").is_in(kept)), *frames]).sort(*table.key)
        _write(lake, table, due.year, rows, metadata)
        if table is TRACK_CELLS:
            seen = _seen(rows, due.owners)
            _write(lake, HEAT_CELLS, due.year, _counted(HEAT_CELLS, seen), metadata)
            _write(lake, HEAT_TILES, due.year, _tiles(seen), metadata)


def _seen(rows: pl.DataFrame, owners: dict[int, _Owner]) -> pl.DataFrame:
    """The cells of each activity with its athlete and group. `owners`: of the activities that count."""
    schema = {"activity_id": pl.Int64, "athlete_id": pl.Int64, "sport_group": pl.String}
    counted = pl.DataFrame([(one, *owner) for one, owner in owners.items()], schema, orient="row")
    return rows.drop("athlete_id").join(counted, on="activity_id")  # the file may name nobody


def _counted(table: Table, seen: pl.DataFrame) -> pl.DataFrame:
    """How many activities of each athlete and group came through each cell or tile."""
    count = pl.len().cast(pl.Int32).alias("activities")
    return seen.lazy().group_by(table.key).agg(count).select(*table.polars_schema).sort(table.key).collect()


def _tiles(seen: pl.DataFrame) -> pl.DataFrame:
    """The same of the tiles of TILE_ZOOMS: an activity counts once in each that it came through."""
    found, zoom = [], CELL_ZOOM
    for wanted in TILE_ZOOMS:
        size, zoom = 2 ** (zoom - wanted), wanted
        seen = seen.with_columns(pl.col("x", "y") // size).unique()
        found.append(_counted(HEAT_TILES, seen.with_columns(zoom=pl.lit(zoom, pl.Int32))))
    return pl.concat(found).sort(
        "zoom", "athlete_id", "sport_group", "y", "x"
    )  # by scale: a reader skips what it does not show


def _write(lake: Lake, table: Table, year: int, rows: pl.DataFrame, metadata: dict[str, str]) -> None:
    path = _path(lake, table, year)
    write_rows(path, rows, "zstd", metadata)
    sync_folder(path.parent)


def _path(lake: Lake, table: Table, year: int) -> Path:
    return lake.data_dir / table.name / f"year={year}" / f"{table.name}.parquet"


def _digest(origin: str, owner: _Owner | None) -> str:
    return hashlib.blake2b(repr((FORM, origin, owner)).encode(), digest_size=8).hexdigest()


def _made_from(lake: Lake, year: int, tables: Iterable[Table] = _TABLES) -> dict[int, str] | None:
    """What each file of a year was made from; None: one is missing, damaged, or was made from something else."""
    found = None
    for table in tables:
        path = _path(lake, table, year)
        try:
            metadata = pl.read_parquet_metadata(path)
            said = {int(one): str(digest) for one, digest in json.loads(metadata[_MADE_FROM]).items()}
            readable = pl.read_parquet_schema(path) == pl.Schema(table.polars_schema)
        except (OSError, KeyError, ValueError, AttributeError, pl.exceptions.ComputeError):
            return None
        if not readable or found not in (None, said):
            return None
        found = said
    return found


def _years(lake: Lake) -> set[int]:
    """The years with a folder of tracks, or of what was made from them."""
    roots = [lake.tracks, *(lake.data_dir / table.name for table in _ALL)]
    return {
        int(path.name.removeprefix("year="))
        for root in roots
        for path in root.glob("year=[0-9][0-9][0-9][0-9]")
        if path.is_dir()
    }
