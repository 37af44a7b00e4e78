"""Bronze of imports: a folder per import, with a manifest of the files' names and of faults.

The bytes are kept by files.py. An import with the same names and bytes (`digest`) as an earlier one is that import,
unless their archives name different athletes; the caller of `land_import` looks first. A file of an earlier import is
not stored twice: the later manifest only names it, and its import inherits the file when the earlier one is undone.
"""

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from strava_pipeline.lake.files import stamp, write_whole
from strava_pipeline.lake.paths import Lake

_MANIFEST, _UNDONE = "manifest.json", "undone.json"
Role = Literal["list", "gear", "activity", "objects", "media", "service_list", "wellness"]
FileKey = tuple[str, str]  # the last part of a file's name, and its hash


class ImportedFile(BaseModel, frozen=True):
    """A file by the name it had, with forward slashes.

    Args:
        role: `list` is activities.csv, `objects` JSON of the API, `service_list` the list of another service's export,
            `wellness` what it has of days and nights.
        held_back: why it was kept but not read when it came.
    """

    name: str
    sha256: str
    size: int
    role: Role
    held_back: str | None = None

    @property
    def is_readable(self) -> bool:
        """Whether it is an activity's file that isn't held back."""
        return self.role == "activity" and self.held_back is None

    @property
    def key(self) -> FileKey:
        """The file's identity in another folder; the name is part of it because it may be its activity's id."""
        return self.name.rpartition("/")[2], self.sha256


class ImportFault(BaseModel, frozen=True):
    """What could not be imported, or looked odd; never a byte of content.

    Args:
        problem: `too_large`, `bomb`, `unsafe_name`, `misleading_name`, `symlink`, `no_file`, `encrypted`, `nested`, `duplicate`,
            `cut_off`, `damaged`, `unsupported`, `unread_format`, `forbidden`. Of `unsafe_name` and `duplicate` the bytes are
            among `files` all the same, of `too_large` where it is an activity's.
        detail: the same in words.
    """

    name: str
    problem: str
    detail: str


class ImportManifest(BaseModel, frozen=True):
    """The content of manifest.json.

    Args:
        came_as: the last part of the path that a person named.
        kind: `zip`, `folder` or `file`.
        athletes: whose each list of an archive is, by the list's name; empty if unknown.
        own_athlete: whose recordings have plain ids in this folder, as known when this came in; the hashes of another athlete's
            ids have the athlete in them. None: all ids are plain.
        files: may be empty where all were known.
        known: files of the path, as in `files`, that earlier imports hold: the import takes them over when those are undone.
            None: a version before this one did not note them.
        continues: the import in which the same path came before: all files of its path count as if they were in `known`.
        without: the names of those that do not.
    """

    came_as: str
    kind: str
    received_at: datetime
    athletes: dict[str, int] = {}
    own_athlete: int | None = None
    files: list[ImportedFile] = []
    faults: list[ImportFault] = []
    known: list[ImportedFile] | None = None
    continues: str | None = None
    without: list[str] = []

    @property
    def athlete_id(self) -> int | None:
        """The athlete of the whole import, or None if there are several or none."""
        return next(iter(self.athletes.values())) if len(set(self.athletes.values())) == 1 else None

    def names_only(self, athlete_id: int | None) -> bool:
        """Whether no archive of the import names another athlete than this one."""
        return set(self.athletes.values()) <= {athlete_id}

    @property
    def may_name_athletes(self) -> bool:
        """Whether any of its files can name an athlete."""
        return bool(self.athletes) or any(file.role == "objects" for file in self.files)

    @property
    def has_list(self) -> bool:
        """Whether an archive's list of activities is among its files."""
        return any(file.role == "list" for file in self.files)


class UndoneNote(BaseModel, frozen=True):
    """The content of undone.json, next to the manifest of an undone import.

    Args:
        activities: ids, each with its source. What no other import brought at that moment; only this may leave the warehouse.
        gear: ids, of the same.
        files: hashes, of the same.
        inbox: marks of the files that were in data/inbox/files then.
    """

    undone_at: datetime
    activities: list[tuple[int, str]] = []
    gear: list[str] = []
    files: list[str] = []
    inbox: list[str] = []


class Import:
    """An import's folder and manifest. `undone`: the note of an import that no longer counts.

    Files inherited from an undone import are among its manifest's `files`.
    """

    def __init__(self, name: str, manifest: ImportManifest, undone: UndoneNote | None = None) -> None:
        self.name, self.manifest, self.undone = name, manifest, undone

    @property
    def digest(self) -> str:
        return self.name.partition("-")[2]


def land_import(lake: Lake, manifest: ImportManifest) -> Import:
    """Write the manifest, once all bytes are on disk. Its time is later than every earlier import's, whatever the clock says."""
    last = max((one.manifest.received_at for one in all_imports(lake)), default=None)
    if last is not None and manifest.received_at <= last:  # a clock may stand still, or have been wrong
        manifest = manifest.model_copy(update={"received_at": last + timedelta(microseconds=1)})
    name = f"{stamp(manifest.received_at)}-{digest_of(manifest.files)}"
    write_whole(lake.imports / name / _MANIFEST, manifest.model_dump_json(indent=1).encode())
    return Import(name, manifest)


def imports(lake: Lake) -> Iterator[Import]:
    """Every import that counts, in order of arrival. A folder without a readable manifest is skipped."""
    return iter(effective_imports(all_imports(lake)))


def names_role(lake: Lake, role: Role) -> bool:
    """Whether the manifest of any import, also of an undone one, may name a file of the role: a look that parses none."""
    return any(f'"{role}"'.encode() in path.read_bytes() for path in lake.imports.glob(f"*/{_MANIFEST}"))


def undone_imports(lake: Lake) -> Iterator[Import]:
    """Every undone import, in order of arrival."""
    return (one for one in all_imports(lake) if one.undone is not None)


def all_imports(lake: Lake) -> list[Import]:
    """Every import in order of arrival, by its manifest: including undone ones and those without new files."""
    found = []
    for folder in sorted(lake.imports.iterdir()) if lake.imports.is_dir() else ():
        try:
            manifest = ImportManifest.model_validate_json((folder / _MANIFEST).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            continue
        found.append(Import(folder.name, manifest, _note(folder, manifest)))
    return found


def effective_imports(came: Sequence[Import]) -> list[Import]:
    """The imports among `came` (all, in order) that are not undone and hold a file, with the files that they inherit.

    A file of an undone import belongs to the first other import whose path held it, as if the undone one had never
    existed.
    """
    gone = {file.key for one in came if one.undone is not None for file in one.manifest.files}
    held: dict[str, dict[ImportedFile, None]] = {}  # of the files in `gone`, those that each path held
    owned: set[FileKey] = set()  # of the files in `gone`, those that the imports so far hold
    own_athlete = next((one.manifest.own_athlete for one in came if one.manifest.own_athlete is not None), None)
    found = []
    for one in came:
        manifest = one.manifest
        if gone:
            held[one.name] = _held(manifest, held, gone)
        if one.undone is not None:
            continue
        own = set(_chosen(manifest.files, gone))
        more = [file for file in held.get(one.name, ()) if file.key not in owned and file not in own]
        if own_athlete is None or manifest.names_only(own_athlete):  # another athlete's file is another recording
            owned |= {file.key for file in (*own, *more)}
        if more:
            files = sorted([*manifest.files, *more], key=lambda file: (file.held_back is not None, file.name))
            found.append(Import(one.name, manifest.model_copy(update={"files": files})))
        elif manifest.files:
            found.append(one)
    return found


def files_of_path(came: Mapping[str, Import], one: Import) -> list[ImportedFile]:
    """Every file of the import's path, by its manifest and those in `came` (by name) that it continues."""
    chain = [one]
    while (before := came.get(chain[-1].manifest.continues or "")) is not None and before.name < chain[-1].name:
        chain.append(before)
    held: dict[str, dict[ImportedFile, None]] = {}
    for each in reversed(chain):
        held = {each.name: _held(each.manifest, held, None)}
    return list(held[one.name])


def note_known_files(came: Sequence[Import], manifest: ImportManifest, known: Sequence[ImportedFile]) -> ImportManifest:
    """The manifest with a note of its path's other files, which is short if the same folder was imported before."""
    by_name = {one.name: one for one in came}
    same = (one for one in reversed(came) if one.manifest.came_as == manifest.came_as)
    if (before := next(same, None)) is not None:
        held, of_path = set(files_of_path(by_name, before)), {*manifest.files, *known}
        without = {file.name for file in held - of_path}
        left = {file for file in held if file.name not in without}
        more = [file for file in known if file not in left]
        if len(without) + len(more) < len(known):
            return manifest.model_copy(update={"known": more, "continues": before.name, "without": sorted(without)})
    return manifest.model_copy(update={"known": list(known)})


def undone_names(lake: Lake) -> list[str]:
    """The names of all undone imports, sorted."""
    return sorted(note.parent.name for note in lake.imports.glob(f"*/{_UNDONE}"))


def is_undone(lake: Lake, name: str) -> bool:
    """Whether the import of that name was undone."""
    return (lake.imports / name / _UNDONE).exists()


def note_undone(lake: Lake, one: Import, note: UndoneNote) -> None:
    """Record that an import no longer counts; its files stay."""
    write_whole(lake.imports / one.name / _UNDONE, note.model_dump_json().encode())


def is_emptied(one: Import, files: Collection[str]) -> bool:
    """Whether nothing is left of an import of a single file without the files of these hashes."""
    return one.manifest.kind == "file" and {file.sha256 for file in one.manifest.files} <= {*files}


def rewrite_without(lake: Lake, one: Import, left: Callable[[ImportedFile], ImportedFile | None]) -> None:
    """Replace each file of an import's manifest by what is `left` of it; None: nothing, not even its name."""
    before = [[*one.manifest.files], [*(one.manifest.known or ())]]
    files, known = after = [[new for file in each if (new := left(file)) is not None] for each in before]
    folder, names = lake.imports / one.name, [{file.name for each in said for file in each} for said in (before, after)]
    if after != before and one.manifest.kind == "file" and not files:
        shutil.rmtree(folder)  # its name is the file's
    elif after != before:
        faults = [each for each in one.manifest.faults if each.name not in names[0] - names[1]]
        changed = {"files": files, "known": None if one.manifest.known is None else known, "faults": faults}
        write_whole(folder / _MANIFEST, one.manifest.model_copy(update=changed).model_dump_json(indent=1).encode())


def _held(
    manifest: ImportManifest, held: Mapping[str, dict[ImportedFile, None]], wanted: Collection[FileKey] | None
) -> dict[ImportedFile, None]:
    """The `wanted` files (None for all) of the manifest's path, in order. `held`: the same of earlier imports, by name."""
    before = held.get(manifest.continues or "", {})
    if manifest.without:
        left_out = set(manifest.without)
        before = {file: None for file in before if file.name not in left_out}
    more = _chosen((*(manifest.known or ()), *manifest.files), wanted)
    return before | dict.fromkeys(more) if more else before


def _chosen(files: Iterable[ImportedFile], wanted: Collection[FileKey] | None) -> list[ImportedFile]:
    return [file for file in files if wanted is None or file.key in wanted]


def _note(folder: Path, manifest: ImportManifest) -> UndoneNote | None:
    """The undo note. A damaged one counts, too: an undone import must not come back by itself."""
    try:
        return UndoneNote.model_validate_json((folder / _UNDONE).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        return UndoneNote(undone_at=manifest.received_at)


def digest_of(files: Sequence[ImportedFile]) -> str:
    """A hash of names and bytes, in any order."""
    lines = sorted(f"{each.sha256} {each.name}" for each in files)
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
