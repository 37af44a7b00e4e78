"""Making the tables of listings of the shards: `activities_all`, `activity_history`, `imported_activities`.

Their rows follow from the shards of all years alone (sql/versions.sql), and a row that is as it was is not written: making them
twice changes nothing. The functions work inside the caller's transaction. Details, profiles and files have modules of their own.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from strava_pipeline.core.batches import batches
from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.tables import ACTIVITIES_ALL, IMPORTED_ACTIVITIES, TABLES, Column
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.bronze.listings import all_listing_times, ranked_sources
from strava_pipeline.lake.gold.making import MergeReport, make_rows
from strava_pipeline.lake.gold.notes import MADE, TOLD, begin_change, mark_changed, note, notes
from strava_pipeline.lake.gold.warehouse import Connection, one_number, spill
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import LOCK, damage_reported, holdings, shard_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

MERGED = f"{MADE}activities:"  # + year, of its shards
_PAGES = f"{TOLD}pages:"  # + year: the listings in these, and the number of pages of each
VERSIONS_AT_ONCE = 20_000  # of one statement
# A row whose shard is lost stays where others hold an older one, or that of a worse source, unless it came under a time that
# isn't believed. Of archives an older one may come later.
_COUNTS = """coalesce(list_position($sources, made.source) < list_position($sources, gold.source), true) OR (
    made.source = gold.source AND (
        made.ingestion_ts >= gold.ingestion_ts OR list_contains($imported, made.source)
        OR (len($believed) > 0 AND NOT list_contains($believed::TIMESTAMPTZ[], gold.ingestion_ts))
    )
)"""


def merge_activities(connection: Connection, lake: Lake, years: Sequence[int], *, force: bool = False) -> MergeReport:
    """Make the rows of the activities seen in `years` what the shards of all years say of them.

    The rows of `activities_all`, `activity_history` and `imported_activities`, of which only those that differ are written.
    Years with the same shards as last time are skipped, unless `force`.
    """
    report = MergeReport()
    with locked(lake, LOCK):
        if not (due := _due(connection, lake, years, force=force)):
            return report
        begin_change()
        if shards := shards_of_activities(connection, lake, [*due], every=force):
            with damage_reported([Path(path) for path in shards]):
                _make_tables(connection, lake, [*due], shards, report)
        for year, signature in due.items():
            note(connection, f"{MERGED}{year}", signature)
            note(connection, f"{_PAGES}{year}", json.dumps(holdings(lake, year), sort_keys=True))
    return report


def shards_of_activities(connection: Connection, lake: Lake, years: Sequence[int], *, every: bool = False) -> list[str]:
    """The shards that say what counts of the activities that shards or gold have in `years`: those of these years, or of
    `every` one.
    """
    shards = [path for year in years for path in shard_files(lake, year)]
    if shards and not every:
        paths = [str(path) for path in shards]
        with damage_reported(shards):
            known = {"shards": paths, "years": list(years)}
            if not connection.execute(sql("stand_elsewhere"), known).fetchall()[0][0]:
                return paths
    return [str(path) for year in lake.years_of_shards() for path in shard_files(lake, year)]


def _make_tables(connection: Connection, lake: Lake, years: list[int], shards: list[str], report: MergeReport) -> None:
    sources, imported, written = ranked_sources(lake), sorted(IMPORTED), 0
    connection.execute(sql("versions"), {"all": shards, "years": years, "sources": sources})
    sizes = dict(connection.execute("SELECT newest_year, count(*) FROM versions GROUP BY 1 ORDER BY 1").fetchall())
    ranks = {"sources": sources, "imported": imported, "believed": [*all_listing_times(lake).pages]}
    for batch in batches(sizes, sizes.__getitem__, VERSIONS_AT_ONCE):
        spill(connection)
        of_batch = {"all": shards, "years": batch}
        of_batch["files"] = connection.execute(sql("files_of_versions"), of_batch).fetchall()[0][0]
        text, values = sql("newest_versions"), {**ranks, **of_batch}
        report.count(make_rows(connection, ACTIVITIES_ALL, text, values, but=["deleted_at"], counts=_COUNTS))
        written += _merge_versions(connection, of_batch)
    if lake.imports.is_dir():
        values = {"all": shards, "years": years, "imported": imported}
        make_rows(connection, IMPORTED_ACTIVITIES, sql("imported_activities"), values)
    if written and end_versions(connection):
        mark_changed(connection)


def _due(connection: Connection, lake: Lake, years: Iterable[int], *, force: bool = False) -> dict[int, str]:
    """The years of whose shards gold was not made, or all with `force`, each with the `shard_signature`."""
    known = notes(connection, MERGED)
    now = {year: shard_signature(shard_files(lake, year)) for year in years}
    return {year: files for year, files in now.items() if force or known.get(str(year), "[]") != files}


def merged_pages(connection: Connection) -> dict[int, dict[str, int]]:
    """By year, the merged listings and the number of merged pages of each."""
    return {int(year): json.loads(pages) for year, pages in notes(connection, _PAGES).items()}


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


def _merge_versions(connection: Connection, of_batch: dict[str, list[Any]]) -> int:
    """Merge the versions of the activities whose newest is of the batch's `years`; how many rows were written."""
    connection.execute(sql("lacking_versions"), {"years": of_batch["years"]})
    counted = "SELECT count(*), count(*) FILTER (version > 1) FROM versions SEMI JOIN lacking USING (id)"
    incoming, later = connection.execute(counted).fetchall()[0]
    if incoming:
        connection.execute(sql("delete_versions"))
        connection.execute(sql("insert_first_versions"))
        mark_changed(connection)
    if later:  # to plan it takes as long as all else here
        text = sql("insert_later_versions").format(differing=_differing(), before=_before())
        connection.execute(text, {name: of_batch[name] for name in ("all", "files")})
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
