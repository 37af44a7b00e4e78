"""A journal of incoming data: one process appends lines durably, another reads on from where it stopped. And an inbox's lines.

A segment is a file that one writer appends to and holds locked. When it is full, a write to it failed, or its writer is
dead, it is closed, and nothing is added any more. Acknowledged lines are on disk: a line counts when its newline is
there, and a torn line at the end was never acknowledged. The meaning of a line is the reader's business.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex

from pydantic import AwareDatetime, BaseModel, ValidationError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.file_locks import try_lock
from strava_pipeline.lake.files import from_stamp, held, stamp, sync_folder

FULL = 4_000_000  # bytes of a segment: then the next one begins, so that read ones can be deleted
ROOM = 64_000_000  # bytes that may be unread, some 200,000 events: with more, a person has to find out why nobody reads
ENDING = ".ndjson"
ReadOffsets = Mapping[str, int]
"""How far a journal was read: bytes of each segment. Several writers may each have a segment."""


class JournalFullError(PipelineError):
    """More is unread than allowed: the reader has fallen behind, or there is none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its newline; it ends `offset` bytes after the beginning of `segment`."""

    content: bytes
    segment: str
    offset: int


class Writer:
    """Appends to a journal; for one thread. Each writer has segments of its own."""

    def __init__(self, folder: Path, *, most_waiting: int) -> None:
        """`most_waiting`: the maximum of unread bytes; beyond it, more is refused."""
        self._folder, self._most = folder, most_waiting
        self._segment: _Segment | None = None

    def append(self, lines: Sequence[bytes], at: datetime) -> None:
        """All of `lines` or none, on disk when this returns. Raises JournalFullError, or OSError (a full disk)."""
        size = sum(len(line) + 1 for line in lines)
        if waiting_bytes(self._folder) + size > self._most:
            raise JournalFullError(f"{self._folder} holds as much as it may ({self._most} bytes) that nobody has read.")
        if self._segment is None or self._segment.size >= FULL or not self._segment.is_there():
            self.close()
            self._segment = _Segment(self._folder, self._after_others(at))
        try:
            self._segment.append(b"".join(line + b"\n" for line in lines))
        except OSError:
            self.close()  # a reader may have read beyond its present end
            raise

    def _after_others(self, at: datetime) -> datetime:
        """A moment after the beginning of every other segment; they are read in this order, even where the clock was set back."""
        for newest in segments(self._folder)[-1:]:
            with suppress(ValueError):  # another program's file
                at = max(at, from_stamp(newest.name.partition("-")[0]) + timedelta.resolution)
        return at

    def close(self) -> None:
        """Close the segment; readers may delete it when they have read it."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None


class _Segment:
    def __init__(self, folder: Path, at: datetime) -> None:
        self.path = folder / f"{stamp(at)}-{os.getpid()}-{token_hex(2)}{ENDING}"
        self._holding = held(self.path)
        self._file = self._holding.__enter__().fileno()
        self.size = 0
        try:
            sync_folder(folder)
        except OSError:
            self.close()
            raise

    def append(self, content: bytes) -> None:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.size)  # half a batch was never acknowledged
            raise
        self.size += len(content)

    def is_there(self) -> bool:
        """Whether the file is still in its place: a person may have deleted or moved the folder."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; delete it if it is empty, as a disk that stays full would gather empty ones."""
        if not self.size:
            with suppress(OSError):
                self.path.unlink()
        self._holding.__exit__(None, None, None)


def waiting_bytes(folder: Path) -> int:
    """Bytes in all existing segments."""
    found = 0
    for path in segments(folder):
        with suppress(FileNotFoundError):  # read and deleted meanwhile
            found += path.stat().st_size
    return found


def unread(folder: Path, read: ReadOffsets) -> Iterator[Line]:
    """Every complete unread line that is not blank, segment by segment, in the order in which they were begun."""
    for path in segments(folder):
        offset = read.get(path.name, 0)
        with suppress(FileNotFoundError), path.open("rb") as file:  # read and deleted meanwhile
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                offset += len(line)
                if line.strip():
                    yield Line(line[:-1], path.name, offset)


def blank(folder: Path, is_gone: Callable[[bytes], bool]) -> None:
    """Overwrite lines with spaces in their place: readers count bytes, and a writer may be appending."""
    for path in segments(folder):
        with suppress(FileNotFoundError), path.open("r+b") as file:  # read and deleted meanwhile
            lines, offset, has_gone = file.readlines(), 0, False
            for line in lines:
                if line.endswith(b"\n") and line.strip() and is_gone(line[:-1]):
                    file.seek(offset)
                    file.write(b" " * (len(line) - 1))
                    has_gone = True
                offset += len(line)
            if has_gone:
                file.flush()
                os.fsync(file.fileno())


def has_unread(folder: Path, read: ReadOffsets) -> bool:
    """Whether there is an unread line."""
    return next(unread(folder, read), None) is not None


def delete_read(folder: Path, read: ReadOffsets) -> dict[str, int]:
    """Delete the closed segments whose lines were all read; returns how far the others were read.

    Bytes after the last complete line were never acknowledged.
    """
    left = {}
    for path in segments(folder):
        offset = read.get(path.name, 0)
        if not _delete_if_read(path, offset):
            left[path.name] = offset
    return left


def _delete_if_read(path: Path, offset: int) -> bool:
    """Delete a segment if it was read; returns whether it is gone. It is deleted under its lock, as a writer may be
    about to begin it.
    """
    try:
        with path.open("rb") as file:
            if not try_lock(file.fileno()):
                return False
            file.seek(offset)
            if any(line.strip() for line in file.read().split(b"\n")[:-1]):
                return False
            path.unlink()
    except FileNotFoundError:
        pass
    return True


def segments(folder: Path) -> list[Path]:
    """The journal's files in the order in which they were begun."""
    return sorted(folder.glob(f"*{ENDING}"))


class Received(BaseModel, frozen=True):
    """A line of an inbox: `received_at` by the intake's clock; `body` as it came over the wire, character for character."""

    received_at: AwareDatetime
    body: str

    @classmethod
    def line(cls, body: bytes, at: datetime) -> bytes:
        """The line for a body. Raises UnicodeDecodeError if the body is not UTF-8."""
        return cls(received_at=at, body=body.decode()).model_dump_json().encode()


def received(line: bytes) -> Received | None:
    """The content of an inbox's line, or None if it is damaged."""
    try:
        return Received.model_validate_json(line)
    except ValidationError:
        return None
