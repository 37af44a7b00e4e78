"""What a container of any kind holds: entries that can be read, faults of the others, and how much may be unpacked in all.

A fault never holds a byte of content, and its text is safe to print. What a directory says of sizes decides nothing: the meter
counts what comes. How entries are found is the containers' business.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from strava_pipeline.core.errors import PipelineError, SourceError
from strava_pipeline.core.size_limits import IMPORT_FILE_LIMIT_MB, IMPORT_LIMIT_MB, ImportLimits, megabytes
from strava_pipeline.core.text import printable

GZIP = b"\x1f\x8b"  # how a gzip file begins
PIECE = 2**20  # bytes that are in memory at once where a file is gone through
JUNK_FOLDERS = frozenset({"__MACOSX", "@eaDir"})  # what file managers leave in archives
_ENDING = re.compile(r".\.([^.\s]{1,12}(?:\.gz)?)$", re.IGNORECASE)  # longer is no ending, but a name with a dot in it
_JUNK_FILES = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_RATIO = 200  # times its own size: TCX, the most repetitive of real files, packs to about a fortieth
_RATIO_FROM = 2**30  # bytes; less harms nobody


class Problem(StrEnum):
    """What is wrong with an entry. Those of READABLE are told, and read all the same."""

    TOO_LARGE = "too_large"  # more bytes than the limit of a file
    BOMB = "bomb"  # unpacks to far more than any recording does
    UNSAFE_NAME = "unsafe_name"  # absolute, or leads out of the container
    SYMLINK = "symlink"
    NO_FILE = "no_file"  # a pipe, a device
    ENCRYPTED = "encrypted"
    NESTED = "nested"  # an archive in an archive
    DUPLICATE = "duplicate"  # a second entry of one name
    CUT_OFF = "cut_off"  # the container ends in the middle
    DAMAGED = "damaged"  # its checksum or its compressed data are wrong
    UNSUPPORTED = "unsupported"  # a compression we don't know
    FORBIDDEN = "forbidden"  # the system doesn't let us read it


READABLE = frozenset({Problem.UNSAFE_NAME, Problem.DUPLICATE})


@dataclass(frozen=True, slots=True)
class Fault:
    """One problem of one entry; `name` is printable, `detail` says it in words."""

    name: str
    problem: Problem
    detail: str

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


class UnreadableEntryError(PipelineError):
    """An entry could not be read; the others of its container can."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a container. `name` has forward slashes and is never to be used as a path; `size` is in bytes, unpacked."""

    name: str
    size: int
    load: Callable[[], bytes] = field(repr=False, compare=False)

    def read(self) -> bytes:
        """Its bytes, within the limit of a file; raises UnreadableEntryError, SourceError where the import gets too large."""
        return self.load()


@dataclass(frozen=True, slots=True)
class Oversized:
    """A file of more than is ever read at once: it can be kept, piece by piece, but is not taken for an activity."""

    name: str
    size: int
    open_pieces: Callable[[], Iterator[bytes]] = field(repr=False, compare=False)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes in order, at most PIECE at once; raises as `Entry.read` does."""
        return self.open_pieces()


def by_kind(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The names by what they end in (`pdf`, `csv.gz`, "" for none), the kind of most names first."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        ending = _ENDING.search(name.rpartition("/")[2])
        found[ending[1].lower() if ending else ""].append(name)
    return {kind: tuple(found[kind]) for kind in sorted(found, key=lambda kind: (-len(found[kind]), kind))}


def fault(name: str, problem: Problem, detail: str) -> Fault:
    """A fault of the entry `name`, whatever characters that has."""
    return Fault("".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name), problem, detail)


def too_large(name: str, size: int, limits: ImportLimits) -> Fault:
    """The fault of an entry beyond the limit of a file; `size`: its bytes, or as many of them as were unpacked."""
    return fault(
        name,
        Problem.TOO_LARGE,
        f"{megabytes(size)} unpacked; files of more than {megabytes(limits.file_bytes)} are not read. To read it, raise "
        f"{IMPORT_FILE_LIMIT_MB}, import it again and run `strava-pipeline rebuild`",
    )


def nested(name: str) -> Fault:
    """The fault of an archive inside of what is read."""
    return fault(name, Problem.NESTED, "an archive of its own; unpack it and name it to read it")


def decoded(raw: bytes) -> str:
    """A name's bytes as text: UTF-8 where they are, as many archivers write it unsaid; the old code page otherwise."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def is_junk(name: str) -> bool:
    """Whether a file manager left it, not a person."""
    *folders, last = name.split("/")
    return not JUNK_FOLDERS.isdisjoint(folders) or last.startswith("._") or last.lower() in _JUNK_FILES


def is_nested(name: str) -> bool:
    """Whether its name is an archive's. What only looks like one by its content is for those who read it."""
    return name.lower().endswith((".zip", ".7z", ".rar", ".tar", ".tar.gz", ".tgz"))


def is_unsafe(name: str) -> bool:
    """Whether a name would lead out of a folder, were it taken for a path."""
    return name.startswith("/") or name[1:3] == ":/" or ".." in name.split("/")


class Meter:
    """One import, or one look at what would be one. `packed`: the size in bytes of an archive, None for files and folders."""

    def __init__(self, name: str, limits: ImportLimits, packed: int | None = None) -> None:
        self.limits = limits
        self._name, self._packed = name, packed
        self._total = 0

    def again(self) -> "Meter":
        """One that counts from zero: of a look at an archive before it is read."""
        return Meter(self._name, self.limits, self._packed)

    def add(self, size: int) -> None:
        """Raises SourceError where it is too much in all."""
        self._total += size
        if self._total > self.limits.total_bytes:
            raise SourceError(
                f"{printable(self._name)} unpacks to more than {megabytes(self.limits.total_bytes)}, so nothing of it was "
                f"imported. If it is yours and has to be that large, raise {IMPORT_LIMIT_MB}, or import it in parts."
            )
        if self._packed is not None and self._total > max(_RATIO_FROM, _RATIO * self._packed):
            raise SourceError(
                f"{printable(self._name)} unpacks to more than {_RATIO} times its size ({megabytes(self._total)}), as archives "
                "do that are made to fill a disk, so nothing of it was imported. If you trust it, unpack it and name the folder."
            )

    def metered(self, load: Callable[[], bytes]) -> Callable[[], bytes]:
        """`load`, counted the first time: what is read twice is there once."""
        return partial(_load, load, self, _Counted())

    def metered_pieces(self, open_pieces: Callable[[], Iterator[bytes]]) -> Callable[[], Iterator[bytes]]:
        """The same of what is read piece by piece."""
        return partial(_pieces, open_pieces, self, _Counted())


class _Counted:
    """How many bytes of an entry are in the total."""

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
