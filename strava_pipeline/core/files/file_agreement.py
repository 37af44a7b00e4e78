"""Where an archive's files and gear agree with those of gold, and where they don't: by content, whatever their names. Pure.

Files can only be compared where gold has files of an archive: the API hands out none. What is wrong within the archive (a
file that a row names and that is not there) is a difference in any case. Rows are agreement.py's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from strava_pipeline.core.files.export_sides import ArchiveGear


class FileProblem(StrEnum):
    """In what a file differs, in the words that a person and a program read."""

    NOT_IN_ARCHIVE = "named by a row, and not in the archive"
    SHARED = "named by a row, and by an earlier row too"
    PICTURE_MISSING = "a picture that a row names, and not in the archive"
    UNREADABLE = "can't be read in the archive"
    OTHER_CONTENT = "the warehouse has other bytes under this name"
    NOT_IN_WAREHOUSE = "not in the warehouse"
    OTHER_ACTIVITY = "the warehouse has another file for the row's activity"


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of an archive, an activity's or a picture. `sha256`: of its bytes, None where they can't be read.

    `content`: the same of what it holds unpacked. `activity_id`: whose row names it as its recording.
    """

    name: str
    sha256: str | None
    content: str | None = None
    activity_id: int | None = None


@dataclass(frozen=True, slots=True)
class HeldFiles:
    """The files of gold. `contents`: what each holds unpacked, by the hash of its bytes; `names`: the last parts of all names.

    `of_activity`: the file of each activity's row in an archive, by its hash. `gear`: names and nicknames with brand, model.
    """

    contents: Mapping[str, str | None] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    of_activity: Mapping[int, str] = field(default_factory=dict)
    gear: Sequence[tuple[tuple[str, ...], str | None, str | None]] = ()
    of_archives: bool = False  # whether any came in with an archive


@dataclass(frozen=True, slots=True)
class FileDifference:
    """A file, by its name in the archive, and what is wrong with it."""

    name: str
    problem: FileProblem

    def __str__(self) -> str:
        return f"{self.name}: {self.problem.value}"


def compare_files(found: Iterable[ArchiveFile], held: HeldFiles) -> list[FileDifference]:
    """The files whose contents gold does not have, or has for another activity; only what can't be read without `of_archives`."""
    known = {content for content in held.contents.values() if content is not None}
    differing = []
    for file in found:
        if (problem := _problem(file, held, known)) is not None:
            differing.append(FileDifference(file.name, problem))
    return differing


def compare_gear(listed: Iterable[ArchiveGear], held: HeldFiles) -> dict[str, tuple[str, str | None]]:
    """By name, what the archive tells of a piece (name, brand, model) and what gold tells, where that is not the same."""
    if not held.of_archives:
        return {}
    differing = {}
    for piece in listed:
        called = [each for each in held.gear if piece.name in each[0]]
        if not any(piece.brand in (None, brand) and piece.model in (None, model) for _, brand, model in called):
            told = _words(piece.name, piece.brand, piece.model)
            differing[piece.name] = told, _words(piece.name, *called[0][1:]) if called else None
    return differing


def _problem(file: ArchiveFile, held: HeldFiles, known: set[str]) -> FileProblem | None:
    if file.sha256 is None:
        return FileProblem.UNREADABLE
    if not held.of_archives:
        return None
    if file.sha256 not in held.contents and file.content not in known:
        last = file.name.rpartition("/")[2]
        named = {last, last.removesuffix(".gz"), f"{last}.gz"} & held.names
        return FileProblem.OTHER_CONTENT if named else FileProblem.NOT_IN_WAREHOUSE
    own = held.of_activity.get(file.activity_id) if file.activity_id is not None else None
    if own is None or own == file.sha256 or (file.content is not None and held.contents.get(own) == file.content):
        return None
    return FileProblem.OTHER_ACTIVITY


def _words(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)
