"""Merging the details of imports and providers' files into gold: laps, sessions, descriptions, `files`.

Strava's own values of an activity stay. Merging the same import or file twice changes nothing. Work left by an
interrupted run is found here (`years_with_unmerged_imports`, `has_fresh_files`), so the next run does it.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from strava_pipeline.core.activities import FetchedDetail, detail_frames
from strava_pipeline.core.files.objects import file_detail
from strava_pipeline.core.files.recording import Reading
from strava_pipeline.core.rows import frame
from strava_pipeline.core.sources import FILE, STRAVA_ARCHIVE, STRAVA_JSON
from strava_pipeline.core.tables import FILES
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.gold.making import MergeReport, make_staged_rows
from strava_pipeline.lake.gold.merge import merged_pages, unmerged_years
from strava_pipeline.lake.gold.merge_details import merge_detail_frames, merge_imported_gear
from strava_pipeline.lake.gold.warehouse import (
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    is_a_database,
    mark_changed,
    note,
    notes,
    reading,
    unmark,
    writing,
)
from strava_pipeline.lake.imports.activities import (
    ImportedActivities,
    has_activities,
    imported_activities,
    read_detail_page,
)
from strava_pipeline.lake.imports.files import is_read, reading_of
from strava_pipeline.lake.imports.manifests import ImportedFile, imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import ProviderFile, all_provider_files, has_provider_files, provider_files

_BATCH = 500  # files whose laps are held in memory at once
_HELD = (
    "SELECT activity.id, activity.athlete_id, detail.fetched_at AT TIME ZONE 'UTC', detail.athlete_id "
    "FROM activities_all AS activity "
    "LEFT JOIN activity_details_by_source AS detail "
    "ON detail.activity_id = activity.id AND detail.source = activity.source "
    "WHERE activity.source = $source"
)

_MERGED = "imported:"  # + name: a note of the merged pages of an import
_FILES = "imported_files"  # notes the imports whose files were merged

_TRACKS = "tracks:"  # + year: notes the imports whose tracks of the year are written


def merge_imported_details(lake: Lake, *, tick: Callable[[int], object] = lambda merged: None) -> MergeReport:
    """Merge the details of imports and providers' files that gold lacks; `tick` is called with 1 for each import's page."""
    report = MergeReport()
    if not has_files(lake):
        return report
    with reading(lake) as connection:
        fresh, of_providers = unmerged_imports(connection, lake), fresh_provider_files(connection, lake)
    if of_providers:
        with writing(lake) as connection:
            merge_provider_files(connection, lake, of_providers, report)
    for one in fresh:
        with writing(lake) as connection:
            _merge(connection, lake, one, report, tick)
    return report


def has_files(lake: Lake) -> bool:
    """Whether there is any import or any file of a provider."""
    return any(True for _ in imported_activities(lake)) or has_provider_files(lake)


def has_fresh_files(connection: Connection, lake: Lake) -> bool:
    """Whether `merge_imported_details` has anything to merge."""
    return bool(unmerged_imports(connection, lake) or fresh_provider_files(connection, lake))


def merge_fresh_imported(connection: Connection, lake: Lake) -> None:
    """The same within the caller's transaction, including the files: for the few that came since the last merge."""
    for one in unmerged_imports(connection, lake):
        _merge(connection, lake, one, MergeReport(), lambda merged: None)
    merge_provider_files(connection, lake, fresh_provider_files(connection, lake), MergeReport())
    merge_files(connection, lake)


def merge_files(connection: Connection, lake: Lake) -> MergeReport:
    """Merge a row per imported or provider's file, and the gear of archives, within the caller's transaction."""
    report = MergeReport()
    if files_are_merged(connection, lake):
        return report
    report.count(make_staged_rows(connection, lake, FILES, files_frame(lake)))
    merge_imported_gear(connection, lake)
    note(connection, _FILES, _files_noted(lake))
    mark_changed(connection)
    return report


def files_are_merged(connection: Connection, lake: Lake) -> bool:
    """Whether gold has the files of every import that was read, including imports without an activity."""
    return notes(connection, _FILES).get(_FILES, "[]") == _files_noted(lake)


def _files_noted(lake: Lake) -> str:
    """The names of the imports that were read, and one hash for all providers' files and whether they were read."""
    names = [one.name for one in imports(lake) if has_activities(lake, one.name)]
    of_providers = [(file, is_read(lake, file.record.sha256)) for file in all_provider_files(lake)]
    if of_providers:
        names.append(hashlib.blake2b(repr(of_providers).encode(), digest_size=16).hexdigest())
    return json.dumps(names)


def forget_merged_imports(connection: Connection) -> None:
    """Make the details of all imports merge once more, within the caller's transaction, because a better source's were
    removed.
    """
    for name in notes(connection, _MERGED):
        unmark(connection, name)


def unmerged_imports(connection: Connection, lake: Lake) -> list[ImportedActivities]:
    """The activities of imports whose details gold lacks."""
    known = notes(connection, _MERGED)
    return [
        each
        for each in imported_activities(lake)
        if known.get(f"{_MERGED}{each.name}") != _signature(each.detail_pages())
    ]


def _merge(
    connection: Connection, lake: Lake, one: ImportedActivities, report: MergeReport, tick: Callable[[int], object]
) -> None:
    pages, whole = one.detail_pages(), True
    for page in pages:
        newest = {activity["id"]: activity for activity in read_detail_page(page)}
        there = _present(connection, newest)
        details = [FetchedDetail(one.described_at, newest[key]) for key in newest if key in there]
        if details:
            frames, unknown = detail_frames(details, athlete_id=one.listing.manifest.athlete_id, source=one.source)
            merge_detail_frames(connection, lake, frames, report)
            report.unknown_fields.update(unknown)
        whole = whole and len(there) == len(newest)
        tick(1)
    if whole:
        note(connection, f"{_MERGED}{one.name}", _signature(pages))


def _present(connection: Connection, ids: Iterable[int]) -> set[int]:
    """Those of `ids` with an activity in gold: another run may have the years of the others."""
    query = "SELECT id FROM activities_all WHERE id IN (SELECT unnest($ids::BIGINT[]))"
    return {key for (key,) in connection.execute(query, {"ids": list(ids)}).fetchall()}


def _signature(pages: Iterable[Path]) -> str:
    seen = [(page.name, page.stat()) for page in pages]
    return json.dumps([(name, stat.st_mtime_ns, stat.st_size) for name, stat in seen])


def files_frame(lake: Lake) -> pl.DataFrame:
    """A row per file, from its first arrival: in an import that was read, or from a provider."""
    rows: dict[str, dict[str, Any]] = {}
    names: dict[str, set[str]] = defaultdict(set)
    for row in sorted([*_imported_rows(lake), *_provider_rows(lake)], key=lambda row: row["received_at"]):
        rows.setdefault(row["sha256"], row)
        names[row["sha256"]].add(row["name"])
    values: dict[str, list[Any]] = {column.name: [] for column in FILES.columns}
    for digest, row in rows.items():
        read = reading_of(lake, digest) if row["role"] == "activity" else None
        row |= {
            "names": sorted(names[digest]),
            "format": read.format if read else None,
            "kind": read.kind if read else None,
            "content": read.content if read else None,
            "recordings": len(read.recordings) if read else None,
            "flags": read.flags if read else None,
            "problem": read.problem if read else row["problem"],
        }
        for name, value in row.items():
            values[name].append(value)
    return frame(values, FILES)


def _imported_rows(lake: Lake) -> Iterator[dict[str, Any]]:
    for one in imports(lake):
        if not has_activities(lake, one.name):
            continue
        roots = [file.name.rpartition("/")[0] for file in one.manifest.files if file.role == "list"]
        for file in one.manifest.files:
            yield {
                "sha256": file.sha256,
                "athlete_id": one.manifest.athlete_id,
                "source": _source(file, roots),
                "name": _text(file.name),
                "came_as": _text(one.manifest.came_as),
                "import_name": one.name,
                "account": None,
                "source_id": None,
                "received_at": one.manifest.received_at,
                "role": file.role,
                "size": file.size,
                "problem": file.held_back,
            }


def _provider_rows(lake: Lake) -> Iterator[dict[str, Any]]:
    for file in all_provider_files(lake):
        yield {
            "sha256": file.record.sha256,
            "athlete_id": None,
            "source": file.source,
            "name": _text(file.record.name),
            "came_as": None,
            "import_name": None,
            "account": file.record.account,
            "source_id": file.record.source_id,
            "received_at": file.received_at,
            "role": "activity",
            "size": file.record.size,
            "problem": None,
        }


def _source(file: ImportedFile, archive_roots: Sequence[str]) -> str:
    """A file's source: an archive, if the file is below the folder of an archive's list of activities."""
    if file.role == "objects":
        return STRAVA_JSON
    return STRAVA_ARCHIVE if any(not root or file.name.startswith(f"{root}/") for root in archive_roots) else FILE


def _text(name: str) -> str:
    """A name without what UTF-8 can't hold."""
    return name.encode("utf-8", "replace").decode()


def years_with_unmerged_imports(lake: Lake, years: YearRange) -> set[int]:
    """The partitions that lack rows, details, tracks or files of imports; all of the imports' without a usable warehouse.

    An import without any activity (broken files) has no year; the newest year stands for it, because `files` lists it.
    """
    if not any(has_activities(lake, one.name) for one in imports(lake)):
        return set()
    if lake.working.exists() and is_a_database(lake.working):
        with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
            return _behind(connection, lake, years)
    return {years.newest}.union(*(each.listing.manifest.years_within(years) for each in imported_activities(lake)))


def _behind(connection: Connection, lake: Lake, years: YearRange) -> set[int]:
    merged, fresh = merged_pages(connection), {each.name for each in unmerged_imports(connection, lake)}
    tracks = {key: json.loads(value) for key, value in notes(connection, _TRACKS).items()}
    found: set[int] = set()
    for each in imported_activities(lake):
        found |= unmerged_years(merged, each.listing, years)
        for year in each.listing.manifest.years_within(years):
            if each.name in fresh or each.name not in tracks.get(f"{_TRACKS}{year}", []):
                found.add(year)
    if (
        not found
        and not files_are_merged(connection, lake)
        and all(has_activities(lake, one.name) for one in imports(lake))
    ):
        found.add(years.newest)
    return found


def note_tracks_written(connection: Connection, known: Iterable[ImportedActivities], year: int) -> None:
    """Note that the tracks of these imports are written for the year, within the caller's transaction."""
    names = json.dumps([each.name for each in known])
    if notes(connection, _TRACKS).get(f"{_TRACKS}{year}", "[]") != names:
        note(connection, f"{_TRACKS}{year}", names)


@dataclass(frozen=True, slots=True)
class FreshFile:
    """A file that gold lacks or has in another state. `held_at`: when the detail in gold came."""

    file: ProviderFile
    reading: Reading
    athlete_id: int | None
    held_at: datetime | None

    @property
    def detail(self) -> FetchedDetail:
        """The file as a DetailedActivity."""
        record = self.file.record
        file = {"name": record.name, "sha256": record.sha256, "format": self.reading.format}
        detail = file_detail(self.reading.recordings, self.file.activity_id, self.athlete_id, file)
        return FetchedDetail(self.file.received_at, detail)


def fresh_provider_files(connection: Connection, lake: Lake) -> list[FreshFile]:
    """The readable files of activities in gold for which gold has no detail, an older one, or another athlete's."""
    fresh = []
    for source in lake.listed_sources[1:]:
        rows = connection.execute(_HELD, {"source": source}).fetchall()
        held = {
            activity_id: (athlete_id, at and at.replace(tzinfo=UTC), of) for activity_id, athlete_id, at, of in rows
        }
        for file in provider_files(lake, source):
            athlete_id, held_at, held_athlete = held.get(file.activity_id, (None, None, None))
            if file.activity_id not in held or (held_at, held_athlete) == (file.received_at, athlete_id):
                continue
            reading = reading_of(lake, file.record.sha256)
            if reading is not None and reading.recordings:
                fresh.append(FreshFile(file, reading, athlete_id, held_at))
    return fresh


def merge_provider_files(connection: Connection, lake: Lake, fresh: Sequence[FreshFile], report: MergeReport) -> None:
    """Merge the laps, sessions and lengths of `fresh` files, within the caller's transaction."""
    for source in sorted({each.file.source for each in fresh}):
        files = [each for each in fresh if each.file.source == source]
        for start in range(0, len(files), _BATCH):
            batch = files[start : start + _BATCH]
            frames, unknown = detail_frames([each.detail for each in batch], athlete_id=None, source=source)
            replaced = {each.held_at for each in batch if each.held_at is not None}
            merge_detail_frames(connection, lake, frames, report, sorted(replaced))
            report.unknown_fields.update(unknown)
