"""Merging shards into `activities_all` and `activity_history`: in bulk, by key, one statement for several years.

The functions work inside the caller's transaction. Merging the same shards twice changes nothing. Rows on their way into the
warehouse are staged as Parquet in the data folder (`staging`). Details, profiles and imports have modules of their own.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from strava_pipeline.core.batches import batches
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.tables import TABLES, Column
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import all_listing_times, ranked_sources
from strava_pipeline.lake.files import write_rows
from strava_pipeline.lake.gold.warehouse import Connection, mark_changed, note, notes, one_number, spill, unmark
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import LOCK, damage_reported, holdings, shard_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

MERGED = "merged:"  # + year: a note of the listings that the warehouse has merged, with the number of pages of each
SHARDS = "shards:"  # + year: a note of the merged files, so that the same ones are not merged again
SHARED = "shared_years"  # a note of the pairs of years that ever held the same activity
SHARDS_AT_ONCE = 4_000_000  # bytes of Parquet that one statement merges
HISTORY = "history:"  # + year: notes the shards from which the history of a year was made
NO_SHARDS = "[]"  # the signature of a year without shards: nothing to merge, noted or not


@dataclass(slots=True)
class MergeReport(Numbers):
    """The counts of a merge. For details: rows by table, and counts of fields without a column."""

    inserted: int = 0
    updated: int = 0
    rows: Counter[str] = field(default_factory=Counter, repr=False)
    unknown_fields: Counter[str] = field(default_factory=Counter)

    def count(self, actions: list[tuple[str]]) -> None:
        self.inserted += sum(action == "INSERT" for (action,) in actions)
        self.updated += sum(action == "UPDATE" for (action,) in actions)

    @property
    def wrote(self) -> bool:
        return bool(self.inserted or self.updated)


def merge_activities(connection: Connection, lake: Lake, years: Sequence[int], *, force: bool = False) -> MergeReport:
    """Merge the shards of `years` into `activities_all`; years with the same shards as last time are skipped, unless `force`."""
    report = MergeReport()
    with locked(lake, LOCK):
        files = {year: shard_files(lake, year) for year in years}
        known = notes(connection, SHARDS)
        due = [year for year in years if force or known.get(f"{SHARDS}{year}") != shard_signature(files[year])]
        believed = [*all_listing_times(lake).pages] if due else []
        for batch in year_batches(due, files):
            spill(connection)
            if shards := [path for year in batch for path in files[year]]:
                paths = [str(path) for path in shards]
                with damage_reported(shards):
                    elsewhere = _sharing(connection, paths, set(batch))
                others = [path for other in elsewhere for path in shard_files(lake, other)]
                values = {
                    "shards": paths,
                    "others": [str(path) for path in others],
                    "years": batch,
                    "sources": ranked_sources(lake),
                    "imported": sorted(IMPORTED),
                    "believed": believed,
                    "force": force,
                }
                with damage_reported([*shards, *others]):
                    actions = connection.execute(sql("merge_activities"), values).fetchall()
                    if len(lake.listed_sources) > 1:
                        of_files = {name: values[name] for name in ("shards", "others")}
                        report.updated += connection.execute(sql("newest_accounts"), of_files).fetchall()[0][0]
                report.count(actions)
                for other in elsewhere if actions else ():
                    # what left that year may have to come back if these shards lose it
                    unmark(connection, f"{SHARDS}{other}")
            for year in batch:
                note(connection, f"{MERGED}{year}", json.dumps(holdings(lake, year), sort_keys=True))
                note(connection, f"{SHARDS}{year}", shard_signature(files[year]))
    if report.wrote:
        mark_changed(connection)
    return report


def years_to_merge(connection: Connection, signatures: Mapping[int, str]) -> set[int]:
    """The years whose shards differ from those merged into gold; `signatures`: the `shard_signature` of each year."""
    known = notes(connection, SHARDS) | notes(connection, HISTORY)
    return {
        year
        for year, signature in signatures.items()
        if any(known.get(f"{layer}{year}", NO_SHARDS) != signature for layer in (SHARDS, HISTORY))
    }


def _sharing(connection: Connection, shards: Sequence[str], years: set[int]) -> list[int]:
    """The other years that ever held some of the same activities: without them, an unedited one would look edited."""
    known = _shared(connection)
    pairs = known | set(connection.execute(sql("shared_years"), {"shards": shards}).fetchall())
    if pairs != known:
        note(connection, SHARED, json.dumps(sorted(pairs)))
    return years_sharing(connection, years)


def years_sharing(connection: Connection, years: Iterable[int]) -> list[int]:
    """The other years that ever held an activity of `years`, as far as merged."""
    pairs, wanted = _shared(connection), set(years)
    reached = set(wanted)
    while more := {year for pair in pairs if reached.intersection(pair) for year in pair} - reached:
        reached |= more
    return sorted(reached - wanted)


def _shared(connection: Connection) -> set[tuple[int, int]]:
    return {(one, other) for one, other in json.loads(notes(connection, SHARED).get(SHARED, "[]"))}


def merged_pages(connection: Connection) -> dict[int, dict[str, int]]:
    """By year, the merged listings and the number of merged pages of each."""
    return {int(name.removeprefix(MERGED)): json.loads(pages) for name, pages in notes(connection, MERGED).items()}


def unmerged_years(merged: Mapping[int, Mapping[str, int]], listing: Listing, within: YearRange) -> set[int]:
    """The partitions for which gold has not merged every page of the listing; `merged`: from `merged_pages`."""
    manifest = listing.manifest
    return {
        year
        for year in manifest.years_within(within)
        if merged.get(year, {}).get(listing.name, 0) < manifest.pages_for(year, within)
    }


def year_batches(years: Sequence[int], files: Mapping[int, Sequence[Path]]) -> Iterator[list[int]]:
    """Groups of years to merge in one statement each, because a statement costs some 40 ms, however little it merges."""
    return batches(years, lambda year: sum(path.stat().st_size for path in files[year]), SHARDS_AT_ONCE)


def shard_signature(shards: Sequence[Path]) -> str:
    """A text that differs if any file was replaced; a shard that changes is a new file."""
    seen = [(path.name, path.stat()) for path in shards]
    return json.dumps([(name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in seen])


def shard_signatures(lake: Lake, years: Iterable[int]) -> dict[int, str]:
    """The `shard_signature` of each year, as of now."""
    with locked(lake, LOCK):
        return {year: shard_signature(shard_files(lake, year)) for year in years}


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


def merge_history(connection: Connection, lake: Lake, years: Sequence[int]) -> None:
    """Merge the versions in the `years` whose shards changed, within the caller's transaction, after `merge_activities`."""
    known = notes(connection, HISTORY)
    written = 0
    with locked(lake, LOCK):
        files = {year: shard_files(lake, year) for year in years}
        signature = {year: shard_signature(files[year]) for year in years}
        due = [year for year in years if known.get(f"{HISTORY}{year}") != signature[year]]
        for batch in year_batches(due, files):
            spill(connection)
            written += _merge_versions(connection, lake, batch, [str(path) for year in batch for path in files[year]])
    written += one_number(connection, sql("end_versions"))
    for year in due:
        note(connection, f"{HISTORY}{year}", signature[year])
    if written:
        mark_changed(connection)


def _merge_versions(connection: Connection, lake: Lake, years: Sequence[int], shards: list[str]) -> int:
    """Merge the versions of some years; how many rows were written."""
    if not shards:
        return 0
    others = [str(path) for year in years_sharing(connection, years) for path in shard_files(lake, year)]
    files = {"shards": shards, "others": others}
    counted = "count(*), count(*) FILTER (version > 1)"
    connection.execute(sql("incoming_versions"), {**files, "years": list(years), "sources": ranked_sources(lake)})
    incoming, later = connection.execute(f"SELECT {counted} FROM versions").fetchall()[0]
    if incoming:
        connection.execute(sql("delete_versions"))
        connection.execute(sql("insert_first_versions"))
    if later:  # to plan it takes as long as all else here
        connection.execute(sql("insert_later_versions").format(differing=_differing(), before=_before()), files)
    return int(incoming)


def _differing() -> str:
    return ", ".join(f"CASE WHEN {_differs(column)} THEN '{column.name}' END" for column in _compared())


def _before() -> str:
    return ", ".join(
        f"CASE WHEN {_differs(column)} THEN {{'key': '{column.name}', 'value': to_json(earlier.{column.name})}} END"
        for column in _compared()
    )


def _compared() -> list[Column]:
    """The columns that a listing provides."""
    columns = TABLES["activities_all"].columns
    return [column for column in columns if column.source is not None or column.name == "extra"]


def _differs(column: Column) -> str:
    return f"earlier.id IS NOT NULL AND later.{column.name} IS DISTINCT FROM earlier.{column.name}"
