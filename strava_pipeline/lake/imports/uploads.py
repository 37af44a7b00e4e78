"""A file on its way into a folder such as the drop folder, data/inbox/files: under a hidden name until all of it is on disk.

Existing files stay: the same bytes under the same name are not kept twice, other bytes under that name get the next
free one, or are refused.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.limits import MEGABYTE, megabytes
from strava_pipeline.core.text import turns_direction
from strava_pipeline.lake.files import bytes_free, has_no_holder, held, sync_folder
from strava_pipeline.lake.paths import Lake

LONGEST_NAME = 200  # bytes in UTF-8; a file system takes 255, and a number may be added
SPARE = 500 * MEGABYTE  # of the disk, that stay free
_HEAD = 65_536  # bytes in which the first element of a document stands, after whatever comments
_DOCUMENT = re.compile(rb"<(?:\w+:)?(gpx|trainingcenterdatabase|kml)[\s>]", re.IGNORECASE)
_PACKED = {b"PK\x03\x04": (".zip", ".kmz"), b"\x1f\x8b": (".gz",)}  # by how they begin, the names that they may have


class NoRoomError(PipelineError):
    """The disk has no room for a file."""


class UnknownKindError(MisuseError):
    """A file that is none of those that are read."""


@dataclass(slots=True)
class Upload:
    """A file that is being written: `size` bytes in the end, under `name` or, if `renames`, a similar one.

    `check` looks at the complete file and raises MisuseError for one that isn't allowed in the folder.
    """

    name: str
    size: int
    check: Callable[[Path], object]
    renames: bool
    _path: Path
    _file: BinaryIO
    _hash: Any = field(default_factory=sha256)

    @property
    def digest(self) -> str:
        """The SHA-256 of what was written."""
        return str(self._hash.hexdigest())

    def name_by_kind(self, piece: bytes) -> None:
        """Add the ending of its kind, by its first bytes, to a name that lacks it. Raises UnknownKindError."""
        endings = _endings(piece)
        if not endings:
            raise UnknownKindError("The file is no FIT, GPX, TCX or KML, and no zip of them; it was not kept.")
        if not self.name.lower().endswith(endings):
            self.name += endings[0]

    def write(self, piece: bytes) -> None:
        """Append bytes. Raises OSError."""
        self._file.write(piece)
        self._hash.update(piece)

    def finish(self) -> str:
        """Make the file visible, and return its name. Raises MisuseError if its size differs or it isn't allowed, and OSError."""
        self._file.flush()
        if self._file.tell() != self.size:
            raise MisuseError("The file did not come whole, so it was not kept. Send it again.")
        self.check(self._path)
        os.fsync(self._file.fileno())
        for number in count(1):
            target = self._path.with_name(_numbered(self.name, number))
            try:
                _put(self._path, target)
            except FileExistsError:
                if not self._is_same(target):
                    if self.renames:
                        continue
                    raise MisuseError(f"Another {target.name} is there. Remove that one, or rename yours.") from None
            else:
                sync_folder(target.parent)
            return target.name
        raise AssertionError

    def _is_same(self, path: Path) -> bool:
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest() == self.digest


@contextmanager
def uploading(lake: Lake, name: str, size: int) -> Iterator[Upload]:
    """A file of the drop folder called `name`; see `uploading_into`. Raises MisuseError also for a name that isn't allowed."""
    # an import keeps the bytes once more, in bronze
    with uploading_into(lake.inbox_files, _checked(name), size, needs=2 * size) as upload:
        yield upload


@contextmanager
def uploading_into(
    folder: Path,
    name: str,
    size: int,
    *,
    needs: int,
    check: Callable[[Path], object] = lambda path: None,
    renames: bool = True,
) -> Iterator[Upload]:
    """A file of `size` bytes; removed unless the body finishes it.

    Args:
        needs: bytes that the disk must have free, beside SPARE.
        check, renames: of `Upload`.
    Raises:
        NoRoomError, OSError.
    """
    for path in folder.glob(".upload-*.tmp"):
        has_no_holder(path, clear=True)  # left by a process that was killed
    free = bytes_free(folder)
    if free < needs + SPARE:
        raise NoRoomError(
            f"The file has {megabytes(size)}, and the disk of the data folder {megabytes(free)} free: with {megabytes(SPARE)} to "
            f"spare, {megabytes(needs + SPARE)} are needed. Nothing was kept; make room there."
        )
    path = folder / f".upload-{token_hex(4)}.tmp"
    with held(path) as file:
        try:
            yield Upload(name, size, check, renames, path, file)
        finally:
            path.unlink(missing_ok=True)


def _put(path: Path, target: Path) -> None:
    """Give a file its name. Raises FileExistsError."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # a disk without such links
        target.open("xb").close()
        path.replace(target)


def _endings(head: bytes) -> tuple[str, ...]:
    """The endings of names that files have which begin so; empty for a kind that is not read."""
    if packed := next((endings for sign, endings in _PACKED.items() if head.startswith(sign)), None):
        return packed
    if head[8:12] == b".FIT":
        return (".fit",)
    found = _DOCUMENT.search(head[:_HEAD])
    kind = found[1].decode().lower() if found else ""
    return (f".{'tcx' if kind.startswith('training') else kind}",) if kind else ()


def _checked(name: str) -> str:
    name = unicodedata.normalize("NFC", name)
    is_path = name.startswith(".") or "/" in name or "\\" in name
    is_odd = turns_direction(name) or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name)
    if not name or is_path or is_odd:
        raise MisuseError("The file's name can't be used here. Rename the file, and send it again.")
    if len(name.encode()) > LONGEST_NAME:
        raise MisuseError(f"The file's name is longer than {LONGEST_NAME} bytes. Rename the file, and send it again.")
    return name


def _numbered(name: str, number: int) -> str:
    """`ride.fit.gz`, `ride-2.fit.gz`, …"""
    if number == 1:
        return name
    packed = name[-3:] if name.lower().endswith(".gz") else ""
    path = Path(name.removesuffix(packed))
    return f"{path.stem}-{number}{path.suffix}{packed}"
