"""Merging what imports hold beside the activities: laps, lengths and sessions, descriptions of archives, the files themselves.

What Strava itself says of an activity stays. What is merged twice changes nothing.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from strava_pipeline.core.activities import FetchedDetail, detail_frames
from strava_pipeline.core.sources import IMPORTED
from strava_pipeline.core.tables import FILES
from strava_pipeline.lake.imported import Imported, details_of, imported, is_made
from strava_pipeline.lake.imported_files import files_frame
from strava_pipeline.lake.imports import imports
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.merge import shard_signature, sharing
from strava_pipeline.lake.merge_details import merge_detail_frames
from strava_pipeline.lake.merge_profile import merge_imported_gear
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.shards import LOCK, damage_named, shard_files
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.staging import MergeReport, staged, staging
from strava_pipeline.lake.warehouse import Connection, changed, note, notes, reading, writing

_MERGED = "imported:"  # + name: a note of which pages of an import were merged
_SHARDS = "sources:"  # + year: a note of which shards these were, so that the same ones are not merged again
_FILES = "imported_files"  # a note of the imports whose files were


def merge_imported_details(lake: Lake, *, tick: Callable[[int], object] = lambda merged: None) -> MergeReport:
    """The details of every import that gold has not taken in, a transaction each; `tick` is told of each page."""
    report = MergeReport()
    if not any(True for _ in imported(lake)):
        return report
    with reading(lake) as connection:
        fresh = fresh_imports(connection, lake)
    for one in fresh:
        with writing(lake) as connection:
            _merge(connection, lake, one, report, tick)
    return report


def merge_fresh_imported(connection: Connection, lake: Lake) -> None:
    """What `merge_imported_details` does, within the caller's transaction, and the files: for what came since the last look."""
    for one in fresh_imports(connection, lake):
        _merge(connection, lake, one, MergeReport(), lambda merged: None)
    merge_files(connection, lake)


def merge_files(connection: Connection, lake: Lake) -> MergeReport:
    """A row per imported file, and the gear of archives, within the caller's transaction."""
    report = MergeReport()
    if files_are_merged(connection, lake):
        return report
    with staging(lake) as folder:
        rows = staged(folder, FILES.name, files_frame(lake))
        report.count(connection.execute(sql("merge_files"), {"rows": rows}).fetchall())
    merge_imported_gear(connection, lake)
    note(connection, _FILES, _import_names(lake))
    changed(connection)
    return report


def files_are_merged(connection: Connection, lake: Lake) -> bool:
    """Whether gold has the files of every import that was read, also of one that holds no activity."""
    return notes(connection, _FILES).get(_FILES, "[]") == _import_names(lake)


def _import_names(lake: Lake) -> str:
    return json.dumps([one.name for one in imports(lake) if is_made(lake, one.name)])


def fresh_imports(connection: Connection, lake: Lake) -> list[Imported]:
    """Those whose details gold has not taken in."""
    known = notes(connection, _MERGED)
    return [each for each in imported(lake) if known.get(f"{_MERGED}{each.name}") != _signature(each.detail_pages())]


def _merge(
    connection: Connection, lake: Lake, one: Imported, report: MergeReport, tick: Callable[[int], object]
) -> None:
    pages, whole = one.detail_pages(), True
    for page in pages:
        newest = {activity["id"]: activity for activity in details_of(page)}
        there = _present(connection, newest)
        details = [FetchedDetail(one.said_at, newest[key]) for key in newest if key in there]
        if details:
            frames, unknown = detail_frames(details, athlete_id=one.listing.manifest.athlete_id, source=one.source)
            merge_detail_frames(connection, lake, frames, report)
            report.unknown.update(unknown)
        whole = whole and len(there) == len(newest)
        tick(1)
    if whole:
        note(connection, f"{_MERGED}{one.name}", _signature(pages))


def _present(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Those that gold has an activity of: another run may have the years of the others."""
    query = "SELECT id FROM activities_all WHERE id IN (SELECT unnest($ids::BIGINT[]))"
    return {key for (key,) in connection.execute(query, {"ids": list(ids)}).fetchall()}


def _signature(pages: Iterable[Path]) -> str:
    seen = [(page.name, page.stat()) for page in pages]
    return json.dumps([(name, stat.st_mtime_ns, stat.st_size) for name, stat in seen])


def merge_imported_activities(connection: Connection, lake: Lake, years: Sequence[int]) -> MergeReport:
    """What imports say of the activities of `years`, every source's own row, within the caller's transaction."""
    report = MergeReport()
    if not lake.imports.is_dir():
        return report
    with locked(lake, LOCK):
        files = {year: shard_files(lake, year) for year in years}
        known = notes(connection, _SHARDS)
        due = [year for year in years if files[year] and known.get(f"{_SHARDS}{year}") != shard_signature(files[year])]
        if due:
            others = [path for year in sharing(connection, due) for path in shard_files(lake, year)]
            shards = [path for year in due for path in files[year]]
            values = {
                "shards": [str(path) for path in shards],
                "others": [str(path) for path in others],
                "imported": sorted(IMPORTED),
            }
            with damage_named([*shards, *others]):
                report.count(connection.execute(sql("merge_imported_activities"), values).fetchall())
        for year in due:
            note(connection, f"{_SHARDS}{year}", shard_signature(files[year]))
    if report.wrote:
        changed(connection)
    return report
