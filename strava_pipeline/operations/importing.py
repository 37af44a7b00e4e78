"""Importing paths that a person names into bronze, and the activities of imports. Glue between ingest and the lake.

Bytes first, then the manifest that names them: a killed import leaves bytes that the next one finds; a refused one
removes its bytes. One bad file never stops the others. Reading the files is reading_files.py's.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.core.files.archive_csv import ArchiveRow, without_rows
from strava_pipeline.core.files.objects import Holders, Numbering
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.numbers import Numbers, if_any, sentence
from strava_pipeline.core.sources import STRAVA_ARCHIVE
from strava_pipeline.core.sports import FIT_SPORTS
from strava_pipeline.core.text import counted, printable
from strava_pipeline.ingest.archive.container import Container, Kind, open_container
from strava_pipeline.ingest.archive.contents import Contents, Role, contents
from strava_pipeline.ingest.archive.earlier_rows import EarlierRows
from strava_pipeline.ingest.archive.entry import (
    Entry,
    Fault,
    Oversized,
    UnreadableEntryError,
    decode_name,
    too_large_fault,
)
from strava_pipeline.ingest.archive.import_reader import ImportedActivity, ImportReader, KeptFile
from strava_pipeline.lake.bronze.answers import newest_athlete
from strava_pipeline.lake.bronze.expired import expired_ids, purged_files
from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.gold.publish import if_readable
from strava_pipeline.lake.imports.activities import EarlierIds, has_activities, write_activities
from strava_pipeline.lake.imports.files import FileStore, reading_of, stored_bytes
from strava_pipeline.lake.imports.manifests import (
    Import,
    ImportedFile,
    ImportFault,
    ImportManifest,
    all_imports,
    digest_of,
    effective_imports,
    files_of_path,
    imports,
    land_import,
    note_known_files,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.reading_files import EXAMPLES
from strava_pipeline.operations.run_context import RunContext

LOCK = "import"  # held while files are landed and read, and activities made of them


@dataclass(slots=True)
class LandReport(Numbers):
    """The result: files by whether their bytes were new, and the new imports."""

    files: int = field(default=0, repr=False)
    new_files: int = 0
    recovered_files: int = 0  # of these, known ones whose bytes were lost or damaged
    purged_files: int = 0  # of activities that a person purged: they stay out
    deleted_files: int = 0  # of activities that a person deleted here: they are kept, and count in nothing
    bytes: int = 0
    imports: list[Import] = field(default_factory=list, repr=False)
    paths_already_imported: int = 0
    problems: list[str] = field(default_factory=list, repr=False)
    left_out: dict[str, list[str]] = field(
        default_factory=dict, repr=False
    )  # names of files that are not kept, by kind
    unsupported: list[str] = field(default_factory=list, repr=False)  # paths of a kind that isn't read
    nothing_kept: list[str] = field(default_factory=list, repr=False)  # names of paths from which nothing is kept
    unknown: set[str] = field(default_factory=set, repr=False)  # columns and sports that are kept as they are

    def shown(self) -> dict[str, Any]:
        counts = {"new_imports": len(self.imports), "problems": len(self.problems)}
        return (
            Numbers.shown(self)
            | counts
            | if_any(
                first_problems=self.problems[:EXAMPLES],
                unknown_columns_and_sports=sorted(self.unknown)[:EXAMPLES],
                unsupported=len(self.unsupported),
                unsupported_files=self.unsupported[:EXAMPLES],
                paths_without_files=self.nothing_kept[:EXAMPLES],
                left_out_by_kind={kind: len(names) for kind, names in self.left_out.items()},
            )
        )

    def __str__(self) -> str:
        return sentence(
            f"Took in files: {self.files}, {self.new_files} of them new",
            (self.purged_files, f"{self.purged_files} of purged activities stay out"),
            (self.deleted_files, f"{self.deleted_files} of activities that you deleted here, which stay so"),
            (self.problems, counted(len(self.problems), "problem")),
        )


def land_paths(
    run: RunContext, paths: Sequence[Path], limits: ImportLimits, *, also_undone: bool = False
) -> LandReport:
    """Put everything in the paths that is to be kept into bronze.

    Raises SourceError if there is nothing to look at. Nothing is kept of a path with an unreadable list of activities
    that may be Strava's, or with more than the limit of an import: it is among the problems, and raised if no path is
    left. Files that have lain in data/inbox/files since their import was undone stay out, unless `also_undone`.
    """
    report = LandReport()
    with run.exclusive(LOCK):
        landing = _Landing(run, report, limits, also_undone=also_undone)
        made = {
            file.sha256 for one in landing.known if has_activities(run.lake, one.name) for file in one.manifest.files
        }
        refused: list[SourceError] = []
        for path in paths:
            try:
                with open_container(path, limits) as container, landing.store.all_or_nothing():
                    landing.land(container, contents(container, limits, with_days=run.keeps_days))
            except SourceError as error:
                refused.append(error)
        if len(refused) == len(paths) > 0:
            raise refused[0]
        report.problems += map(str, refused)
        report.recovered_files = len(made & landing.store.new.keys())
    return report


class _Landing:
    """Imports one path after the other. `known`: the imports that count; each new one is added."""

    def __init__(self, run: RunContext, report: LandReport, limits: ImportLimits, *, also_undone: bool) -> None:
        self._run, self._report, self._limits = run, report, limits
        self.store = FileStore(run.lake)
        deleted = if_readable(run.lake, lambda published: published.execute(sql("deleted_files")).fetchall())
        self._deleted = {digest for (digest,) in deleted or []}
        self._came = all_imports(run.lake)
        self.known = effective_imports(self._came)
        self._undone = [] if also_undone else [one for one in self._came if one.undone is not None]

    def land(self, container: Container, found: Contents) -> None:
        report, purged = self._report, self._report.purged_files
        files, faults = self._stored(container, found)
        report.problems += [*map(str, faults), *self._files_missing(container, found)]
        for kind, names in found.left_out.items():
            report.left_out.setdefault(kind, []).extend(names)
            if container.kind is Kind.FILE:
                report.unsupported.extend(names)
        if not files and report.purged_files == purged:
            report.nothing_kept.append(decode_name(os.fsencode(container.path.name)))
        for export in found.exports:
            header = export.activities.header
            report.unknown |= {*header.unnamed, *header.unknown, *export.activities.unknown_sports}
        stay_out = self._left_lying(container, files)
        if len(stay_out) == len(files):
            report.paths_already_imported += 1
            return
        own_athlete = _own_athlete(self._run.lake, self._came, found.athletes)
        manifest = ImportManifest(
            came_as=decode_name(os.fsencode(container.path.name)),
            kind=container.kind.value,
            received_at=self._run.now(),
            athletes=dict(found.athletes),
            own_athlete=own_athlete,
            files=files,
            faults=[ImportFault(name=each.name, problem=each.problem.value, detail=each.detail) for each in faults],
        )
        if found.exports or found.service_lists:  # their rows are about files of the same path
            manifest = manifest.model_copy(update={"known": []})
        else:  # a folder that grows: only new files are an import's own, and a new name, which may be an id
            others = (one.manifest for one in self.known if one.manifest.names_only(own_athlete))
            known = {file.key for other in others for file in other.files}
            there = [file for file in files if file not in stay_out]
            new = manifest.model_copy(update={"files": [file for file in there if file.key not in known]})
            manifest = note_known_files(self._came, new, [file for file in there if file.key in known])
            files = there
        self._put(manifest, set(files))

    def _put(self, manifest: ImportManifest, held: set[ImportedFile]) -> None:
        if manifest.files and not _came_in_before(manifest.files, manifest.athletes, self.known):
            landed = land_import(self._run.lake, manifest)
            self.known.append(landed)
            self._came.append(landed)
            self._report.imports.append(landed)
            return
        self._report.paths_already_imported += 1
        if not manifest.files and not self._is_noted(manifest.came_as, held):  # its files are others' while these count
            self._came.append(land_import(self._run.lake, manifest))

    def _is_noted(self, came_as: str, held: set[ImportedFile]) -> bool:
        """Whether an import that was not undone already recorded that a path of this name held the same."""
        by_name = {one.name: one for one in self._came}
        same = (one for one in self._came if one.undone is None and one.manifest.came_as == came_as)
        return any(set(files_of_path(by_name, one)) == held for one in same)

    def _stored(self, container: Container, found: Contents) -> tuple[list[ImportedFile], list[Fault]]:
        """The files to keep, their bytes durable, and the faults that prevented the rest."""
        report, limits = self._report, self._limits
        faults = [*container.faults, *found.faults]
        files: list[ImportedFile] = []
        fresh: list[int] = []  # sizes of the files with new bytes
        purged, hashes = expired_ids(self._run.lake, STRAVA_ARCHIVE), purged_files(self._run.lake)
        stay_out = {name for export in found.exports for name in export.only_of(purged)}
        entries = [(role, entry) for role, entry in _to_keep(found) if entry.name not in stay_out]
        report.purged_files += len(found.entries) + len(found.oversized) - len(entries)
        with progressing(self._run.progress, f"Taking in files of {container.path.name}", len(entries)) as advance:
            for role, entry in entries:
                try:
                    file, is_new = _kept(role, entry, self.store, limits, purged)
                except UnreadableEntryError as error:
                    faults.append(error.fault)
                else:
                    if file.sha256 in hashes:
                        report.purged_files += 1
                    else:
                        report.deleted_files += file.sha256 in self._deleted
                        files.append(file)
                        fresh += [file.size] * is_new
                advance(1)
        self.store.sync()
        report.files += len(files)
        report.new_files += len(fresh)
        report.bytes += sum(fresh)
        return files, faults

    def _files_missing(self, container: Container, found: Contents) -> Iterator[str]:
        """A sentence for each list that names recordings which neither came with it nor before; a list alone has none."""
        there = {each.name for each in found.oversized}
        came = {PurePosixPath(file.name).name for one in self.known for file in one.manifest.files}
        for export in found.exports if container.kind is not Kind.FILE else ():
            names = [row.filename for row in export.missing if row.filename and export.root + row.filename not in there]
            if lacking := sorted(name for name in names if PurePosixPath(name).name not in came):
                yield (
                    f"{export.list_name}: {counted(len(lacking), 'recording')} that it names did not come with it, such as "
                    f"{printable(', '.join(lacking[:3]))}. Their activities have no track, laps or heart rate of their own. "
                    "Ask Strava for the archive again, if yours should be whole."
                )

    def _left_lying(self, container: Container, files: list[ImportedFile]) -> set[ImportedFile]:
        """The files that have lain in the inbox, unchanged, since their import was undone."""
        inbox, path = self._run.lake.inbox_files.absolute(), container.path.absolute()
        if not self._undone or not path.is_relative_to(inbox):
            return set()
        marks = inbox_marks(inbox, path)
        found: set[ImportedFile] = set()
        for one in self._undone:
            lay, held = set(one.undone.inbox if one.undone else ()), {file.key for file in one.manifest.files}
            found |= {file for file in files if file.key in held and marks.get(file.name, marks.get("")) in lay}
        return found


def _came_in_before(files: list[ImportedFile], athletes: Mapping[str, int], known: list[Import]) -> bool:
    """Whether an import has these names and bytes, and names no other athlete. Lists without a row are equal."""
    digest = digest_of(files)
    same = [one for one in known if digest in (one.digest, digest_of(one.manifest.files))]
    return any(not athletes or one.manifest.athletes in ({}, athletes) for one in same)


def _own_athlete(lake: Lake, known: list[Import], athletes: Mapping[str, int]) -> int | None:
    """The athlete who has plain ids in this folder.

    The first import's record is final. Before it, the athlete is the login's, or else the first one that an archive
    names.
    """
    noted = [one.manifest.own_athlete for one in known]
    login = newest_athlete(lake)
    named = [athlete_id for one in known for athlete_id in one.manifest.athletes.values()]
    candidates = (*noted, login[1].get("id") if login else None, *named, *athletes.values())
    return next((each for each in candidates if type(each) is int), None)


def _to_keep(found: Contents) -> Iterator[tuple[Role, Entry | Oversized]]:
    yield from found.entries
    for each in found.oversized:
        yield "activity", each


def _kept(
    role: Role, entry: Entry | Oversized, store: FileStore, limits: ImportLimits, purged: Collection[int]
) -> tuple[ImportedFile, bool]:
    """The file, with its bytes in the store, and whether these are new there. A file that is too large is not read; it
    says why. A list has no rows of `purged` activities.
    """
    if isinstance(entry, Oversized):
        digest, is_new = store.put_pieces(entry.pieces())
        why = too_large_fault(entry.name, entry.size, limits).detail
        return ImportedFile(name=entry.name, sha256=digest, size=entry.size, role=role, held_back=why), is_new
    body = without_rows(entry.read(), purged) if role == "list" else entry.read()
    digest, is_new = store.put(body)
    return ImportedFile(name=entry.name, sha256=digest, size=len(body), role=role), is_new


def lacks_activities(lake: Lake) -> bool:
    """Whether an import has no activities on disk yet."""
    return any(not has_activities(lake, one.name) for one in imports(lake))


def make_activities(
    run: RunContext, tick: Callable[[int], object], unknown: set[str] | None = None, *, of_all: bool = False
) -> int:
    """Make the activities of the imports that have none on disk (`of_all`: of all imports); returns how many.

    The files of the imports have been read. Unknown words of sports are added to `unknown`.
    """
    lake, count = run.lake, 0
    came = list(imports(lake))
    wanted = [of_all or not has_activities(lake, one.name) for one in came]
    earlier: dict[str, str] = {}
    rows_before, held_ids = EarlierRows(), EarlierIds(lake, came)
    for number, one in enumerate(came):
        if not any(wanted[number:]):
            break
        if wanted[number] or one.manifest.has_list:
            held_by = held_ids.before(number)
            read = import_read(lake, one, held_by)
            # clocks may be wrong
            newest_start = min(read.newest_start or one.manifest.received_at, one.manifest.received_at)
            at = newest_start + timedelta(microseconds=number)  # of two that tell up to the same moment, the later one
            if wanted[number]:
                activities = _noting_sports(
                    read.activities(partial(reading_of, lake), earlier, rows_before.before(at)),
                    set() if unknown is None else unknown,
                )
                count += write_activities(lake, one, activities, read.gear(), at, run.years, tick)
            if one.manifest.has_list and any(wanted[number + 1 :]):
                rows_before.add(at, partial(_rows, lake, one, held_by))
        earlier |= {PurePosixPath(file.name).name: file.sha256 for file in one.manifest.files if file.is_readable}
    return count


def _noting_sports(activities: Iterable[ImportedActivity], unknown: set[str]) -> Iterator[ImportedActivity]:
    for activity in activities:
        word = activity.summary.get("sport") if activity.summary.get("sport_type") is None else None
        if isinstance(word, str) and word not in FIT_SPORTS.values():  # those are known, and no sports of Strava's
            unknown.add(word)
        yield activity


def import_read(lake: Lake, one: Import, held_by: Holders) -> ImportReader:
    """An import with its lists read. Raises PipelineError if the bytes of one of them are missing or damaged.

    `held_by`: who has the ids that Strava has not numbered, in the imports before it.
    """
    manifest = one.manifest
    kept = [
        KeptFile(file.name, file.sha256, file.size, file.role)
        for file in manifest.files
        if file.held_back is None or reading_of(lake, file.sha256) is not None  # a person raised the limit since
    ]
    numbering = Numbering(manifest.own_athlete, held_by)
    return ImportReader(kept, manifest.kind, manifest.athletes, partial(_bytes, lake), numbering)


def _rows(lake: Lake, one: Import, held_by: Holders) -> Iterator[ArchiveRow]:
    return import_read(lake, one, held_by).rows()


def _bytes(lake: Lake, digest: str) -> bytes:
    """The bytes of a list or of objects. They are required: without them activities would be missing without notice."""
    try:
        return stored_bytes(lake, digest)
    except (FileNotFoundError, DamagedFileError) as error:
        raise PipelineError(
            f"{lake.files / digest[:2] / digest} is missing or damaged: it tells of activities. Import what it came in again "
            "(data/bronze/imports says what that was); nothing was changed."
        ) from error


def inbox_marks(inbox: Path, path: Path) -> dict[str, str]:
    """A mark of `path`, or of each file below it: by its name there, as imports name it; a file's own name is "".

    A changed mark means that the file was written or replaced since.
    """
    found = {}
    for each in _files(path):
        try:
            seen = each.lstat()
        except OSError:
            continue  # gone since it was listed
        said = f"{each.relative_to(inbox)} {seen.st_size} {seen.st_mtime_ns} {seen.st_ctime_ns}"
        name = "" if each == path else decode_name(os.fsencode(each.relative_to(path).as_posix()))
        found[name] = hashlib.blake2b(said.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return found


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names)
