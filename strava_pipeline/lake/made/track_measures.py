"""Values computed once from each track: curves, seconds at each value, sums, cells, ways. A Parquet file per year and table.

A file's metadata records for each activity what its rows were made from, so that only new or outdated ones are
computed, and rows of a removed track are removed with it. The formulas are core/track_measures.py's and core/ways.py's.
Cells are positions: they stay in these files. Data derived from ways is in routes.py and tile_visits.py.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import polars as pl

from strava_pipeline.core.cuts import cut_summary
from strava_pipeline.core.tables import (
    CURVES,
    CUT_SUMMARIES,
    HEAT_CELLS,
    HEAT_TILES,
    TRACK_CELLS,
    TRACK_SUMMARIES,
    TRACK_WAYS,
    VALUE_SECONDS,
    WAY_CELLS,
    Table,
)
from strava_pipeline.core.track_measures import CELL_ZOOM, FORM, TILE_ZOOMS, cells, curves, value_seconds
from strava_pipeline.core.track_summaries import summary
from strava_pipeline.core.ways import WAY_FORM, way_measures
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.cut_tracks import counted_origins, counted_track
from strava_pipeline.lake.made.made_files import (
    UNREADABLE,
    drop_damaged,
    folders_of,
    made_from,
    table_file,
    table_years,
    write_made,
)
from strava_pipeline.lake.paths import Lake


class _Owner(NamedTuple):
    """A counted activity's data that its track's measures need."""

    athlete_id: int
    sport_group: str
    start_date_local: datetime | None
    is_virtual: bool


_OWNERS = (
    "SELECT activity_id, athlete_id, sport_group, start_date_local, is_virtual FROM counted_activities "
    "WHERE activity_id IN (SELECT unnest($ids))"
)


@dataclass(frozen=True, slots=True)
class _Measures:
    """Tables that are computed together: from an activity's points and its group of sports; and the tables that follow.

    `form` and the first `depends_on` values of the owner: what the rows depend on besides the points. `follow`: tables
    derived from the first one's rows. `of_places`: for real places only, so virtual worlds have none. `of_cuts`: only for
    tracks of which something was cut.
    """

    tables: tuple[Table, ...]
    of: Callable[[pl.DataFrame, str | None], Sequence[pl.DataFrame]]
    form: int = FORM
    depends_on: int = 2
    follow: tuple[Table, ...] = ()
    of_places: bool = False
    of_cuts: bool = False

    def is_nowhere(self, owner: _Owner | None) -> bool:
        return self.of_places and owner is not None and owner.is_virtual


def _one(of: Callable[[pl.DataFrame, str | None], pl.DataFrame]) -> Callable[..., Sequence[pl.DataFrame]]:
    return lambda points, group: (of(points, group),)


_MEASURES = (
    _Measures((CURVES,), _one(curves)),
    _Measures((VALUE_SECONDS,), _one(value_seconds)),
    _Measures((TRACK_SUMMARIES,), _one(summary)),
    _Measures((CUT_SUMMARIES,), _one(cut_summary), of_cuts=True),
    _Measures((TRACK_CELLS,), _one(cells), follow=(HEAT_CELLS, HEAT_TILES), of_places=True),
    # ways are put in order of their starts
    _Measures((TRACK_WAYS, WAY_CELLS), way_measures, WAY_FORM, depends_on=3, of_places=True),
)
MEASURED = tuple(table for measures in _MEASURES for table in (*measures.tables, *measures.follow))


@dataclass(frozen=True, slots=True)
class _Due:
    """The work for the tables of some measures: `stale` activities are measured, rows of `kept` stay."""

    measures: _Measures
    made_from: dict[int, str]
    stale: frozenset[int]

    @property
    def kept(self) -> list[int]:
        return [one for one in self.made_from if one not in self.stale]


@dataclass(frozen=True, slots=True)
class DueTracks:
    """The work for a year: by measures, and the activities of the tracks that count."""

    year: int
    measures: tuple[_Due, ...]
    owners: dict[int, _Owner]

    @property
    def stale(self) -> list[int]:
        """The tracks with any measure due."""
        return sorted({one for due in self.measures for one in due.stale})


def due_tracks(lake: Lake, connection: Connection, years: Iterable[int]) -> list[DueTracks]:
    """The years with measures to compute or remove. `years`: those whose tracks may have changed.

    For other years only the names of files are checked, so that tracks from before a version with measures are
    measured, too.
    """
    asked, looked_at = set(years), []
    for year in sorted(asked | _years(lake)):
        known = [_known(lake, year, measures) for measures in _MEASURES]
        folder = lake.tracks_of(year)
        names = {path.stem for path in folder.glob("*.parquet")} if folder.is_dir() else set()
        of_all = [state for measures, state in zip(_MEASURES, known, strict=True) if not measures.of_cuts]
        if year not in asked and all(has_all and {str(one) for one in held} == names for held, has_all in of_all):
            continue
        looked_at.append((year, known, *counted_origins(lake, year)))
    owners = _owners(connection, [one for *_, origins, _ in looked_at for one in origins])
    found = []
    for year, known, origins, cut in looked_at:
        due = []
        for measures, (held, has_all) in zip(_MEASURES, known, strict=True):
            of = cut if measures.of_cuts else origins
            made_from = {one: _digest(measures, origins[one], owners.get(one)) for one in of}
            if made_from != held or not has_all:
                stale = frozenset(one for one, digest in made_from.items() if held.get(one) != digest)
                due.append(_Due(measures, made_from, stale))
        if due:
            found.append(DueTracks(year, tuple(due), {one: owners[one] for one in origins if one in owners}))
    return found


def _owners(connection: Connection, ids: list[int]) -> dict[int, _Owner]:
    """The owners of all years at once: planning the view takes DuckDB 30 ms."""
    if not ids:
        return {}
    counted = connection.execute(_OWNERS, {"ids": ids}).fetchall()
    return {one: _Owner(*said) for one, *said in counted}


def measure_tracks(lake: Lake, due: DueTracks, tick: Callable[[], None] = lambda: None) -> None:
    """Compute the due measures of a year and write its files, each atomically."""
    made = {table: list[pl.DataFrame]() for each in due.measures for table in each.measures.tables}
    unreadable = set()
    for activity_id in due.stale:
        path = counted_track(lake, due.year, activity_id)
        try:
            points = pl.read_parquet(path, hive_partitioning=False)
        except UNREADABLE:
            drop_damaged([path])
            unreadable.add(activity_id)
            continue
        owner = due.owners.get(activity_id)
        athlete = points["athlete_id"].item(0) if points.height else None
        for each in due.measures:
            if activity_id in each.stale:
                seen = points.clear() if each.measures.is_nowhere(owner) else points
                rows = each.measures.of(seen, owner and owner.sport_group)
                for table, frame in zip(each.measures.tables, rows, strict=True):
                    made[table].append(_with_owner(table, frame, activity_id, athlete, owner))
        tick()
    for each in due.measures:
        made_from = {one: digest for one, digest in each.made_from.items() if one not in unreadable}
        _write_year(lake, due, each, made_from, made)


def _with_owner(
    table: Table, rows: pl.DataFrame, activity_id: int, athlete_id: int | None, owner: _Owner | None
) -> pl.DataFrame:
    """The rows with the other columns of the table. `athlete_id`: from the track."""
    said = {
        "activity_id": activity_id,
        "athlete_id": athlete_id,
        **(owner._asdict() if table is TRACK_WAYS and owner else {}),
    }
    missing = {name: kind for name, kind in table.polars_schema.items() if name not in rows.columns}
    return rows.with_columns(pl.lit(said.get(name), kind).alias(name) for name, kind in missing.items()).select(
        *table.polars_schema
    )


def _write_year(
    lake: Lake,
    due: DueTracks,
    each: _Due,
    made_from: Mapping[int, str],
    made: Mapping[Table, list[pl.DataFrame]],
) -> None:
    """Write the kept and the new rows of the tables of some measures."""
    if not made_from:
        for table in (*each.measures.tables, *each.measures.follow):
            table_file(lake, table, due.year).unlink(missing_ok=True)
        return
    for table in each.measures.tables:
        empty = pl.DataFrame(schema=table.polars_schema)
        held = pl.read_parquet(table_file(lake, table, due.year), hive_partitioning=False) if each.kept else empty
        rows = pl.concat([held.filter(pl.col("activity_id").is_in(each.kept)), *made[table]]).sort(*table.key)
        write_made(lake, table, due.year, rows, made_from)
        if table is TRACK_CELLS:
            seen = _seen(rows, due.owners)
            write_made(lake, HEAT_CELLS, due.year, _counted(HEAT_CELLS, seen), made_from)
            write_made(lake, HEAT_TILES, due.year, _tiles(seen), made_from)


def _seen(rows: pl.DataFrame, owners: dict[int, _Owner]) -> pl.DataFrame:
    """The cells of each activity with its athlete and group. `owners`: of the activities that count."""
    schema = {"activity_id": pl.Int64, "athlete_id": pl.Int64, "sport_group": pl.String}
    counted = pl.DataFrame([(one, *owner[:2]) for one, owner in owners.items()], schema, orient="row")
    return rows.drop("athlete_id").join(counted, on="activity_id")  # the file may name no athlete


def _counted(table: Table, seen: pl.DataFrame) -> pl.DataFrame:
    """How many activities of each athlete and group passed through each cell or tile."""
    count = pl.len().cast(pl.Int32).alias("activities")
    return seen.lazy().group_by(table.key).agg(count).select(*table.polars_schema).sort(table.key).collect()


def _tiles(seen: pl.DataFrame) -> pl.DataFrame:
    """The same for the tiles of TILE_ZOOMS: an activity counts once in each tile that it passed through."""
    found, zoom = [], CELL_ZOOM
    for wanted in TILE_ZOOMS:
        size, zoom = 2 ** (zoom - wanted), wanted
        seen = seen.with_columns(pl.col("x", "y") // size).unique()
        found.append(_counted(HEAT_TILES, seen.with_columns(zoom=pl.lit(zoom, pl.Int32))))
    # by scale: a reader skips the scales that it does not show
    return pl.concat(found).sort("zoom", "athlete_id", "sport_group", "y", "x")


def _digest(measures: _Measures, origin: str, owner: _Owner | None) -> str:
    depends_on = "nowhere" if measures.is_nowhere(owner) else owner and owner[: measures.depends_on]
    inputs = measures.form, origin, depends_on
    return hashlib.blake2b(repr(inputs).encode(), digest_size=8).hexdigest()


def _known(lake: Lake, year: int, measures: _Measures) -> tuple[dict[int, str], bool]:
    """The inputs of the rows of a year; and whether the tables that follow from them exist, too."""
    known = made_from(lake, year, measures.tables)
    if known is None:
        return {}, not any(table_file(lake, table, year).exists() for table in measures.tables)
    return known, not measures.follow or made_from(lake, year, measures.follow) == known


def _years(lake: Lake) -> set[int]:
    """The years with a folder of tracks, or of data made from them."""
    return folders_of(lake.tracks) | table_years(lake, MEASURED)
