"""Shards without the rows of imports: before an import is taken out of the warehouse, and the others' rows are made again."""

import json

import polars as pl

from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.shards import HOLDS, LOCK, Held, set_aside_unreadable


def drop_imported(lake: Lake) -> list[str]:
    """Take the rows of imports out of all shards; those that can't be read are set aside, and named."""
    with locked(lake, LOCK):
        return _drop_imported(lake)


def _drop_imported(lake: Lake) -> list[str]:
    damaged: list[str] = []
    for path in sorted([*lake.shards.glob("year=*/*.parquet"), *lake.shards.glob("year=*/*.outdated")]):
        try:
            metadata = pl.read_parquet_metadata(path)
            holds: Held = json.loads(metadata.get(HOLDS, "{}"))
            left = {name: pages for name, pages in holds.items() if name.rpartition("-")[2] not in IMPORTED}
            rows = pl.read_parquet(path) if len(left) < len(holds) or not holds else pl.DataFrame()
        except (pl.exceptions.PolarsError, OSError):
            damaged += set_aside_unreadable([path])
            continue
        kept = rows.filter(~pl.col("source").is_in(list(IMPORTED))) if "source" in rows.columns else rows
        if kept.height < rows.height or len(left) < len(holds):
            if kept.is_empty():
                path.unlink()
            else:
                write_rows(path, kept, "zstd", metadata | {HOLDS: json.dumps(left)})
            sync_folder(path.parent)
    return damaged
