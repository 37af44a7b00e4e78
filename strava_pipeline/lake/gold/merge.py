"""Making the tables of listings of the shards: `activities_all`, `activity_history`, `imported_activities`.

Their rows follow from the shards of all years alone (sql/versions.sql), and a row that is as it was is not written: making them
twice changes nothing. The functions work inside the caller's transaction. Rows on their way into the warehouse are staged as
Parquet in the data folder (`staging`). Details, profiles and files have modules of their own.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from strava_pipeline.core.batches import batches
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.tables import TABLES, Column
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import all_listing_times, ranked_sources
from strava_pipeline.lake.files import write_rows
from strava_pipeline.lake.gold.warehouse import Connection, mark_changed, note, notes, one_number, spill
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import LOCK, damage_reported, holdings, shard_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

MERGED = (
    "merged:"  # + year: a note of the shards that gold was made of, and of the listings in them with the pages of each
)
VERSIONS_AT_ONCE = 20_000  # of one statement
_NOTHING: dict[str, Any] = {"files": "[]", "pages": {}}  # the note of a year without shards: nothing to merge


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
    """Make the rows of the activities seen in `years` what the shards of all years say of them.

    The rows of `activities_all`, `activity_history` and `imported_activities`, of which only those that differ are written.
    Years with the same shards as last time are skipped, unless `force`.
    """
    report, beside = MergeReport(), 0
    with locked(lake, LOCK):
        files = {year: shard_files(lake, year) for year in years}
        signature = {year: shard_signature(files[year]) for year in years}
        known = _merged(connection)
        due = [year for year in years if force or known.get(year, _NOTHING)["files"] != signature[year]]
        if shards := [path for year in due for path in files[year]]:
            with damage_reported(shards):
                beside = _make_rows(connection, lake, due, [str(path) for path in shards], report)
        for year in due:
            noted = {"files": signature[year], "pages": holdings(lake, year)}
            note(connection, f"{MERGED}{year}", json.dumps(noted, sort_keys=True))
    if report.wrote or beside:
        mark_changed(connection)
    return report


def shards_of_activities(connection: Connection, lake: Lake, years: Sequence[int]) -> list[str]:
    """The shards that say what counts of the activities seen in `years`, in gold or in shards: of these years, or of all."""
    shards = [str(path) for year in years for path in shard_files(lake, year)]
    known = {"shards": shards, "years": list(years)}
    if not shards or not connection.execute(sql("stand_elsewhere"), known).fetchall()[0][0]:
        return shards
    return [
        *shards,
        *(str(path) for year in lake.years_of_shards() if year not in years for path in shard_files(lake, year)),
    ]


def _make_rows(connection: Connection, lake: Lake, years: Sequence[int], shards: list[str], report: MergeReport) -> int:
    """Make the rows of the activities in `shards`; returns how many were written beside `activities_all`."""
    imported, beside = sorted(IMPORTED), 0
    every = shards_of_activities(connection, lake, years)
    with damage_reported([Path(path) for path in every]):
        known = {"shards": shards, "all": every, "years": list(years), "sources": ranked_sources(lake)}
        connection.execute(sql("versions"), known)
    sizes = dict(connection.execute("SELECT newest_year, count(*) FROM versions GROUP BY 1 ORDER BY 1").fetchall())
    rows_of = {"imported": imported, "believed": [*all_listing_times(lake).pages]}
    text = sql("merge_activities").format(same=_same("activities_all", "deleted_at"))
    for batch in batches(sizes, sizes.__getitem__, VERSIONS_AT_ONCE):
        spill(connection)
        files = connection.execute(sql("files_of_versions"), {"years": batch}).fetchall()[0][0]
        report.count(connection.execute(text, {**rows_of, "years": batch, "files": files}).fetchall())
        beside += _merge_versions(connection, batch, files)
    if lake.imports.is_dir():
        text = sql("merge_imported_activities").format(same=_same("imported_activities"))
        beside += connection.execute(text, {"shards": shards, "all": every, "imported": imported}).fetchall()[0][0]
    return beside + (end_versions(connection) if beside else 0)


def _same(table: str, *but: str) -> str:
    """That a row of gold and one of the shards are equal, as SQL."""
    names = [column.name for column in TABLES[table].columns if column.name not in but]
    gold, shard = (", ".join(f'{row}."{name}"' for name in names) for row in ("gold", "shard"))
    return f"({gold}) IS NOT DISTINCT FROM ({shard})"


def years_to_merge(connection: Connection, lake: Lake, years: Iterable[int]) -> set[int]:
    """The years in which `merge_activities` has work."""
    known = _merged(connection)
    with locked(lake, LOCK):
        return {
            year for year in years if known.get(year, _NOTHING)["files"] != shard_signature(shard_files(lake, year))
        }


def merged_pages(connection: Connection) -> dict[int, dict[str, int]]:
    """By year, the merged listings and the number of merged pages of each."""
    return {year: noted["pages"] for year, noted in _merged(connection).items()}


def _merged(connection: Connection) -> dict[int, dict[str, Any]]:
    return {int(name.removeprefix(MERGED)): json.loads(noted) for name, noted in notes(connection, MERGED).items()}


def unmerged_years(merged: Mapping[int, Mapping[str, int]], listing: Listing, within: YearRange) -> set[int]:
    """The partitions for which gold has not merged every page of the listing; `merged`: from `merged_pages`."""
    manifest = listing.manifest
    return {
        year
        for year in manifest.years_within(within)
        if merged.get(year, {}).get(listing.name, 0) < manifest.pages_for(year, within)
    }


def shard_signature(shards: Sequence[Path]) -> str:
    """A text that differs if any file was replaced; a shard that changes is a new file."""
    seen = [(path.name, path.stat()) for path in shards]
    return json.dumps([(name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in seen])


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


def _merge_versions(connection: Connection, years: Sequence[int], files: Sequence[str]) -> int:
    """Merge the versions of the activities whose newest is of `years`; how many rows were written."""
    connection.execute(sql("lacking_versions"), {"years": years})
    counted = "SELECT count(*), count(*) FILTER (version > 1) FROM versions SEMI JOIN lacking USING (id)"
    incoming, later = connection.execute(counted).fetchall()[0]
    if incoming:
        connection.execute(sql("delete_versions"))
        connection.execute(sql("insert_first_versions"))
    if later:  # to plan it takes as long as all else here
        text = sql("insert_later_versions").format(differing=_differing(), before=_before())
        connection.execute(text, {"files": files})
    return int(incoming)


def end_versions(connection: Connection) -> int:
    """End the present versions of activities that are gone from their source, and go on with those that are back."""
    return one_number(connection, sql("end_versions"))


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
