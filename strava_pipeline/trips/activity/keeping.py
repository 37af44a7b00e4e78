"""The saved rows of activity trips: a Parquet file per table, and their merge into the warehouse.

The trips themselves stay in their source, encrypted. A trip that the source no longer has keeps its row, with
`deleted_at`. The rows are computed elsewhere and only stored here.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from polars.exceptions import PolarsError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.tables import Table
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.gold.making import MergeReport, make_staged_rows
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.activity.tables import TABLES

_LOCK = "trips"


@dataclass(frozen=True, slots=True)
class SaveReport(Numbers):
    """Counts of new rows, changed rows, and rows newly marked as deleted."""

    inserted: int
    updated: int
    deleted: int


def save_trips(
    lake: Lake, table: Table, rows: pl.DataFrame, at: datetime, *, gone: Collection[str] = frozenset()
) -> SaveReport:
    """Save rows in the table's file by its key; a row with the same content stays unchanged.

    `rows` has the catalogue's columns except `fetched_at`; `gone` are keys that the source no longer has.
    """
    (key,) = table.key
    now = pl.lit(at, pl.Datetime("us", "UTC"))
    with locked(lake, _LOCK):
        held = saved_trips(lake, table)
        rows = rows.with_columns(fetched_at=now).select(held.columns)
        marked = held.clear()
        if gone:
            marked = held.filter(pl.col(key).is_in(list(gone)), pl.col("deleted_at").is_null())
            marked = marked.with_columns(deleted_at=now, fetched_at=now)
        new = pl.concat([rows.join(_unchanged(rows, held, key), on=key, how="anti"), marked])
        known = new.join(held, on=key, how="semi").height
        if new.height:
            whole = pl.concat([held.join(new, on=key, how="anti"), new]).sort(key)
            write_rows(lake.trips / f"{table.name}.parquet", whole, "zstd", {})
            sync_folder(lake.trips)
    return SaveReport(new.height - known, known - marked.height, marked.height)


def _unchanged(rows: pl.DataFrame, held: pl.DataFrame, key: str) -> pl.DataFrame:
    """The keys of rows that are stored with the same content (apart from `fetched_at`)."""
    content = pl.struct(name for name in held.columns if name != "fetched_at").struct.json_encode().alias("content")
    return rows.select(key, content).join(held.select(key, content), on=[key, "content"], how="semi")


def saved_trips(lake: Lake, table: Table) -> pl.DataFrame:
    """All rows of the table's file in the catalogue's columns; a column that the file lacks is NULL."""
    path = lake.trips / f"{table.name}.parquet"
    schema = table.polars_schema
    if not path.exists():
        return pl.DataFrame(schema=schema)
    try:
        held = pl.read_parquet(path)
    except (PolarsError, OSError) as error:
        raise PipelineError(
            f"{path} can't be read ({type(error).__name__}). Restore it from a backup, or delete it: backfilling all years "
            "of the trips makes it again from their source, except the trips that the source has deleted."
        ) from error
    there = set(held.columns)
    return held.select(
        (pl.col(name) if name in there else pl.lit(None)).cast(kind).alias(name) for name, kind in schema.items()
    )


def merge(connection: Connection, lake: Lake) -> MergeReport:
    """Merge all saved rows into their tables, inside the caller's transaction."""
    report = MergeReport()
    for table in TABLES:
        rows = saved_trips(lake, table)
        if rows.height:
            report.count(make_staged_rows(connection, lake, table, rows, counts="gold.fetched_at < made.fetched_at"))
            report.rows[table.name] = rows.height
    return report
