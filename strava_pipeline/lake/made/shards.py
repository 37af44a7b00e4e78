"""Shards: the pages of a listing, typed, as Parquet, split by local year. Made from bronze alone, at any time.

A shard's own Parquet metadata says which listings it contains, how many of their pages, by which catalogue and
partitions it was made, and which times of its listings were corrected (bronze/landing.py). So a missing or outdated
shard is found by reading the files. When a year has many shards, they become one that keeps each version of an activity
once, and when it was last seen.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from strava_pipeline.core.activities import summary_frame
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.tables import catalogue_version
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.landing import Times
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import all_listing_times
from strava_pipeline.lake.files import sync_folder, write_rows
from strava_pipeline.lake.imports.activities import all_listings
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.provider_gear import GearOfActivities

SHARDS_PER_YEAR = 32  # shards of a year before they are merged: a month of daily runs
TYPED_AT_ONCE = (
    500  # rows: typing a page of 100 takes a third as long again for each row, and more rows take more memory
)
LOCK = "shards"  # held to write shards, and to read them, as a writer may replace them
_MERGED = ".merged.parquet"
HOLDS = "strava_pipeline.listings"
_CATALOGUE = "strava_pipeline.catalogue"
_EDGE = "strava_pipeline.edge"
_TIMES = "strava_pipeline.times"
_MADE_BY = (_CATALOGUE, _EDGE, _TIMES)
_VERSION_OF = ("id", "source")  # a row by one source isn't a version of another source's row

PageCounts = dict[str, int]  # number of pages by listing


@dataclass(slots=True)
class ShardReport(Numbers):
    """The results of a call. `unknown_fields`: counts of fields without a column, which are in `extra`."""

    rows: Counter[int] = field(default_factory=Counter, repr=False)
    files: int = 0
    bytes: int = 0
    unknown_fields: Counter[str] = field(default_factory=Counter)

    def shown(self) -> dict[str, Any]:
        return {"rows": self.rows.total(), **Numbers.shown(self)}


def write_shards(
    lake: Lake,
    wanted: Iterable[int],
    years: YearRange,
    *,
    rewrite: bool = False,
    tick: Callable[[int], object] = lambda rows: None,
) -> ShardReport:
    """Write the missing and outdated shards of the `wanted` years; `tick` is called with the rows of each listing.

    `rewrite`: write all of them. A shard is replaced when the new one is complete; data that bronze no longer has is
    kept.
    """
    report = ShardReport()
    asked = set(wanted)
    with locked(lake, LOCK):
        times = all_listing_times(lake)
        gear = GearOfActivities(lake)
        for year in asked:
            _clear(lake, year, years, times)
        held = {year: holdings(lake, year) for year in asked}
        whole: set[str] = set()  # listings that have lost no page
        for listing in all_listings(lake):
            partitions = asked.intersection(listing.manifest.years_within(years))
            missing = {
                year
                for year in partitions
                if held[year].get(listing.name, 0) < listing.manifest.pages_for(year, years) + rewrite
            }
            if missing:
                _shard(lake, listing, missing, years, times, gear, report)
            if not listing.manifest.has_lost:  # checked last: reading the pages may have found a lost one
                whole.add(listing.name)
            tick(listing.manifest.rows)
        for year in asked:
            _forget_outdated(lake, year, years, whole, times)
        if rewrite:
            _drop_what_is_held_twice(lake, asked, whole)
        for year in sorted(asked):
            if len(_parquet(lake, year)) > SHARDS_PER_YEAR:
                _merge(lake, year, years, times)
    return report


def shard_files(lake: Lake, year: int) -> list[Path]:
    """The year's shards of the present catalogue, oldest name first. Hold LOCK while reading them."""
    return [path for path, metadata in _parquet(lake, year).items() if metadata.get(_CATALOGUE) == catalogue_version()]


def holdings(lake: Lake, year: int) -> PageCounts:
    """The listings in the year's shards, with the number of pages of each."""
    held: PageCounts = {}
    for metadata in _parquet(lake, year).values():
        if metadata.get(_CATALOGUE) == catalogue_version():
            for name, pages in _holds(metadata).items():
                held[name] = max(pages, held.get(name, 0))
    return held


def are_shards_current(lake: Lake, wanted: Iterable[int], years: YearRange) -> bool:
    """Whether no shard of the `wanted` years has to be made again; a new year outdates those of the newest partition."""
    with locked(lake, LOCK):
        times = all_listing_times(lake)
        return all(
            _is_current(metadata, year, years, times) for year in wanted for metadata in _parquet(lake, year).values()
        )


def set_aside_unreadable(paths: Iterable[Path]) -> list[str]:
    """Set aside shards with a readable footer but unreadable rows; returns their names."""
    damaged = []
    for path in paths:
        try:
            pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError):
            path.replace(path.with_suffix(".damaged"))
            damaged.append(str(path))
    return damaged


@contextmanager
def damage_reported(shards: Sequence[Path]) -> Iterator[None]:
    """If a statement fails, set damaged shards aside and name them, because DuckDB doesn't say which file is damaged."""
    try:
        yield
    except duckdb.Error as error:
        if damaged := set_aside_unreadable(shards):
            raise PipelineError(
                f"{', '.join(damaged)}: damaged, and set aside. `strava-pipeline rebuild` makes it again from bronze, "
                "without a call."
            ) from error
        raise


def _parquet(lake: Lake, year: int) -> dict[Path, dict[str, str]]:
    """The year's readable shards with their metadata, by name. Damaged ones are left out."""
    found: dict[Path, dict[str, str]] = {}
    folder = lake.shards_of(year)
    for path in sorted(folder.glob("*.parquet")) if folder.is_dir() else ():
        try:
            found[path] = pl.read_parquet_metadata(path)
        except pl.exceptions.ComputeError:
            continue
    return found


def _clear(lake: Lake, year: int, years: YearRange, times: Times) -> None:
    """Set aside damaged shards, and those of another catalogue, other partitions or other times, to be made again."""
    folder = lake.shards_of(year)
    if folder.is_file():
        folder.replace(folder.with_name(f"{folder.name}.damaged"))
    for unfinished in folder.glob(".*.tmp"):  # its writer held LOCK, so it is dead
        unfinished.unlink()
    readable = _parquet(lake, year)
    for path in folder.glob("*.parquet") if folder.is_dir() else ():
        metadata = readable.get(path)
        if metadata is None:
            path.replace(path.with_suffix(".damaged"))
        elif not _is_current(metadata, year, years, times):
            path.replace(path.with_suffix(".outdated"))


def _is_current(metadata: dict[str, str], year: int, years: YearRange, times: Times) -> bool:
    return {key: metadata.get(key, "") for key in _MADE_BY} == _made_by(_holds(metadata), year, years, times)


def _holds(metadata: dict[str, str]) -> PageCounts:
    held: PageCounts = json.loads(metadata.get(HOLDS, "{}"))
    return held


def _made_by(holds: PageCounts, year: int, years: YearRange, times: Times) -> dict[str, str]:
    """The rest of a shard's metadata; a shard with other values is made again."""
    believed = {name: digest for name in sorted(holds) if (digest := times.digest(name))}
    edge = f"{year == years.first:d}{year == years.newest:d}"  # the first and the newest hold more than their own year
    return {_CATALOGUE: catalogue_version(), _EDGE: edge, _TIMES: json.dumps(believed) if believed else ""}


def _forget_outdated(lake: Lake, year: int, years: YearRange, whole: set[str], times: Times) -> None:
    """Delete outdated shards that were made again. If bronze has lost a page, a shard may be the last copy and stays.

    If only its partitions are outdated, its rows stay in use, in a shard that claims to contain no listing.
    """
    for path in lake.shards_of(year).glob("*.outdated"):
        metadata = pl.read_parquet_metadata(path)
        holds = _holds(metadata)
        if holds and whole.issuperset(holds):
            path.unlink()
        elif metadata.get(_CATALOGUE) == catalogue_version():
            kept = path.with_name(f"{path.stem.removesuffix('.kept')}.kept.parquet")
            rows = pl.read_parquet(path).with_columns(pl.col("ingestion_ts").replace(dict(times.replaced)))
            rows = _with_existing_rows(rows, kept) if kept.exists() else rows
            _write(kept, rows, {}, _made_by({}, year, years, times))
            path.unlink()


def _drop_what_is_held_twice(lake: Lake, years: Iterable[int], whole: set[str]) -> None:
    """Delete merged shards whose listings all have their own shards again."""
    for year in years:
        holds = {path: _holds(metadata) for path, metadata in _parquet(lake, year).items()}
        single = {name: pages for path, held in holds.items() if not _is_merged(path) for name, pages in held.items()}
        for path, held in holds.items():
            again = whole.issuperset(held) and all(single.get(name, 0) >= pages for name, pages in held.items())
            if _is_merged(path) and again:
                path.unlink()


def _is_merged(path: Path) -> bool:
    return path.name.endswith(_MERGED)


def _shard(
    lake: Lake,
    listing: Listing,
    wanted: set[int],
    years: YearRange,
    times: Times,
    gear: GearOfActivities,
    report: ShardReport,
) -> None:
    """Write a listing's shards. A year is written after the last page that names it, so memory holds a year or two.

    Rows that still come later are added to the written shard.
    """
    manifest = listing.manifest
    last = {years.clamp(year): page.file for page in manifest.pages for year in page.local_years}
    held: dict[int, list[pl.DataFrame]] = {}
    written: dict[int, int] = {}  # the number of rows by year
    waiting: list[Json] = []
    came: list[datetime] = []  # when the page of each of them did
    before = cache(lambda: _gear_before(lake, listing, wanted))

    def type_waiting() -> None:
        rows, typed = summary_frame(
            waiting,
            years=years,
            ingestion_ts=came,
            athlete_id=manifest.athlete_id,
            source=manifest.source,
            account=manifest.account,
        )
        report.unknown_fields.update(typed.unknown + typed.misfits)
        for (year,), of_year in rows.filter(pl.col("year").is_in(wanted)).group_by("year", maintain_order=True):
            assert isinstance(year, int)
            held.setdefault(year, []).append(of_year)
        waiting.clear()
        came.clear()

    for page, activities in listing.pages():
        if not wanted.isdisjoint(years.clamp(year) for year in page.local_years):
            waiting += gear.added(manifest.source, manifest.landed, activities, before)
            came += [page.fetched_at] * len(activities)
        ended = [year for year in wanted if last.get(year) == page.file]
        if len(waiting) >= TYPED_AT_ONCE or (ended and waiting):
            type_waiting()
        for year in ended:
            if year in held:
                _write_year(lake, listing, year, held.pop(year), written, years, times, report)
    if waiting:
        type_waiting()
    for year, frames in held.items():  # years whose last page was lost, or whose last page did not name them
        _write_year(lake, listing, year, frames, written, years, times, report)


def _gear_before(lake: Lake, listing: Listing, years: Iterable[int]) -> dict[int, str]:
    """The gear by activity before a listing that came without it: what a service failed to say is as it was."""
    files = [path for year in years for path in shard_files(lake, year)]
    rows = pl.scan_parquet(files).filter(
        pl.col("source") == listing.manifest.source, pl.col("ingestion_ts") < listing.manifest.pages[0].fetched_at
    )
    newest = rows.sort("ingestion_ts").unique("id", keep="last").drop_nulls("gear_id").select("id", "gear_id")
    return dict(newest.collect().iter_rows()) if files else {}


def _write_year(
    lake: Lake,
    listing: Listing,
    year: int,
    frames: list[pl.DataFrame],
    written: dict[int, int],
    years: YearRange,
    times: Times,
    report: ShardReport,
) -> None:
    rows = pl.concat(frames)
    path = lake.shards_of(year) / f"{listing.name}.parquet"
    if year in written or (listing.manifest.has_lost and path.exists()):
        rows = _with_existing_rows(rows, path)
    holds = {listing.name: listing.manifest.pages_for(year, years)}
    report.bytes += _write(path, rows, holds, _made_by(holds, year, years, times))
    report.rows[year] += rows.height - written.get(year, 0)
    report.files += year not in written
    written[year] = rows.height


def _with_existing_rows(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """These rows and those of the existing shard, which may be the remains of a lost page."""
    return pl.concat([rows, pl.read_parquet(path)]).unique(["id", "ingestion_ts", "content_hash"], maintain_order=True)


def _merge(lake: Lake, year: int, years: YearRange, times: Times) -> None:
    """Make one shard of many. For each source's rows of an activity, keep those that changed something, and the newest.

    All rows are kept for an activity that is also in another year: its versions there came in between. The old shards
    are deleted when the new one is in place; shards left by a crash are merged again, which changes nothing.
    """
    files = shard_files(lake, year)
    holds = holdings(lake, year)
    rows = pl.concat([pl.read_parquet(path) for path in files]).sort(*_VERSION_OF, "ingestion_ts", "content_hash")
    changed = pl.col("content_hash").ne_missing(pl.col("content_hash").shift(1).over(_VERSION_OF))
    newest = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(-1)) for name in _VERSION_OF)
    elsewhere = pl.col("id").is_in(_ids_of(lake, [other for other in years.all if other != year]))
    merged = lake.shards_of(year) / f"{max(holds)}{_MERGED}"
    _write(merged, rows.filter(changed | newest | elsewhere), holds, _made_by(holds, year, years, times))
    for path in files:
        if path != merged:
            path.unlink()


def _ids_of(lake: Lake, years: Iterable[int]) -> list[int]:
    files = [path for year in years for path in shard_files(lake, year)]
    return pl.scan_parquet(files).select(pl.col("id").unique()).collect()["id"].to_list() if files else []


def _write(path: Path, rows: pl.DataFrame, holds: PageCounts, made_by: dict[str, str]) -> int:
    """Write a shard atomically; returns its size in bytes."""
    size = write_rows(path, rows, "zstd", {HOLDS: json.dumps(holds), **made_by})
    sync_folder(path.parent)
    return size


def drop_imported_rows(lake: Lake) -> list[str]:
    """Remove the rows of imports from all shards; shards that can't be read are set aside, and their names returned."""
    damaged: list[str] = []
    with locked(lake, LOCK):
        for path in _all_shards(lake):
            try:
                metadata = pl.read_parquet_metadata(path)
                holds: PageCounts = json.loads(metadata.get(HOLDS, "{}"))
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


def _all_shards(lake: Lake) -> list[Path]:
    """The shards of every year, including those that wait to be made again."""
    return sorted([*lake.shards.glob("year=*/*.parquet"), *lake.shards.glob("year=*/*.outdated")])


def drop_expired_rows(lake: Lake, source: str, ids: Collection[int]) -> None:
    """Remove a source's rows of the activities `ids` from all shards; the shards' notes about listings stay."""
    goes = (pl.col("source") == source) & pl.col("id").is_in(list(ids))
    with locked(lake, LOCK):
        for path in _all_shards(lake):
            try:
                if pl.scan_parquet(path).filter(goes).select(pl.len()).collect().item():
                    write_rows(path, pl.read_parquet(path).filter(~goes), "zstd", pl.read_parquet_metadata(path))
                    sync_folder(path.parent)
            except (pl.exceptions.PolarsError, OSError):
                set_aside_unreadable([path])
