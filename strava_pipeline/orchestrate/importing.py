"""What paths that a person names hold, into bronze; and the activities of imports, out of it. Glue between ingest and the lake.

Bytes first, then the manifest that names them: an import that is killed in the middle leaves bytes that the next one finds
there; one that is refused takes its bytes away again. One bad file never stops the others. Reading files is reading_files.py's.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.core.files.activities_csv import ArchiveRow
from strava_pipeline.core.files.numbering import HeldBy, Numbering
from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.ingest.archive.container import Container, open_container
from strava_pipeline.ingest.archive.entry import (
    Entry,
    Fault,
    Oversized,
    UnreadableEntryError,
    decoded,
    too_large,
)
from strava_pipeline.ingest.archive.imported import ImportRead, Kept, RowsBefore
from strava_pipeline.ingest.archive.landing import Contents, Role, contents
from strava_pipeline.lake.file_store import FileStore, stored_bytes
from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.held_ids import HeldIds
from strava_pipeline.lake.imported import is_made, make
from strava_pipeline.lake.imports import (
    Import,
    ImportedFile,
    ImportFault,
    ImportManifest,
    digest_of,
    imports,
    land_import,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.profile_files import newest_athlete
from strava_pipeline.lake.readings import reading_of
from strava_pipeline.orchestrate.progress import progressing
from strava_pipeline.orchestrate.resources import Pipeline

LOCK = "import"  # who lands files, reads them, and makes activities of them


@dataclass(slots=True)
class LandReport:
    """What came in: files by whether their bytes were new, and the imports that are new."""

    files: int = 0
    new: int = 0
    healed: int = 0  # of these, known ones whose bytes were lost or damaged
    bytes: int = 0
    imports: list[Import] = field(default_factory=list)
    known: int = 0  # paths of which everything was there already
    problems: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)  # names of files that are not kept, by kind
    unknown: set[str] = field(default_factory=set)  # columns and sports that nothing is known of; kept as they are


def land_paths(pipeline: Pipeline, paths: Sequence[Path]) -> LandReport:
    """Everything that the paths hold and that is to be kept, into bronze.

    SourceError where there is nothing to look at. Of a path with a list of activities that is not Strava's, or with more than
    the limit of an import, nothing is kept: it is among the problems, and raised where no path is left.
    """
    report = LandReport()
    with pipeline.alone(LOCK):
        store, known = FileStore(pipeline.lake), list(imports(pipeline.lake))
        limits = pipeline.settings.import_limits
        made = {file.sha256 for one in known if is_made(pipeline.lake, one.name) for file in one.manifest.files}
        refused: list[SourceError] = []
        for path in paths:
            try:
                with open_container(path, limits) as container, store.all_or_nothing():
                    _land(pipeline, container, contents(container, limits), store, known, report)
            except SourceError as error:
                refused.append(error)
        if len(refused) == len(paths) > 0:
            raise refused[0]
        report.problems += map(str, refused)
        report.healed = len(made & store.new.keys())
    return report


def _land(
    pipeline: Pipeline,
    container: Container,
    found: Contents,
    store: FileStore,
    known: list[Import],
    report: LandReport,
) -> None:
    """`known`: the imports that there are; a new one is added."""
    limits = pipeline.settings.import_limits
    faults = [*container.faults, *(fault for export in found.exports for fault in export.faults)]
    files: list[ImportedFile] = []
    fresh: list[int] = []  # sizes of the files whose bytes are new
    total = len(found.entries) + len(found.oversized)
    with progressing(pipeline.progress, f"Taking in {container.path.name}", total) as advance:
        for role, entry in _to_keep(found):
            try:
                file, is_new = _kept(role, entry, store, limits)
            except UnreadableEntryError as error:
                faults.append(error.fault)
            else:
                files.append(file)
                fresh += [file.size] * is_new
            advance(1)
    store.settle()
    report.files += len(files)
    report.new += len(fresh)
    report.bytes += sum(fresh)
    report.problems += map(str, faults)
    for kind, names in found.left_out.items():
        report.left_out.setdefault(kind, []).extend(names)
    for export in found.exports:
        header = export.activities.header
        report.unknown |= {*header.unnamed, *header.unknown, *export.activities.unknown_sports}
    own_athlete = _own_athlete(pipeline.lake, known, found.athletes)
    if not found.exports:  # a folder that grows: only new files are an import, and a new name, which may be an id
        named = {_called(file) for one in known if one.manifest.names_only(own_athlete) for file in one.manifest.files}
        files = [file for file in files if _called(file) not in named]
    if not files or _came_in_before(files, found.athletes, known):
        report.known += 1
        return
    landed = land_import(pipeline.lake, _manifest(pipeline, container, found, own_athlete, files, faults))
    known.append(landed)
    report.imports.append(landed)


def _came_in_before(files: list[ImportedFile], athletes: Mapping[str, int], known: list[Import]) -> bool:
    """Whether an import has these names and bytes, and names no other athlete. Lists without a row are equal."""
    same = [one for one in known if one.digest == digest_of(files)]
    return any(not athletes or one.manifest.athletes in ({}, athletes) for one in same)


def _own_athlete(lake: Lake, known: list[Import], athletes: Mapping[str, int]) -> int | None:
    """The athlete who has plain ids in this folder.

    What the first import noted stays. Before, it is the login's athlete, else the first whom an archive names.
    """
    noted = [one.manifest.own_athlete for one in known]
    login = newest_athlete(lake)
    named = [athlete_id for one in known for athlete_id in one.manifest.athletes.values()]
    candidates = (*noted, login[1].get("id") if login else None, *named, *athletes.values())
    return next((each for each in candidates if type(each) is int), None)


def _manifest(
    pipeline: Pipeline,
    container: Container,
    found: Contents,
    own_athlete: int | None,
    files: list[ImportedFile],
    faults: list[Fault],
) -> ImportManifest:
    return ImportManifest(
        came_as=decoded(os.fsencode(container.path.name)),
        kind=container.kind.value,
        salvaged=container.salvaged,
        received_at=pipeline.now(),
        athletes=dict(found.athletes),
        own_athlete=own_athlete,
        files=files,
        faults=[ImportFault(name=each.name, problem=each.problem.value, detail=each.detail) for each in faults],
    )


def _to_keep(found: Contents) -> Iterator[tuple[Role, Entry | Oversized]]:
    yield from found.entries
    for each in found.oversized:
        yield "activity", each


def _kept(role: Role, entry: Entry | Oversized, store: FileStore, limits: ImportLimits) -> tuple[ImportedFile, bool]:
    """The file, its bytes in the store, and whether these are new there. One that is too large is not read: it says why."""
    if isinstance(entry, Oversized):
        digest, is_new = store.put_pieces(entry.pieces())
        why = too_large(entry.name, entry.size, limits).detail
        return ImportedFile(name=entry.name, sha256=digest, size=entry.size, role=role, held_back=why), is_new
    body = entry.read()
    digest, is_new = store.put(body)
    return ImportedFile(name=entry.name, sha256=digest, size=len(body), role=role), is_new


def _called(file: ImportedFile) -> tuple[str, str]:
    return PurePosixPath(file.name).name, file.sha256


def unmade(lake: Lake) -> bool:
    """Whether an import has no activities on disk yet."""
    return any(not is_made(lake, one.name) for one in imports(lake))


def make_activities(pipeline: Pipeline, tick: Callable[[int], object], *, anew: bool = False) -> int:
    """The activities of the imports that have none on disk (`anew`: of all); how many. Their files have been read."""
    lake, count = pipeline.lake, 0
    came = list(imports(lake))
    wanted = [anew or not is_made(lake, one.name) for one in came]
    of_list = [is_wanted and one.manifest.has_list for is_wanted, one in zip(wanted, came, strict=True)]
    earlier: dict[str, str] = {}
    rows_before, held_ids = RowsBefore(), HeldIds(lake, came)
    for number, one in enumerate(came):
        fills = one.manifest.has_list and any(of_list[number + 1 :])  # the empty cells of a list that came later
        if not any(wanted[number:]):
            break
        if wanted[number] or fills:
            held_by = held_ids.before(number)
            read = _read(lake, one, held_by)
            said_at = min(read.said_at or one.manifest.received_at, one.manifest.received_at)  # clocks may be wrong
            at = said_at + timedelta(microseconds=number)  # of two that tell up to the same moment, the later one
            if wanted[number]:
                activities = read.activities(partial(reading_of, lake), earlier, rows_before.of(at))
                count += make(lake, one, activities, read.gear(), at, pipeline.years, tick)
            if fills:
                rows_before.add(at, partial(_rows, lake, one, held_by))
        earlier |= {PurePosixPath(file.name).name: file.sha256 for file in one.manifest.files if file.is_readable}
    return count


def _read(lake: Lake, one: Import, held_by: HeldBy) -> ImportRead:
    manifest = one.manifest
    kept = [
        Kept(file.name, file.sha256, file.size, file.role)
        for file in manifest.files
        if file.held_back is None or reading_of(lake, file.sha256) is not None  # a person raised the limit since
    ]
    numbering = Numbering(manifest.own_athlete, held_by)
    return ImportRead(kept, manifest.kind, manifest.athletes, partial(_bytes, lake), numbering)


def _rows(lake: Lake, one: Import, held_by: HeldBy) -> Iterator[ArchiveRow]:
    return _read(lake, one, held_by).rows()


def _bytes(lake: Lake, digest: str) -> bytes:
    """Of a list or of objects: without them activities would be missing, and nobody would know which."""
    try:
        return stored_bytes(lake, digest)
    except (FileNotFoundError, DamagedFileError) as error:
        raise PipelineError(
            f"{lake.files / digest[:2] / digest} is missing or damaged: it tells of activities. Import what it came in again "
            "(data/bronze/imports says what that was); nothing was changed."
        ) from error
