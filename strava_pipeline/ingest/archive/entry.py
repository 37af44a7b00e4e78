"""The contents of a container of any kind: readable entries, faults of the others, and a limit for unpacking.

A fault never contains a byte of content, and its text is safe to print. Sizes in a directory are not trusted: the meter
counts the actual bytes. How entries are found is the containers' business.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.core.limits import ImportLimits, megabytes
from strava_pipeline.core.text import printable

GZIP = b"\x1f\x8b"  # how a gzip file begins
PIECE = 2**20  # bytes of a file that are in memory at once
JUNK_FOLDERS = frozenset({"__MACOSX", "@eaDir"})  # what file managers leave in archives
_ENDING = re.compile(r".\.([^.\s]{1,12}(?:\.gz)?)$", re.IGNORECASE)  # anything longer is a name with a dot in it
_JUNK_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_RATIO = 200  # times its own size: TCX, the most repetitive of real files, packs to about a fortieth
_RATIO_FROM = 2**30  # bytes; less does no harm


class Problem(StrEnum):
    """A fault of an entry. Those of READABLE are reported, but the entry is read nevertheless."""

    TOO_LARGE = "too_large"  # more bytes than the limit of a file
    BOMB = "bomb"  # unpacks to far more than any recording does
    UNSAFE_NAME = "unsafe_name"  # absolute, or leads out of the container
    MISLEADING_NAME = "misleading_name"  # with marks that show it in another order
    SYMLINK = "symlink"
    NO_FILE = "no_file"  # a pipe, a device
    ENCRYPTED = "encrypted"
    NESTED = "nested"  # an archive in an archive
    DUPLICATE = "duplicate"  # a second entry of one name
    CUT_OFF = "cut_off"  # the container ends in the middle
    DAMAGED = "damaged"  # its checksum or its compressed data are wrong
    UNSUPPORTED = "unsupported"  # a compression we don't know
    UNREAD_FORMAT = "unread_format"  # another service's export, in a form that is known and not read
    FORBIDDEN = "forbidden"  # the system doesn't let us read it


READABLE = frozenset({Problem.UNSAFE_NAME, Problem.DUPLICATE})


@dataclass(frozen=True, slots=True)
class Fault:
    """One problem of one entry; `name` is printable, `detail` is a sentence."""

    name: str
    problem: Problem
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


class UnreadableEntryError(PipelineError):
    """An entry could not be read; the container's other entries can."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a container. `name` has forward slashes and must never be used as a path; `size` is in bytes, unpacked.

    `read`: its bytes, within the limit of a file. Raises UnreadableEntryError; SourceError where the import gets too large.
    """

    name: str
    size: int
    read: Callable[[], bytes] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Oversized:
    """A file that is too large to be read at once: it can be kept, piece by piece, but is not read as an activity.

    `pieces`: its bytes in order, at most PIECE at once; raises as `Entry.read` does.
    """

    name: str
    size: int
    pieces: Callable[[], Iterator[bytes]] = field(repr=False, compare=False)


def names_by_ending(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names by their ending (`pdf`, `csv.gz`, "" for none), the most frequent ending first."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        match = _ENDING.search(name.rpartition("/")[2])
        found[match[1].lower() if match else ""].append(name)
    return {ending: tuple(found[ending]) for ending in sorted(found, key=lambda ending: (-len(found[ending]), ending))}


def fault(name: str, problem: Problem, detail: str) -> Fault:
    """A fault of the entry `name`, which may contain any characters."""
    return Fault("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name), problem, detail)


def too_large_fault(name: str, size: int, limits: ImportLimits) -> Fault:
    """The fault of an entry beyond the limit of a file; `size`: its bytes, or as many as were unpacked."""
    return fault(
        name,
        Problem.TOO_LARGE,
        f"{megabytes(size)} unpacked; files of more than {megabytes(limits.file_bytes)} are not read",
    )


def nested_fault(name: str) -> Fault:
    """The fault of an archive within a container."""
    return fault(name, Problem.NESTED, "an archive of its own; unpack it and name it to read it")


def decode_name(raw: bytes) -> str:
    """A name's bytes as text: as UTF-8 if possible, which many archivers write without saying so, otherwise as code page 437."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def is_junk(name: str) -> bool:
    """Whether a file manager left the entry, and not a person."""
    *folders, last = name.split("/")
    return not JUNK_FOLDERS.isdisjoint(folders) or last.startswith("._") or last.lower() in _JUNK_FILES


def is_nested(name: str) -> bool:
    """Whether the name is an archive's. The content is not examined."""
    return name.lower().endswith((".zip", ".7z", ".rar", ".tar", ".tar.gz", ".tgz"))


def is_unsafe(name: str) -> bool:
    """Whether the name, used as a path, would lead out of a folder."""
    return name.startswith("/") or name[1:3] == ":/" or ".." in name.split("/")


class Meter:
    """The byte count of one import or survey. `packed`: the size in bytes of an archive, None for files and folders."""

    def __init__(self, name: str, limits: ImportLimits, packed: int | None = None) -> None:
        self.limits = limits
        self._name, self._packed = name, packed
        self._total = 0

    def add(self, size: int) -> None:
        """Count `size` bytes more. Raises SourceError if the total is too large."""
        self._total += size
        if self._total > self.limits.total_bytes:
            raise SourceError(
                f"{printable(self._name)} unpacks to more than {megabytes(self.limits.total_bytes)}, so nothing of it was "
                "imported. If it is yours, import it in parts."
            )
        if self._packed is not None and self._total > max(_RATIO_FROM, _RATIO * self._packed):
            raise SourceError(
                f"{printable(self._name)} unpacks to more than {_RATIO} times its size ({megabytes(self._total)}), as archives "
                "do that are made to fill a disk, so nothing of it was imported. If you trust it, unpack it and name the folder."
            )

    def metered(self, load: Callable[[], bytes]) -> Callable[[], bytes]:
        """`load`, counted once even if it is called twice."""
        return partial(_load, load, self, _Counted())

    def metered_pieces(self, open_pieces: Callable[[], Iterator[bytes]]) -> Callable[[], Iterator[bytes]]:
        """`open_pieces`, counted once."""
        return partial(_pieces, open_pieces, self, _Counted())


class _Counted:
    """The number of bytes of an entry in the total."""

    def __init__(self) -> None:
        self.size = 0


def _load(load: Callable[[], bytes], meter: Meter, counted: _Counted) -> bytes:
    body = load()
    _count(len(body), meter, counted)
    return body


def _pieces(open_pieces: Callable[[], Iterator[bytes]], meter: Meter, counted: _Counted) -> Iterator[bytes]:
    size = 0
    for piece in open_pieces():
        size += len(piece)
        _count(size, meter, counted)
        yield piece


def _count(size: int, meter: Meter, counted: _Counted) -> None:
    if size > counted.size:
        more, counted.size = size - counted.size, size
        meter.add(more)
