"""Writing a file so that it is there whole or not at all, and survives a power cut; reading what was packed into one."""

import gzip
import io
import os
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl

from strava_pipeline.core.json_text import parse_json


def write_whole(path: Path, content: bytes) -> None:
    """Write to a temporary file beside `path`, fsync, rename, fsync the folder. What fails leaves nothing behind.

    Folders are made where they are missing.
    """
    folder = path.parent
    temporary = folder / f".{path.name}.{os.getpid()}.tmp"
    try:
        try:
            file = temporary.open("wb")
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
            file = temporary.open("wb")
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _cleared(error, path, temporary) from None
    sync_folder(folder)


def write_rows(path: Path, rows: pl.DataFrame, compression: Literal["lz4", "zstd"], metadata: dict[str, str]) -> int:
    """Write a Parquet file so that it is there whole or not at all; its size.

    Polars tells a full disk as a fault of the format, so it writes into memory only.
    """
    packed = io.BytesIO()
    rows.write_parquet(packed, compression=compression, metadata=metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(packed.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _cleared(error, path, temporary) from None
    return packed.tell()


def _cleared(error: OSError, path: Path, temporary: Path) -> OSError:
    """The error with its file's name, which a full disk doesn't tell; half a file would keep that disk full."""
    with suppress(OSError):
        temporary.unlink()
    error.filename = str(path)
    return error


def sweep_unfinished(folder: Path) -> None:
    """Delete what `write_whole` was writing below `folder` in processes that are no more."""
    for path in folder.rglob(".*.tmp"):
        process = path.suffixes[-2][1:] if len(path.suffixes) > 1 else ""
        if process.isdigit() and not _is_alive(int(process)):
            path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename or a new file in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def packed(body: bytes, at: datetime) -> bytes:
    """`body`, gzip-compressed; the header's time is `at`, so the same answer always gives the same bytes."""
    return gzip.compress(body, compresslevel=6, mtime=int(at.timestamp()))


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


class DamagedFileError(ValueError):
    """What is in a file is no longer what was put there: no gzip, or no JSON in it."""


def unpacked_json(path: Path) -> Any:
    """The JSON that `packed` went into `path`; DamagedFileError if that can't be read, OSError without the file."""
    try:
        return parse_json(unpacked(path))
    except (gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise DamagedFileError(f"{path} is damaged ({type(error).__name__})") from error


def packed_at(path: Path) -> datetime:
    """The time in a gzip header, to the second (RFC 1952: four bytes from offset 4)."""
    with path.open("rb") as file:
        return datetime.fromtimestamp(int.from_bytes(file.read(8)[4:8], "little"), UTC)


_STAMP = "%Y%m%dT%H%M%S%fZ"


def stamp(at: datetime) -> str:
    """A moment as it stands in file names: sorts like time, to the microsecond, in UTC."""
    return at.astimezone(UTC).strftime(_STAMP)


def from_stamp(text: str) -> datetime:
    """The moment in a file name made by `stamp`; ValueError where it is none."""
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
