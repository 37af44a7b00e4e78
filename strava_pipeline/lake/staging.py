"""What is on its way into the warehouse: rows as Parquet in the data folder, taken in by one statement; and what came of it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from strava_pipeline.lake.files import write_rows
from strava_pipeline.lake.paths import Lake


@dataclass(slots=True)
class MergeReport:
    """Rows by what became of them, and of details the rows per table and the fields that have no column."""

    inserted: int = 0
    updated: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def count(self, actions: list[tuple[str]]) -> None:
        self.inserted += sum(action == "INSERT" for (action,) in actions)
        self.updated += sum(action == "UPDATE" for (action,) in actions)

    @property
    def wrote(self) -> bool:
        return bool(self.inserted or self.updated)


@contextmanager
def staging(lake: Lake) -> Iterator[Path]:
    """A folder for what is on its way into the warehouse: below the data folder, because it holds positions.

    Only who holds the warehouse has one, so that whatever lies there before is a dead process's.
    """
    shutil.rmtree(lake.staging, ignore_errors=True)
    lake.staging.mkdir(parents=True)
    try:
        yield lake.staging
    finally:
        shutil.rmtree(lake.staging, ignore_errors=True)


def staged(folder: Path, name: str, rows: pl.DataFrame) -> str:
    path = folder / f"{name}.parquet"
    write_rows(path, rows, "lz4", {})
    return str(path)
