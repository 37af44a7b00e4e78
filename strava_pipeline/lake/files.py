"""Atomic writes that survive a power cut, and reading packed files."""

import gzip
import io
import logging
import os
import re
import shutil
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from fcntl import ioctl
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeVar

from strava_pipeline.core.json_values import parse_json
from strava_pipeline.environment.file_locks import (
    is_at,
    sync_file,  # all who write to the lake take them from here
    try_lock,
    wait_for_lock,
)
from strava_pipeline.environment.file_locks import sync_folder as sync_folder

if TYPE_CHECKING:
    import polars as pl  # what only asks for a lock must not load it
    from pydantic import BaseModel  # nor this

RecordT = TypeVar("RecordT", bound="BaseModel")
log = logging.getLogger(__name__)
_FICLONE = 0x40049409  # from linux/fs.h; btrfs, XFS and others know it, ext4 and tmpfs refuse it


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary file next to `path`, fsync, rename, fsync the folder. A failure leaves nothing behind.

    Missing folders are created.
    """
    write_unsynced(path, content)
    sync_folder(path.parent)


def write_rows(path: Path, rows: "pl.DataFrame", compression: Literal["lz4", "zstd"], metadata: dict[str, str]) -> int:
    """Write a Parquet file, whole or not at all; its size in bytes.

    Polars reports a full disk as a fault of the format, so it writes to memory only.
    """
    packed = io.BytesIO()
    rows.write_parquet(packed, compression=compression, metadata=metadata)
    with packed.getbuffer() as content:  # else an error would keep it, and its collection complain later
        write_unsynced(path, content)
        return len(content)


def copy_file(source: Path, target: Path) -> None:
    """Copy a file's bytes to a new file, which is not synced; a failure leaves no target behind.

    If the file system can, both share the bytes until one is changed, which costs neither time nor space.
    """
    try:
        if not _is_cloned(source, target):
            shutil.copyfile(source, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _is_cloned(source: Path, target: Path) -> bool:
    """Clone the file if the file system supports it and source and target are on the same one; returns whether it did."""
    with suppress(OSError):
        _clone(source, target)
        return True
    return False


def _clone(source: Path, target: Path) -> None:
    """Make `target` share the bytes of `source`, at no cost whatever their number. Raises OSError if impossible."""
    if sys.platform == "darwin":
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        if library.clonefile(os.fsencode(source), os.fsencode(target), 0):
            raise OSError(ctypes.get_errno(), "can't be cloned", str(target))
        os.utime(target)  # else it has the times of its source
        return
    with source.open("rb") as shared, target.open("xb") as file:
        ioctl(file, _FICLONE, shared.fileno())


def write_unsynced(path: Path, content: bytes | memoryview) -> None:
    """`write_whole` without syncing the folder: for many files, sync it once, before anything relies on them."""
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with held(temporary) as file:
            file.write(content)
            sync_file(file)
            temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()  # half a file would keep a full disk full
        error.filename = str(path)  # missing in the error of a full disk
        raise error from None


def append_line(path: Path, line: bytes) -> None:
    """Append a line with its newline, and fsync the file; a line torn by a power cut stays on a line of its own.

    A missing folder is created. The caller syncs the folder, and prevents others from appending meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
            line = b"\n" + line  # ends a torn line
        file.write(line)
        sync_file(file)


def set_aside(path: Path) -> None:
    """Rename a damaged file that can be made again, so that nothing reads it, and say so."""
    path.replace(path.with_suffix(".damaged"))
    log.warning("%s can't be read. It is set aside, and made anew.", path)


@contextmanager
def held(path: Path) -> Iterator[BinaryIO]:
    """The emptied file `path`, opened for writing and locked during the body (see `has_no_holder`).

    The kernel frees the lock when the process dies. Missing folders are created.
    """
    while True:
        try:
            file = path.open("wb")
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            sync_folder(path.parent.parent)
            continue
        with file:
            wait_for_lock(file.fileno())
            if is_at(path, file.fileno()):  # else it was deleted in between
                yield file
                return


def has_no_holder(path: Path, *, clear: bool = False) -> bool:
    """Whether `path` exists and no live process has it `held`; `clear`: then delete it."""
    try:
        with path.open("rb") as file:
            if not try_lock(file.fileno()):
                return False
            if clear:
                path.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    return True


def sweep_unfinished(folder: Path) -> None:
    """Delete unfinished files of dead processes below `folder`."""
    for path in folder.rglob(".*.tmp"):
        if _UNFINISHED.fullmatch(path.name):
            has_no_holder(path, clear=True)


_UNFINISHED = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # as `write_unsynced` names it


def nearest(path: Path) -> Path:
    """The path, or its nearest existing ancestor."""
    while not path.exists():
        path = path.parent
    return path


def bytes_free(path: Path) -> int:
    """Free bytes on the disk of a path that may not exist yet."""
    return shutil.disk_usage(nearest(path)).free


def packed(body: bytes, at: datetime, number: int | None = None) -> bytes:
    """`body`, gzip-compressed; the header's time is `at`, so the same answer always gives the same bytes.

    `number` goes into the header, too, as an extra field (RFC 1952, 2.3.1.1).
    """
    whole = gzip.compress(body, compresslevel=6, mtime=int(at.timestamp()))
    if number is None:
        return whole
    extra = _NUMBER + struct.pack("<HQ", 8, number)
    return whole[:3] + bytes([_HAS_EXTRA]) + whole[4:10] + struct.pack("<H", len(extra)) + extra + whole[10:]


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


class DamagedFileError(ValueError):
    """A file's content is no longer what was written: not gzip, or not JSON."""


def unpacked_json(path: Path) -> Any:
    """The JSON in a packed file. Raises DamagedFileError if it can't be read, OSError if the file is missing."""
    try:
        return parse_json(unpacked(path))
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({type(error).__name__})") from error


def record_in(path: Path, of: type[RecordT]) -> RecordT | None:
    """The record in a file of JSON, which may be packed; None if the file is missing, damaged, or has no such record."""
    with suppress(OSError, ValueError):  # pydantic's errors are ValueErrors
        if path.suffix == ".gz":
            return of.model_validate(unpacked_json(path))
        return of.model_validate_json(path.read_bytes())
    return None


def packed_at(path: Path) -> tuple[datetime, int | None]:
    """The time in a gzip header, to the second (RFC 1952: four bytes from offset 4), and the number that `packed` put there."""
    with path.open("rb") as file:
        header = file.read(24)
    at = datetime.fromtimestamp(int.from_bytes(header[4:8], "little"), UTC)
    has_number = len(header) == 24 and header[3] == _HAS_EXTRA and header[12:14] == _NUMBER
    return at, int.from_bytes(header[16:24], "little") if has_number else None


_NUMBER, _HAS_EXTRA = b"SN", 4  # the extra field's name, and the header's flag for one
_STAMP = "%Y%m%dT%H%M%S%fZ"
_IS_STAMP = re.compile(r"[0-9]{8}T[0-9]{12}Z").fullmatch


def stamp(at: datetime) -> str:
    """A moment for file names: UTC, to the microsecond; sorts like time."""
    return at.astimezone(UTC).strftime(_STAMP)


def from_stamp(text: str) -> datetime:
    """The moment in a file name made by `stamp`. Raises ValueError for other text."""
    if not _IS_STAMP(text):
        raise ValueError(f"{text} is no moment as file names have it")
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    hour, minute, second = int(text[9:11]), int(text[11:13]), int(text[13:15])
    # strptime costs six times as much, and details are many
    return datetime(year, month, day, hour, minute, second, int(text[15:21]), UTC)
