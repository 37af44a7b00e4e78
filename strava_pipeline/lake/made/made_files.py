"""Parquet files of tables that are made from others, a file per year: their metadata record for each activity what its rows were
made from, so that only new and outdated ones are made again.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import duckdb
import polars as pl

from strava_pipeline.core.tables import Table
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.paths import Lake

_MADE_FROM = "strava_pipeline.made_from"
log = logging.getLogger(__name__)
# a track removed meanwhile, or damaged: the next run looks again
UNREADABLE = FileNotFoundError, pl.exceptions.ComputeError


def write_made(lake: Lake, table: Table, year: int, rows: pl.DataFrame, made_from: Mapping[int, str]) -> None:
    """Write the file of a table and year. `made_from`: by activity a digest of what its rows were made from."""
    path = table_file(lake, table, year)
    write_rows(path, rows, "zstd", {_MADE_FROM: json.dumps({str(one): made_from[one] for one in sorted(made_from)})})
    sync_folder(path.parent)


def table_file(lake: Lake, table: Table, year: int) -> Path:
    """The path of the rows of a year."""
    return lake.data_dir / table.name / f"year={year}" / f"{table.name}.parquet"


def measured_rows(lake: Lake, table: Table, year: int) -> int:
    """The number of rows of a year, from the file's footer; 0 if it can't be read."""
    try:
        return int(pl.scan_parquet(table_file(lake, table, year)).select(pl.len()).collect().item())
    except UNREADABLE:
        return 0


def made_from(lake: Lake, year: int, tables: Iterable[Table]) -> dict[int, str] | None:
    """The inputs of each file of a year, or None if one is missing, damaged, or was made from something else."""
    found = None
    for table in tables:
        path = table_file(lake, table, year)
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


def without_damage(lake: Lake, tables: Iterable[Table], work: Callable[[], None]) -> None:
    """Do the work; where it fails because files of these tables can't be read, once more without them, which makes them anew."""
    try:
        work()
    except (pl.exceptions.ComputeError, duckdb.Error):
        if not drop_damaged(path for table in tables for path in (lake.data_dir / table.name).glob("year=*/*.parquet")):
            raise
        work()


def drop_damaged(paths: Iterable[Path]) -> bool:
    """Delete the files whose rows can't be read, so that they are made again; whether there was any.

    They are not set aside: most hold places, and no purge would look for them there.
    """
    found = False
    for path in filter(Path.exists, paths):
        try:
            pl.read_parquet(path, hive_partitioning=False)
        except UNREADABLE:
            path.unlink(missing_ok=True)
            log.warning("%s can't be read. It is deleted, and made anew.", path)
            found = True
    return found


def table_years(lake: Lake, tables: Iterable[Table]) -> set[int]:
    """The years with a folder of any of these tables."""
    return {year for table in tables for year in folders_of(lake.data_dir / table.name)}


def folders_of(root: Path) -> set[int]:
    """The years that have a folder there."""
    folders = (path for path in root.glob("year=[0-9][0-9][0-9][0-9]") if path.is_dir())
    return {int(path.name.removeprefix("year=")) for path in folders}
