"""Shards: the pages of a listing, typed, as Parquet, split by local year. Made from bronze alone, any time again.

A shard's own Parquet metadata says which listings it holds and how many of their pages, so whether one is missing or
stale is read from the files. When a year has many, they become one that keeps each version of an activity once.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from strava_pipeline.core.activities import YearRange, summary_frame
from strava_pipeline.core.tables import catalogue_version
from strava_pipeline.lake.files import sync_folder
from strava_pipeline.lake.listings import Listing, listings
from strava_pipeline.lake.paths import Lake

MANY = 32  # shards of a year before they are merged: a month of daily runs
_HOLDS = "strava_pipeline.listings"
_CATALOGUE = "strava_pipeline.catalogue"


@dataclass(slots=True)
class ShardReport:
    """What one call wrote. `unknown` counts fields that have no column, by name; they stand in `extra`."""

    rows: Counter[int] = field(default_factory=Counter)
    files: int = 0
    bytes: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


def write_shards(
    lake: Lake, wanted: Iterable[int], years: YearRange, *, tick: Callable[[int], None] = lambda rows: None
) -> ShardReport:
    """Write the shards of the `wanted` years that are missing or stale; `tick` is told the rows after each listing."""
    report = ShardReport()
    asked = set(wanted)
    held = {year: holdings(lake, year) for year in asked}
    for listing in listings(lake):
        pages = len(listing.manifest.pages)
        missing = {
            year for year in asked.intersection(listing.manifest.years) if held[year].get(listing.name, 0) < pages
        }
        if missing:
            _shard(lake, listing, missing, years, report)
            tick(report.rows.total())
    for year in sorted(asked):
        _merge(lake, year)
    return report


def shard_files(lake: Lake, year: int) -> list[Path]:
    """The year's shards of the present catalogue, oldest name first."""
    folder = lake.shards_of(year)
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.parquet") if _metadata(path).get(_CATALOGUE) == catalogue_version())


def holdings(lake: Lake, year: int) -> dict[str, int]:
    """Which listings the year's shards hold, with the number of pages of each."""
    held: dict[str, int] = {}
    for path in shard_files(lake, year):
        for name, pages in json.loads(_metadata(path)[_HOLDS]).items():
            held[name] = max(pages, held.get(name, 0))
    return held


def _shard(lake: Lake, listing: Listing, wanted: set[int], years: YearRange, report: ShardReport) -> None:
    frames = []
    for page, activities in listing.pages():
        if wanted.intersection(page.years):
            rows, typed = summary_frame(
                activities, years=years, ingestion_ts=page.fetched_at, athlete_id=listing.manifest.athlete_id
            )
            frames.append(rows.filter(pl.col("year").is_in(wanted)))
            report.unknown.update(typed.unknown + typed.misfits)
    if not frames:
        return
    holds = {listing.name: len(listing.manifest.pages)}
    for (year,), rows in pl.concat(frames).group_by("year", maintain_order=True):
        assert isinstance(year, int)
        path = lake.shards_of(year) / f"{listing.name}.parquet"
        report.bytes += _write(path, rows, holds)
        report.rows[year] += rows.height
        report.files += 1


def _merge(lake: Lake, year: int) -> None:
    """Make one shard of many: of each activity the rows in which something changed."""
    files = shard_files(lake, year)
    if len(files) <= MANY:
        return
    rows = pl.concat([pl.read_parquet(path) for path in files]).sort("id", "ingestion_ts")
    changed = pl.col("content_hash").ne_missing(pl.col("content_hash").shift(1).over("id"))
    holds = holdings(lake, year)
    _write(lake.shards_of(year) / f"{max(holds)}.merged.parquet", rows.filter(changed), holds)
    for path in files:
        if path.name != f"{max(holds)}.merged.parquet":
            path.unlink()


def _write(path: Path, rows: pl.DataFrame, holds: dict[str, int]) -> int:
    """Rename into place, so that a shard is whole or absent. Not fsynced one by one: it can be made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    rows.write_parquet(
        temporary, compression="zstd", metadata={_HOLDS: json.dumps(holds), _CATALOGUE: catalogue_version()}
    )
    temporary.replace(path)
    sync_folder(path.parent)
    return path.stat().st_size


def _metadata(path: Path) -> dict[str, str]:
    return pl.read_parquet_metadata(path)
