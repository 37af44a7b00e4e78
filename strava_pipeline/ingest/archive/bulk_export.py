"""Strava's bulk export: its list of activities joined with its files, its gear, its athlete, and the hashes of its files.

A row finds its file by the name in the row only, because ids of activities and of files differ. Files are not decoded
here. Containers that are not exports are the caller's business.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.files.agreement import ArchiveFile
from strava_pipeline.core.files.archive_csv import (
    ActivitiesCsv,
    ArchiveGear,
    ArchiveRow,
    first_record,
    read_activities_csv,
    read_athlete_id,
    read_gear,
)
from strava_pipeline.core.files.export_columns import (
    LANGUAGE_NAMES,
    ExportHeader,
    Recognition,
    missing_columns,
    read_header,
)
from strava_pipeline.core.files.objects import row_id
from strava_pipeline.core.files.unread_exports import unread_export
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.text import printable
from strava_pipeline.ingest.archive.container import Container, Kind
from strava_pipeline.ingest.archive.entry import GZIP, PIECE, Entry, Fault, UnreadableEntryError
from strava_pipeline.ingest.archive.service_lists import LIST, is_service_header

FORMATS = ("fit", "gpx", "tcx", "bin", "sml", "kml", "kmz", "pwx", "hrm")  # some of them are kept and not read
_ACTIVITY = re.compile(rf"\.({'|'.join(FORMATS)})(\.gz)?$", re.IGNORECASE)
_MOST_LISTS = 1_000  # each is looked for beside every entry; an archive has one
_ATHLETE = re.compile(r"export_(\d+)")  # how Strava names the zip


@dataclass(frozen=True, slots=True)
class BulkExport:
    """One export. `root`: its folder within the container, "" or ending in a slash."""

    root: str
    list_name: str  # the entry that is the list
    activities: ActivitiesCsv
    files: Mapping[str, ArchiveRow] = field(repr=False)  # by entry name
    missing: Sequence[ArchiveRow] = ()  # rows whose file is missing
    unlisted: Sequence[str] = ()  # names of entries that are activity files and that no row names
    shared: Sequence[ArchiveRow] = ()  # rows whose file an earlier row names too
    missing_media: Sequence[str] = ()
    gear: tuple[ArchiveGear, ...] = ()
    athlete_id: int | None = None
    faults: Sequence[Fault] = ()  # of the CSVs; faults of files appear when they are read

    def only_of(self, ids: Collection[int]) -> set[str]:
        """The recordings and pictures, by their names, that rows of the activities `ids` name, and no other row."""
        names: dict[bool, set[str]] = {True: set(), False: set()}
        for name, row in self.files.items():
            names[row.activity_id in ids].add(name)
        for row in self.activities.rows:
            names[row.activity_id in ids].update(f"{self.root}{name}" for name in row.media)
        return names[True] - names[False]

    def with_ids(self, id_of: Callable[[ArchiveRow], int]) -> "BulkExport":
        """The export with `id_of(row)` as the id of every row."""

        def numbered(row: ArchiveRow) -> ArchiveRow:
            return replace(row, activity_id=id_of(row))

        return replace(
            self,
            activities=replace(self.activities, rows=tuple(map(numbered, self.activities.rows))),
            files={name: numbered(row) for name, row in self.files.items()},
            missing=[numbered(row) for row in self.missing],
            shared=[numbered(row) for row in self.shared],
        )


def bulk_exports(container: Container, *, refuse_foreign: bool = False) -> list[BulkExport]:
    """Every export in a container: at its top, in one of its folders, or the list alone.

    `refuse_foreign`: leave out lists that are certainly another program's, as their numbers could pass for Strava's
    ids, and raise SourceError if that is uncertain, or if a person named the list itself. Lists that an earlier version
    kept are read as before, or a rebuild would lose their rows.
    """
    found = []
    for entry in _lists(container):
        folder = entry.name.rpartition("/")[0]
        try:
            body = entry.read()
        except UnreadableEntryError:
            continue  # among the faults of the container
        if is_service_header(first_record(body)):
            continue
        activities = read_activities_csv(body)
        if refuse_foreign and _is_foreign(container, entry, body, activities.titles, activities.header):
            continue
        if activities.header.has("id") and activities.header.has("start_date"):
            found.append((f"{folder}/" if folder else "", entry.name, activities))
        if refuse_foreign and len(found) > _MOST_LISTS:
            raise SourceError(
                f"{container.path} holds more than {_MOST_LISTS:,} lists of activities. Import its folders singly."
            )
    return [_export(container, *parts) for parts in found]


def refuse_foreign_lists(container: Container) -> None:
    """Raise SourceError as `bulk_exports` does, by the headers alone.

    Lists that an earlier import kept are not examined: `import undo` removes them.
    """
    for entry in _lists(container):
        try:
            body = entry.read()
        except UnreadableEntryError:
            continue
        titles = first_record(body)
        if not is_service_header(titles):
            _is_foreign(container, entry, body, titles, read_header(titles))


def _is_foreign(container: Container, entry: Entry, body: bytes, titles: Sequence[str], header: ExportHeader) -> bool:
    """Whether a list is certainly not Strava's. Raises SourceError if uncertain, or if a person named it alone."""
    lacking = missing_columns(titles)
    if not lacking:
        return False
    known = unread_export(entry.name, body)
    if container.kind is not Kind.FILE and (known is not None or _is_surely_foreign(container, entry, body, header)):
        return True
    where = printable(str(container.path) if container.kind is Kind.FILE else f"{container.path}: {entry.name}")
    if known is not None:
        raise SourceError(f"{where} is {known.what}, and was not imported. {known.advice}.")
    raise SourceError(
        f"{where} is not one of Strava's lists of activities: it lacks {', '.join(lacking)}. Nothing of "
        f"{printable(container.path.name)} was imported. If another program wrote it, leave it out and name the "
        "activity files (FIT, GPX, TCX) alone. If Strava wrote it in another language than "
        f"{', '.join(LANGUAGE_NAMES)}, set one of these at Strava and request the archive again."
    )


def _is_surely_foreign(container: Container, entry: Entry, body: bytes, header: ExportHeader) -> bool:
    """Whether a header is complete, and neither names Strava's required columns nor lies in the place of Strava's list."""
    is_whole = b"\n" in body.replace(b"\r", b"\n").strip() and all(cell.header.isprintable() for cell in header.cells)
    own = any(
        cell.column.field == "filename" or (cell.column.field == "start_date" and cell.how is not Recognition.CONTENT)
        for cell in header.cells
        if cell.column is not None
    )
    beside = entry.name[: -len(LIST)] + "profile.csv"  # every archive of Strava's has it
    return is_whole and not own and all(each.name != beside for each in container.entries)


def _lists(container: Container) -> Iterator[Entry]:
    """The entries with the name of Strava's list of activities, or a list that a person named alone."""
    for entry in container.entries:
        last = entry.name.rpartition("/")[2].lower()
        if last == LIST or (container.kind is Kind.FILE and last.endswith(".csv")):
            yield entry


def activity_format(name: str) -> str | None:
    """The kind of activity file by its name: "fit.gz", "gpx" …, or None."""
    found = _ACTIVITY.search(name)
    return found[0][1:].lower() if found else None


def _export(container: Container, root: str, list_name: str, activities: ActivitiesCsv) -> BulkExport:
    entries = {entry.name: entry for entry in container.entries if entry.name.startswith(root)}
    files: dict[str, ArchiveRow] = {}
    missing, shared = [], []
    for row in activities.rows:
        if row.filename is None:
            continue
        name = next((spelling for spelling in _spellings(root + row.filename) if spelling in entries), None)
        if name is None:
            missing.append(row)
        elif name in files:
            shared.append(row)
        else:
            files[name] = row
    unlisted = [name for name in entries if activity_format(name) and name not in files and not _is_route(name, root)]
    media = {f"{root}{name}" for row in activities.rows for name in row.media}
    sides, faults = _sides(entries, root)
    named = _ATHLETE.search(root) or _ATHLETE.search(container.path.name)
    athlete_id = read_athlete_id(sides.get("profile.csv", b""))
    return BulkExport(
        root=root,
        list_name=list_name,
        activities=activities,
        files=files,
        missing=missing,
        unlisted=unlisted,
        shared=shared,
        missing_media=sorted(media - entries.keys()),
        gear=(*read_gear(sides.get("bikes.csv", b""), "bike"), *read_gear(sides.get("shoes.csv", b""), "shoes")),
        athlete_id=athlete_id or (int(named[1]) if named else None),
        faults=faults,
    )


def _spellings(name: str) -> Iterator[str]:
    """A file's name as in the row, and its names after a program packed or unpacked it."""
    name = name.replace("\\", "/")
    yield name
    yield name.removesuffix(".gz")
    yield f"{name}.gz"


def _is_route(name: str, root: str) -> bool:
    return name.startswith(f"{root}routes/")


def _sides(entries: Mapping[str, Entry], root: str) -> tuple[dict[str, bytes], list[Fault]]:
    bodies: dict[str, bytes] = {}
    faults = []
    for name in ("profile.csv", "bikes.csv", "shoes.csv"):
        if (entry := entries.get(root + name)) is not None:
            try:
                bodies[name] = entry.read()
            except UnreadableEntryError as error:
                faults.append(error.fault)
    return bodies, faults


def archive_files(
    container: Container,
    export: BulkExport,
    limits: ImportLimits = ImportLimits(),
    tick: Callable[[int], object] = lambda files: None,
) -> Iterator[ArchiveFile]:
    """Every existing recording and picture of an export, by the hashes of its bytes; `tick` is called for each file."""
    pictures = {export.root + name for row in export.activities.rows for name in row.media}
    routes = f"{export.root}routes/"
    for entry in container.entries:
        if not entry.name.startswith(export.root) or entry.name.startswith(routes):
            continue
        is_recording = activity_format(entry.name) is not None
        if is_recording or entry.name in pictures:
            row = export.files.get(entry.name)
            yield _hashed(entry, row_id(row) if row is not None else None, is_recording=is_recording, limits=limits)
            tick(1)
    for file in container.oversized:
        if file.name.startswith(export.root) and not file.name.startswith(routes) and activity_format(file.name):
            digest = hashlib.sha256()
            try:
                for piece in file.pieces():
                    digest.update(piece)
            except UnreadableEntryError:
                yield ArchiveFile(file.name, None)
            else:
                yield ArchiveFile(file.name, digest.hexdigest())
            tick(1)


def _hashed(entry: Entry, activity_id: int | None, *, is_recording: bool, limits: ImportLimits) -> ArchiveFile:
    try:
        body = entry.read()
    except UnreadableEntryError:
        return ArchiveFile(entry.name, None, None, activity_id)
    return ArchiveFile(
        entry.name, hashlib.sha256(body).hexdigest(), _content(body, limits) if is_recording else None, activity_id
    )


def _content(body: bytes, limits: ImportLimits) -> str | None:
    """The hash of a file's unpacked content, or None if it can't be unpacked completely, so that only its bytes compare."""
    digest, size = hashlib.sha256(), 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) if body.startswith(GZIP) else io.BytesIO(body) as file:
            while piece := file.read(PIECE):
                size += len(piece)
                if size > limits.file_bytes:
                    return None
                digest.update(piece)
    except (OSError, EOFError, zlib.error):
        return None
    return digest.hexdigest()
