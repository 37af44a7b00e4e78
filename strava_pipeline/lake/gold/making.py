"""Making the rows of a table those of a query: what differs is written, and what is as it was is not.

So a step that runs twice writes nothing the second time, and a run writes what changed. Rows on their way into the warehouse are
staged as Parquet in the data folder (`staging`). The functions work inside the caller's transaction.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.tables import Table
from strava_pipeline.lake.files import write_rows
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

STAGED = "SELECT * FROM read_parquet($rows)"  # the query of staged rows


@dataclass(frozen=True, slots=True)
class Made:
    """How many rows of a table were written, by what was done with them."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    @property
    def written(self) -> int:
        return self.inserted + self.updated + self.deleted


@dataclass(slots=True)
class MergeReport(Numbers):
    """The counts of a merge. For details: rows by table, and counts of fields without a column."""

    inserted: int = 0
    updated: int = 0
    rows: Counter[str] = field(default_factory=Counter, repr=False)
    unknown_fields: Counter[str] = field(default_factory=Counter)

    def count(self, made: Made) -> None:
        self.inserted += made.inserted
        self.updated += made.updated

    @property
    def wrote(self) -> bool:
        return bool(self.inserted or self.updated)


def make_rows(
    connection: Connection,
    table: Table,
    query: str,
    values: Mapping[str, Any] | None = None,
    *,
    but: Sequence[str] = (),
    counts: str = "true",
    all_of_it: bool = False,
) -> Made:
    """Make the rows of `table` those of `query`, by key.

    Args:
        values: the parameters of `query`.
        but: columns that the query lacks, and that stay as they are.
        counts: where a row of the query (`made`) takes the place of one that is there (`gold`), as SQL.
        all_of_it: the query has all rows, and others are deleted.
    """
    names = [column.name for column in table.columns if column.name not in but]
    text = sql("make_rows").format(
        table=table.stored,
        query=query,
        same_key=" AND ".join(f"gold.{key} = made.{key}" for key in table.key),
        gold=", ".join(f'gold."{name}"' for name in names),
        made=", ".join(f'made."{name}"' for name in names),
        counts=counts,
        others="WHEN NOT MATCHED BY SOURCE THEN DELETE" if all_of_it else "",
    )
    done = Counter(action for (action,) in connection.execute(text, values).fetchall())
    if done:
        mark_changed(connection)
    return Made(done["INSERT"], done["UPDATE"], done["DELETE"])


def make_staged_rows(
    connection: Connection,
    lake: Lake,
    table: Table,
    rows: pl.DataFrame,
    *,
    counts: str = "true",
    all_of_it: bool = False,
) -> Made:
    """`make_rows` of a frame."""
    with staging(lake) as folder:
        values = {"rows": stage(folder, table.name, rows)}
        return make_rows(connection, table, STAGED, values, counts=counts, all_of_it=all_of_it)


@contextmanager
def staging(lake: Lake) -> Iterator[Path]:
    """A folder for rows on their way into the warehouse, below the data folder because they contain positions.

    Only the holder of the warehouse uses it, so earlier contents are a dead process's.
    """
    shutil.rmtree(lake.staging, ignore_errors=True)
    lake.staging.mkdir(parents=True)
    try:
        yield lake.staging
    finally:
        shutil.rmtree(lake.staging, ignore_errors=True)


def stage(folder: Path, name: str, rows: pl.DataFrame) -> str:
    path = folder / f"{name}.parquet"
    write_rows(path, rows, "lz4", {})
    return str(path)
