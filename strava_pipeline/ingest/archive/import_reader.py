"""The activities of an import's kept bytes, from these and their readings alone, so that the result is always the same.

Rows of lists are joined with the files that they name; a file without a row is an activity by itself. Which entries are
kept is contents.py's; merging an activity that came in twice is done elsewhere.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from strava_pipeline.core.files.archive_csv import ArchiveRow, filled_from_earlier
from strava_pipeline.core.files.objects import (
    Numbering,
    file_detail,
    named_athlete_id,
    recording_object,
    row_content,
    row_id,
    row_object,
    running_page_summary,
    summary_and_detail,
)
from strava_pipeline.core.files.recording import Reading, RecordingSummary
from strava_pipeline.core.limits import UNLIMITED
from strava_pipeline.core.rows import Json
from strava_pipeline.core.sources import FILE, RUNNING_PAGE, STRAVA_ARCHIVE, STRAVA_JSON, hashed_id
from strava_pipeline.ingest.archive.api_json import ApiObject, ObjectKind
from strava_pipeline.ingest.archive.bulk_export import BulkExport, bulk_exports
from strava_pipeline.ingest.archive.container import Container, Kind
from strava_pipeline.ingest.archive.contents import Role, activity_objects
from strava_pipeline.ingest.archive.entry import Entry
from strava_pipeline.ingest.archive.exports.rows import ServiceRow
from strava_pipeline.ingest.archive.service_lists import (
    RowFinder,
    service_lists,
)

# running_page numbers what Strava didn't by the start in milliseconds; Strava is at 2·10^10
_FIRST_MILLISECOND_ID = 10**12


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that was kept: its name, the hash of its bytes, its size in bytes and its role."""

    name: str
    sha256: str
    size: int
    role: Role


@dataclass(frozen=True, slots=True)
class ImportedActivity:
    """`summary` and `detail` in the shapes of Strava's API; `recorded`: the track's (file hash, session) pairs."""

    source: str
    activity_id: int
    summary: Json = field(repr=False)
    detail: Json | None = field(default=None, repr=False)
    recorded: tuple[tuple[str, int], ...] = ()


class ImportReader:
    """One import, whose lists are read at once.

    Args:
        files: the kept entries.
        kind: of the container: zip, folder or file.
        athletes: the athlete of each list, by the list's name.
        load: returns the bytes of a hash.
        numbering: gives ids to activities that Strava has not numbered.
    """

    def __init__(
        self,
        files: Sequence[KeptFile],
        kind: str,
        athletes: Mapping[str, int],
        load: Callable[[str], bytes],
        numbering: Numbering,
    ) -> None:
        self._files, self._athletes, self._numbering = files, athletes, numbering
        self._entries = [Entry(file.name, file.size, partial(load, file.sha256)) for file in files]
        came_as = Path(files[0].name if kind == Kind.FILE and files else "import")
        self._exports = bulk_exports(Container(came_as, Kind(kind), self._entries))
        listed = {file.name for file in files if file.role == "service_list"}
        self._service_lists = service_lists([entry for entry in self._entries if entry.name in listed])

    def activities(
        self,
        reading: Callable[[str], Reading | None],
        earlier: Mapping[str, str],
        rows_before: Mapping[int, ArchiveRow] = MappingProxyType({}),
    ) -> Iterator[ImportedActivity]:
        """Every activity.

        Args:
            reading: returns a file's reading, by its hash.
            earlier: files of earlier archives, by the last part of their name: a list may come without its files.
            rows_before: rows of earlier archives, by `row_id`, for cells that are empty in this one.
        """
        by_name = {file.name: file for file in self._files}
        listed: set[str] = set()
        for export in self._exports:
            listed |= export.files.keys()
            yield from _of_export(export, by_name, self._rows(export), reading, earlier, rows_before)
        recordings = [file for file in self._files if file.role == "activity" and file.name not in listed]
        rows = RowFinder(self._service_lists, [file.name for file in recordings])
        for file in recordings:
            parts = rows.parts.get(file.name, [file.name])
            recorded_by = self._recorded_by(file.name)
            if len(parts) == 1:
                read = reading(file.sha256)
                yield from _of_file(file, read, recorded_by, self._numbering, _row_finder(rows))
            elif file.name == parts[0] and (routes := _parts_read(map(by_name.__getitem__, parts), reading)):
                row = rows.row_of(file.name, None, None, is_part=False)
                assert row is not None
                yield _of_row_in_parts(row, routes, recorded_by, self._numbering)
        yield from self._of_rows_left(rows, reading, earlier)
        for entry in self._entries:
            if by_name[entry.name].role == "objects":
                for found in activity_objects([entry], UNLIMITED):
                    yield _of_object(found, self._recorded_by(entry.name), self._numbering)

    def _of_rows_left(
        self, rows: RowFinder, reading: Callable[[str], Reading | None], earlier: Mapping[str, str]
    ) -> Iterator[ImportedActivity]:
        """The rows of other services whose recording came with an earlier import, or is missing."""
        taken: set[str] = set()  # two activities that began in one minute have one name in Runkeeper's older exports
        for row in rows.rows_left():
            names = [name for file in row.files if (name := PurePosixPath(file).name) in earlier and name not in taken]
            taken.update(names)
            parts = [KeptFile(name, earlier[name], 0, "activity") for name in names]
            found = _parts_read(parts, reading)
            if len(found) > 1:
                yield _of_row_in_parts(row, found, None, self._numbering)
            elif found:
                yield from _of_file(*found[0], None, self._numbering, lambda *_, row=row: row)
            else:
                yield _of_row(row, self._numbering)

    def files_of(self, ids: Collection[int]) -> set[str]:
        """The names of the files that only tell of the activities `ids`, by the rows of archives; never a list."""
        return {name for export in self._exports for name in export.only_of(ids)}

    def gear(self) -> list[Json]:
        """The bikes and shoes of archives in the shape of the API, with their athlete."""
        return [
            {**item, "athlete_id": self._athletes.get(export.list_name)}
            for export in self._exports
            for item in _gear(export, self._athletes.get(export.list_name))
        ]

    def rows(self) -> Iterator[ArchiveRow]:
        """The rows of the lists, each with its id, athlete and id of gear, which are in other files of the archive."""
        for export in self._exports:
            yield from self._rows(export)

    def _rows(self, export: BulkExport) -> Iterator[ArchiveRow]:
        recorded_by = self._recorded_by(export.list_name)
        for row in _with_gear(export, self._athletes.get(export.list_name)):
            if row.activity_id:
                yield row
            else:
                identity = self._numbering.identify(STRAVA_ARCHIVE, row_content(row), recorded_by)
                yield replace(row, activity_id=identity.activity_id)

    def _recorded_by(self, name: str) -> int | None:
        """The athlete of the archive whose folder contains an entry; without an archive, the import's only athlete."""
        around = [export for export in self._exports if name.startswith(export.root)]
        if around and self._numbering.own_athlete is not None:  # imports of older versions are read as they were then
            innermost = max(around, key=lambda export: len(export.root))
            if (athlete_id := self._athletes.get(innermost.list_name)) is not None:
                return athlete_id
        athletes = set(self._athletes.values())
        return athletes.pop() if len(athletes) == 1 else None

    @property
    def newest_start(self) -> datetime | None:
        """The newest start (UTC) in the lists, up to which they are complete: an archive may be imported years later."""
        starts = [row.started_at for export in self._exports for row in export.activities.rows if row.started_at]
        return max(starts, default=None)


def _of_export(
    export: BulkExport,
    by_name: Mapping[str, KeptFile],
    rows: Iterable[ArchiveRow],
    reading: Callable[[str], Reading | None],
    earlier: Mapping[str, str],
    rows_before: Mapping[int, ArchiveRow],
) -> Iterator[ImportedActivity]:
    names = {row.line: name for name, row in export.files.items()}
    shared = {row.line for row in export.shared}
    for own_row in rows:
        activity_id = row_id(own_row)
        row = filled_from_earlier(own_row, rows_before[activity_id]) if activity_id in rows_before else own_row
        name = names.get(row.line)
        digest = by_name[name].sha256 if name is not None else None
        if name is None and row.filename is not None and row.line not in shared:
            name = PurePosixPath(row.filename).name
            digest = earlier.get(name)
        read = reading(digest) if digest is not None else None
        recordings = read.recordings if read is not None else []
        file = _file(PurePosixPath(name).name, digest, read) if name is not None and digest is not None else None
        whole = row_object(row, activity_id, recordings, file)
        summary, _ = summary_and_detail(whole)  # the detail is `whole`
        recorded = (
            tuple((digest, place) for place, recording in enumerate(recordings) if recording.points) if digest else ()
        )
        yield ImportedActivity(STRAVA_ARCHIVE, activity_id, summary, whole, recorded)


def _with_gear(export: BulkExport, athlete_id: int | None) -> Iterator[ArchiveRow]:
    gear: dict[str | None, str] = {item["name"]: item["id"] for item in _gear(export, athlete_id)}
    athlete = {"athlete": {"id": athlete_id}} if athlete_id is not None else {}
    for row in export.activities.rows:
        gear_id = row.gear_id or gear.get(row.gear_name)
        whose = athlete | ({"gear_id": gear_id} if gear_id is not None else {})
        yield replace(row, gear_id=gear_id, summary={**row.summary, **whose})


def _gear(export: BulkExport, athlete_id: int | None) -> list[Json]:
    """The gear. The archive lists it without ids; the rows that name the gear have them, except in older layouts."""
    ids = {row.gear_name: row.gear_id for row in export.activities.rows if row.gear_name and row.gear_id}
    return [
        {
            "id": ids.get(item.name)
            or f"{item.kind[0].replace('s', 'g')}{hashed_id(STRAVA_ARCHIVE, repr((athlete_id, item.name)))}",
            "name": item.name,
            "brand_name": item.brand,
            "model_name": item.model,
        }
        for item in export.gear
    ]


def _of_file(
    kept: KeptFile,
    read: Reading | None,
    recorded_by: int | None,
    numbering: Numbering,
    row_of: Callable[[str, RecordingSummary, Reading], ServiceRow | None],
) -> Iterator[ImportedActivity]:
    """The activities of a recording. A row of an unreadable recording stays, and is an activity by itself."""
    if read is None:
        return
    for place, recording in enumerate(read.recordings):
        source_id = f"{read.content}:{place}"
        identity = numbering.identify(FILE, source_id, recorded_by)
        file = _file(PurePosixPath(kept.name).name, kept.sha256, read)
        whole = recording_object(recording, identity.activity_id, file)
        if (row := row_of(kept.name, recording, read)) is not None:
            whole = row.over(whole)
        whole = {**whole, "source_id": source_id, **_athlete(identity.athlete_id)}
        summary, detail = summary_and_detail(whole)
        recorded = ((kept.sha256, place),) if recording.points else ()
        yield ImportedActivity(FILE, identity.activity_id, summary, detail, recorded)


def _parts_read(parts: Iterable[KeptFile], reading: Callable[[str], Reading | None]) -> list[tuple[KeptFile, Reading]]:
    """The files with a recording, in their order."""
    return [(kept, read) for kept in parts if (read := reading(kept.sha256)) is not None and read.recordings]


def _of_row_in_parts(
    row: ServiceRow, parts: Sequence[tuple[KeptFile, Reading]], recorded_by: int | None, numbering: Numbering
) -> ImportedActivity:
    """A row with all its recordings. It is the same activity as the first of them alone, and its track combines all."""
    kept, first = parts[0]
    source_id = f"{first.content}:0"
    identity = numbering.identify(FILE, source_id, recorded_by)
    sessions = [recording for _, read in parts for recording in read.recordings]
    numbered = [each.model_copy(update={"place": place}) for place, each in enumerate(sessions)]
    file = _file(PurePosixPath(kept.name).name, kept.sha256, first)
    whole = row.over(file_detail(numbered, identity.activity_id, identity.athlete_id, file)) | {"source_id": source_id}
    summary, detail = summary_and_detail(whole)
    recorded = tuple((kept.sha256, each.place) for kept, read in parts for each in read.recordings if each.points)
    return ImportedActivity(FILE, identity.activity_id, summary, detail, recorded)


def _row_finder(rows: RowFinder) -> Callable[[str, RecordingSummary, Reading], ServiceRow | None]:
    def row_of(name: str, recording: RecordingSummary, read: Reading) -> ServiceRow | None:
        is_part = len(read.recordings) > 1
        return rows.row_of(name, recording.started_at, recording.elapsed_s, is_part=is_part)

    return row_of


def _of_row(row: ServiceRow, numbering: Numbering) -> ImportedActivity:
    """An activity that another service lists, without a recording."""
    identity = numbering.identify(FILE, row.source_id, None)
    whole = {**row.with_links(row.fields), "id": identity.activity_id, "source_id": row.source_id}
    summary, detail = summary_and_detail({**whole, **_athlete(identity.athlete_id)})
    return ImportedActivity(FILE, identity.activity_id, summary, detail)


def _of_object(found: ApiObject, recorded_by: int | None, numbering: Numbering) -> ImportedActivity:
    is_running_page = found.kind is ObjectKind.RUNNING_PAGE
    source = RUNNING_PAGE if is_running_page else STRAVA_JSON
    whole = running_page_summary(found.body) if is_running_page else dict(found.body)
    named = named_athlete_id(whole)
    source_id = str(whole.get("id"))
    strava_id = _running_page_id(whole.get("id")) if is_running_page else _strava_id(source_id)
    if strava_id is None:
        identity = numbering.identify(source, source_id, recorded_by if named is None else named)
        strava_id = identity.activity_id
        whole |= _athlete(identity.athlete_id) if named is None else {}
    whole |= {"id": strava_id, "source_id": source_id}
    if found.kind is ObjectKind.DETAIL:
        return ImportedActivity(source, strava_id, summary_and_detail(whole)[0], whole)
    return ImportedActivity(source, strava_id, whole)


def _running_page_id(number: object) -> int | None:
    return number if isinstance(number, int) and 0 < number < _FIRST_MILLISECOND_ID else None


def _strava_id(text: str) -> int | None:
    """Strava's own number, also where a tool wrote it as text."""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 2**63 else None


def _athlete(athlete_id: int | None) -> Json:
    return {} if athlete_id is None else {"athlete": {"id": athlete_id}}


def _file(name: str, digest: str, read: Reading | None) -> Json:
    """The file of the activity, for `extra`."""
    file = {"name": name, "sha256": digest}
    if read is None:
        return file
    more = {"format": read.format, "problem": read.problem, "flags": read.flags, "unknown_fields": dict(read.unknown)}
    return file | {key: value for key, value in more.items() if value}
