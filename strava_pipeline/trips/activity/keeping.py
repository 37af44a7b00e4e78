"""The saved rows of activity trips: files of Parquet per table, the newest row of a key last, and their merge into the warehouse.

The trips themselves stay in their source, encrypted. A trip that the source no longer has keeps its row, with
`deleted_at`. The rows are computed elsewhere and only stored here. What is saved at once is a file of its own, so that
saving costs what is saved; `compact` joins files once they are many.
"""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex

import polars as pl
from polars.exceptions import PolarsError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.tables import Table
from strava_pipeline.lake.files import from_stamp, held, stamp, sync_folder, write_rows
from strava_pipeline.lake.gold.making import STAGED, MergeReport, make_rows, stage, staging
from strava_pipeline.lake.gold.notes import MADE, note, notes
from strava_pipeline.lake.gold.warehouse import Connection, spill
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.activity.tables import TABLES

_LOCK = "trip_rows"
_MERGED = f"{MADE}trip_rows:"  # + table: up to which file, by its path below the folder of trips
MANY = 16  # files of a table; a run of each day makes one, a first reading one for 2,000 trips


@dataclass(frozen=True, slots=True)
class SaveReport(Numbers):
    """Counts of new rows, changed rows, and rows newly marked as deleted."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: "SaveReport") -> "SaveReport":
        return SaveReport(self.inserted + other.inserted, self.updated + other.updated, self.deleted + other.deleted)


def save_trips(
    lake: Lake, table: Table, rows: pl.DataFrame, at: datetime, *, gone: Collection[str] = frozenset()
) -> SaveReport:
    """Save rows in a new file of the table; a row with the same content as the saved one stays unchanged.

    `rows` has the catalogue's columns except `fetched_at`; `gone` are keys that the source no longer has.
    """
    (key,) = table.key
    now = pl.lit(at, pl.Datetime("us", "UTC"))
    with locked(lake, _LOCK):
        before = saved_trips(lake, table, {*rows[key], *gone})
        rows = rows.with_columns(fetched_at=now).select(before.columns)
        marked = before.clear()
        if gone:
            marked = before.filter(pl.col(key).is_in(list(gone)), pl.col("deleted_at").is_null())
            marked = marked.with_columns(deleted_at=now, fetched_at=now)
        new = pl.concat([rows.join(_unchanged(rows, before, key), on=key, how="anti"), marked])
        known = new.join(before, on=key, how="semi").height
        if new.height:
            write_rows(_next_file(lake, table, at), new, "zstd", {})
            sync_folder(_folder(lake, table))
    return SaveReport(new.height - known, known - marked.height, marked.height)


def _unchanged(rows: pl.DataFrame, before: pl.DataFrame, key: str) -> pl.DataFrame:
    """The keys of rows that are stored with the same content (apart from `fetched_at`)."""
    content = pl.struct(name for name in before.columns if name != "fetched_at").struct.json_encode().alias("content")
    known = rows.join(before, on=key, how="semi")
    return known.select(key, content).join(before.select(key, content), on=[key, "content"], how="semi")


def saved_trips(
    lake: Lake, table: Table, names: Iterable[str] | None = None, *, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """The table's saved rows with these keys, or all, in the catalogue's columns; a column that a file lacks is NULL.

    `columns`: these alone, of which the key is one.
    """
    (key,) = table.key
    chosen = [*table.polars_schema] if columns is None else [*columns]
    wanted = None if names is None else pl.Series([*names], dtype=pl.String)
    found = [pl.DataFrame(schema=table.polars_schema).select(chosen)]
    for path in reversed(files_of(lake, table)):
        seen = [frame[key] for frame in found]
        rows = _in_columns(path, table).select(chosen).filter(~pl.col(key).is_in(pl.concat(seen).implode()))
        found.append(_collected(rows if wanted is None else rows.filter(pl.col(key).is_in(wanted.implode())), path))
        if wanted is not None and sum(frame.height for frame in found) == wanted.n_unique():
            break
    return pl.concat(found)


def files_of(lake: Lake, table: Table) -> list[Path]:
    """The table's files, oldest first. The first one may be the only file that earlier versions had."""
    first = lake.trips / f"{table.name}.parquet"
    return [*([first] if first.exists() else []), *sorted(_folder(lake, table).glob("[0-9]*.parquet"))]


def _folder(lake: Lake, table: Table) -> Path:
    return lake.trips / table.name


def _next_file(lake: Lake, table: Table, at: datetime) -> Path:
    """A file named by the time, or by a later one if there is a file of this time."""
    newest = max((path.stem for path in _folder(lake, table).glob("[0-9]*.parquet")), default="")
    if newest >= stamp(at):
        at = from_stamp(newest) + timedelta(microseconds=1)
    return _folder(lake, table) / f"{stamp(at)}.parquet"


def _columns_of(path: Path) -> list[str]:
    try:
        return [*pl.read_parquet_schema(path)]
    except (PolarsError, OSError) as error:
        raise _unreadable(path, error) from error


def _in_columns(path: Path, table: Table) -> pl.LazyFrame:
    there = _columns_of(path)
    # of a column of keys that are not wanted the other columns aren't unpacked
    return pl.scan_parquet(path, glob=False, hive_partitioning=False, parallel="prefiltered").select(
        (pl.col(name) if name in there else pl.lit(None)).cast(kind).alias(name)
        for name, kind in table.polars_schema.items()
    )


def _collected(rows: pl.LazyFrame, path: Path) -> pl.DataFrame:
    try:
        return rows.collect()
    except (PolarsError, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> PipelineError:
    return PipelineError(
        f"{path} can't be read ({type(error).__name__}). Restore it from a backup, or delete all files of this table: "
        "backfilling all years of the trips makes them again from their source, except the trips that the source has deleted."
    )


def merge(connection: Connection, lake: Lake) -> MergeReport:
    """Merge the saved rows that the warehouse has not merged yet into their tables, inside the caller's transaction.

    The order of the files decides, not the time of a row: the clock of a run may have been ahead. Where the noted file is
    not there, as in a folder that was restored, or noted by earlier versions, which went by the time, all files are merged.
    """
    report = MergeReport()
    merged = notes(connection, _MERGED)
    for table in TABLES:
        files = {str(path.relative_to(lake.trips)): path for path in files_of(lake, table)}
        names = [*files]
        newest = merged.get(table.name)
        due = names[names.index(newest) + 1 :] if newest in files else names
        for name in due:
            spill(connection)
            path = files[name]
            with staging(lake) as folder:
                rows = str(path)
                if _columns_of(path) != [*table.polars_schema]:
                    rows = stage(folder, table.name, _collected(_in_columns(path, table), path))
                report.count(make_rows(connection, table, STAGED, {"rows": rows}))
        if due:
            note(connection, f"{_MERGED}{table.name}", due[-1])
    return report


def compact(lake: Lake) -> None:
    """Where a table has many files, join the newest ones, and older ones that are less than twice as large as these: so a
    row is written again when the table has grown by half.
    """
    for table in TABLES:
        with locked(lake, _LOCK):
            files = files_of(lake, table)
            if len(files) <= MANY:
                continue
            sizes = [path.stat().st_size for path in files]
            first = next((place for place in range(len(files) - 1) if sizes[place] < 2 * sum(sizes[place + 1 :])), None)
            if first is not None:
                _join(files[first:], table)


def _join(files: list[Path], table: Table) -> None:
    """One file, in the place of the newest, with the newest row of each key."""
    (key,) = table.key
    parts, seen = [], pl.Series(dtype=pl.String)
    for path in reversed(files):
        rows = _in_columns(path, table)
        parts.append(rows.filter(~pl.col(key).is_in(seen.implode())))
        seen = pl.concat([seen, _collected(rows.select(key), path)[key]])
    target = files[-1]
    joined = target.with_name(f".{target.name}.{token_hex(4)}.tmp")
    try:
        with held(joined) as file:
            pl.concat(parts).sink_parquet(file, compression="zstd", row_group_size=10_000)  # a part of a file at a time
            os.fsync(file.fileno())
            joined.replace(target)
    except (PolarsError, OSError) as error:
        joined.unlink(missing_ok=True)
        raise PipelineError(
            f"The files of {table.name} in {target.parent} can't be joined ({type(error).__name__})."
        ) from error
    sync_folder(target.parent)
    for path in files[:-1]:
        path.unlink()
