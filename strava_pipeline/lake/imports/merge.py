"""Merging details into gold, Strava's, imports' and those of providers' files: laps, sessions, descriptions, `files`.

Strava's own values of an activity stay. Merging the same answer, import or file twice changes nothing. Work left by an
interrupted run is found here (`detail_batches`, `years_with_unmerged_imports`), so the next run does it.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
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
from strava_pipeline.lake.gold.merge_details import (
    DetailBatch,
    batches_of_answers,
    merge_detail_frames,
    merge_imported_gear,
)
from strava_pipeline.lake.gold.notes import (
    MADE,
    begin_change,
    forget,
    mark_changed,
    note,
    note_made,
    noted,
    notes,
    stands,
)
from strava_pipeline.lake.gold.warehouse import (
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    is_a_database,
    reading,
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

_MERGED = f"{MADE}import:"  # + name, of its pages
_TRACKS = f"{MADE}tracks:"  # + year, of imports


def merge_details(
    lake: Lake, years: Iterable[int], *, tick: Callable[[int], object] = lambda merged: None
) -> MergeReport:
    """Merge the details that gold lacks, a transaction per batch: Strava's in the folders of `years`, and all imports' and
    providers'. `tick` is called with the size of each of Strava's.
    """
    report = MergeReport()
    for find in (partial(batches_of_answers, years=years), _batches_of_files):  # in turn, for memory
        with reading(lake) as connection:
            found = [*find(connection, lake)]
        for batch in found:
            with writing(lake) as connection:
                batch.merge(connection, report)
            tick(batch.size)
    return report


def merge_fresh_details(connection: Connection, lake: Lake, years: Iterable[int] = ()) -> None:
    """The same within the caller's transaction, for the few that came since the last merge."""
    for batch in detail_batches(connection, lake, years):
        begin_change()
        batch.merge(connection, MergeReport())


def detail_batches(connection: Connection, lake: Lake, years: Iterable[int]) -> Iterator[DetailBatch]:
    """What gold lacks of details."""
    yield from batches_of_answers(connection, lake, years)
    yield from _batches_of_files(connection, lake)


def _batches_of_files(connection: Connection, lake: Lake) -> Iterator[DetailBatch]:
    """Those of providers' files and of imports."""
    if has_provider_files(lake) and (fresh := fresh_provider_files(connection, lake)):
        yield DetailBatch(0, partial(_merge_provider_files, lake, fresh))
    for one in unmerged_imports(connection, lake):
        yield DetailBatch(0, partial(_merge_import, lake, one))


def merge_files(connection: Connection, lake: Lake) -> MergeReport:
    """Merge a row per imported or provider's file, and the gear of archives, within the caller's transaction."""
    report = MergeReport()
    if stands(connection, FILES.name, key := _files_key(lake), "[]"):
        return report
    begin_change()
    report.count(make_staged_rows(connection, lake, FILES, files_frame(lake)))
    merge_imported_gear(connection, lake)
    note_made(connection, FILES.name, key)
    mark_changed(connection)
    return report


def _files_key(lake: Lake) -> str:
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
    forget(connection, _MERGED)


def unmerged_imports(connection: Connection, lake: Lake) -> list[ImportedActivities]:
    """The activities of imports whose details gold lacks."""
    known = notes(connection, _MERGED)
    return [each for each in imported_activities(lake) if known.get(each.name) != _signature(each.detail_pages())]


def _merge_import(lake: Lake, one: ImportedActivities, connection: Connection, report: MergeReport) -> None:
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
    tracks = {year: json.loads(value) for year, value in notes(connection, _TRACKS).items()}
    found: set[int] = set()
    for each in imported_activities(lake):
        found |= unmerged_years(merged, each.listing, years)
        for year in each.listing.manifest.years_within(years):
            if each.name in fresh or each.name not in tracks.get(str(year), []):
                found.add(year)
    if (
        not found
        and not stands(connection, FILES.name, _files_key(lake), "[]")
        and all(has_activities(lake, one.name) for one in imports(lake))
    ):
        found.add(years.newest)
    return found


def note_tracks_written(connection: Connection, known: Iterable[ImportedActivities], year: int) -> None:
    """Note that the tracks of these imports are written for the year, within the caller's transaction."""
    names = json.dumps([each.name for each in known])
    if noted(connection, f"{_TRACKS}{year}", "[]") != names:
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


def _merge_provider_files(lake: Lake, fresh: Sequence[FreshFile], connection: Connection, report: MergeReport) -> None:
    for source in sorted({each.file.source for each in fresh}):
        files = [each for each in fresh if each.file.source == source]
        for start in range(0, len(files), _BATCH):
            batch = files[start : start + _BATCH]
            frames, unknown = detail_frames([each.detail for each in batch], athlete_id=None, source=source)
            replaced = {each.held_at for each in batch if each.held_at is not None}
            merge_detail_frames(connection, lake, frames, report, sorted(replaced))
            report.unknown_fields.update(unknown)
