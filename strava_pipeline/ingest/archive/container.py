"""Opens a path that a person names: a zip, an unpacked folder or a single file. Names and sizes come at once, bytes on request.

Nothing is unpacked into a folder, and no name is ever used as a path; a nested archive, of the one kind that is opened,
lies in a temporary file without a name. The meaning of the entries is decided elsewhere.
"""

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, Self

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.text import turns_direction
from strava_pipeline.ingest.archive.entry import (
    JUNK_FOLDERS,
    PIECE,
    Entry,
    Fault,
    Meter,
    Oversized,
    Problem,
    UnreadableEntryError,
    decode_name,
    fault,
    is_junk,
    is_nested,
    nested_fault,
    too_large_fault,
)
from strava_pipeline.ingest.archive.uploads import holds_uploads
from strava_pipeline.ingest.archive.zip_entries import ZipEntries, archive_within, zip_entries

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


class Kind(StrEnum):
    """The kind of a path that a person named."""

    ZIP = "zip"
    FOLDER = "folder"
    FILE = "file"


@dataclass(slots=True)
class Container:
    """Entries in ascending order of names, and faults. Use it in a `with`: it may hold a file open."""

    path: Path
    kind: Kind
    entries: Sequence[Entry]
    faults: Sequence[Fault] = ()
    oversized: Sequence[Oversized] = ()  # larger than the limit of a file; each is among the faults too
    opened: Sequence[IO[bytes]] = field(default=(), repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def forget_size(self, names: Collection[str]) -> None:
        """Record that these files were read although they are larger than a file may be: their size isn't a fault."""
        self.faults = [each for each in self.faults if each.problem is not Problem.TOO_LARGE or each.name not in names]

    def close(self) -> None:
        """Close the files that it holds open."""
        for file in self.opened:
            file.close()


def open_container(path: Path, limits: ImportLimits = ImportLimits()) -> Container:
    """The contents of `path`. Raises SourceError if there is nothing to read.

    Reading its entries also raises SourceError once more than `limits` allow was read in all.
    """
    try:
        mode = path.stat().st_mode
        if turns_direction(path.name):
            return Container(path, Kind.FILE, (), (_misleading(path.name),))
        if stat.S_ISDIR(mode):
            return _walk(path, Meter(path.name, limits))
        if not stat.S_ISREG(mode):
            raise SourceError(f"{path} is neither a file nor a folder; name one that is.")
        file = path.open("rb")
    except FileNotFoundError:
        raise SourceError(f"There is no {path}; name a file or a folder that exists.") from None
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}.") from error
    try:
        if file.read(4) in _ZIP_STARTS:
            found = zip_entries(file, Meter(path.name, limits, packed=path.stat().st_size))
            opened = (file, *found.unpacked)
            return Container(path, Kind.ZIP, found.entries, found.faults, found.oversized, opened)
    except OSError as error:
        file.close()
        raise SourceError(f"{path} can't be read: {error.strerror}.") from error
    except UnreadableEntryError as error:
        file.close()
        raise SourceError(f"{path} is {error.fault.detail}.") from error
    except BaseException:
        file.close()
        raise
    file.close()
    return _single(path, Meter(path.name, limits))


def _single(path: Path, meter: Meter) -> Container:
    found = _file(path, path.name, path.stat().st_size, meter)
    if isinstance(found, Oversized):
        faults = (too_large_fault(path.name, found.size, meter.limits),)
        return Container(path, Kind.FILE, (), faults, oversized=(found,))
    return Container(path, Kind.FILE, (found,))


def _walk(top: Path, meter: Meter) -> Container:
    held = ZipEntries()

    def closed(error: OSError) -> None:
        name = Path(error.filename).relative_to(top).as_posix()
        held.faults.append(fault(name, Problem.FORBIDDEN, f"the folder can't be read: {error.strerror}"))

    for folder, folders, files in os.walk(top, onerror=closed):
        folders[:] = [name for name in folders if name not in JUNK_FOLDERS]
        for name in folders + files:
            path = Path(folder, name)
            found = _found(path, path.relative_to(top).as_posix(), meter)
            if isinstance(found, ZipEntries):
                held.add(found)
            elif isinstance(found, Entry):
                held.entries.append(found)
            elif isinstance(found, Oversized):
                held.oversized.append(found)
                held.faults.append(too_large_fault(found.name, found.size, meter.limits))
            elif found is not None:
                held.faults.append(found)
    held.sort()
    return Container(top, Kind.FOLDER, held.entries, held.faults, held.oversized, held.unpacked)


def _found(path: Path, name: str, meter: Meter) -> Entry | Oversized | Fault | ZipEntries | None:
    if is_junk(name):
        return None
    try:
        status = path.lstat()
    except OSError as error:
        return fault(name, Problem.FORBIDDEN, f"can't be read: {error.strerror}")
    if stat.S_ISLNK(status.st_mode):
        return fault(name, Problem.SYMLINK, "a link; links are not followed, name its target")
    if stat.S_ISDIR(status.st_mode):
        return None
    if not stat.S_ISREG(status.st_mode):
        return fault(name, Problem.NO_FILE, "not a file")
    if turns_direction(name):
        return _misleading(name)
    if holds_uploads(name):
        return archive_within(name, partial(_pieces, path, name), meter)
    if is_nested(name):
        return nested_fault(name)
    return _file(path, name, status.st_size, meter)


def _misleading(name: str) -> Fault:
    return fault(name, Problem.MISLEADING_NAME, "a name with marks that show it in another order; rename it")


def _file(path: Path, name: str, size: int, meter: Meter) -> Entry | Oversized:
    if size > meter.limits.file_bytes:
        return Oversized(_name(name), size, meter.metered_pieces(partial(_pieces, path, name)))
    return Entry(_name(name), size, meter.metered(partial(_load, path, name, meter.limits)))


def _load(path: Path, name: str, limits: ImportLimits) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(limits.file_bytes + 1)
    except OSError as error:
        raise UnreadableEntryError(fault(name, Problem.FORBIDDEN, f"can't be read: {error.strerror}")) from error
    if len(body) > limits.file_bytes:  # the file has grown
        raise UnreadableEntryError(too_large_fault(name, len(body), limits))
    return body


def _pieces(path: Path, name: str) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece
    except OSError as error:
        raise UnreadableEntryError(fault(name, Problem.FORBIDDEN, f"can't be read: {error.strerror}")) from error


def _name(name: str) -> str:
    """A file's name as text, whatever bytes the name has on the disk."""
    return decode_name(os.fsencode(name))
