"""Locks between the processes of one machine: flock(2) on files. No other module asks the kernel for a lock.

The kernel releases a lock when the last descriptor of its open file is closed, hence also when its holder dies; a child
that inherits the descriptor holds the lock as well. What a lock protects, and the name of its holder, is up to the
callers. `sync_file` and `sync_folder` write to the disk before anything relies on it.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from strava_pipeline.core.errors import PipelineError

POLL = 0.05  # seconds between two attempts while a lock with a timeout is waited for


class LockHeldError(PipelineError):
    """Another process or thread held the lock until the timeout."""

    def __init__(self, path: Path | str, timeout: float) -> None:
        super().__init__(f"{path} has been held by another process for {timeout:g} s; end that process and try again.")


@dataclass(slots=True)
class _Held:
    descriptor: int
    depth: int = 0


class _HeldByThread(threading.local):
    def __init__(self) -> None:
        self.locks: dict[str, _Held] = {}


_held_by_thread = _HeldByThread()


@contextmanager
def exclusive(
    path: Path | str, *, timeout: float | None = None, poll: float = POLL, mode: int = 0o644
) -> Iterator[None]:
    """Hold the lock file `path`; the thread that holds it may take it again within the body.

    The file and its folders are created where they are missing, and stay. A lock file that another process deletes meanwhile
    is created again, so that all who wait meet at the same file.

    Args:
        timeout: seconds to wait; None waits without end, 0 tries once.
        poll: seconds between two attempts where there is a timeout.
        mode: permissions of a new file, less the umask.

    Raises:
        LockHeldError: the lock was still held by another at the end of `timeout`.
        OSError: the file can't be created or opened.
    """
    locks, key = _held_by_thread.locks, os.path.abspath(path)  # noqa: PTH100 - a fifth of pathlib's time, at each API call
    held = locks.get(key)
    if held is None:
        held = locks[key] = _Held(_acquired(key, timeout, poll, mode))
    held.depth += 1
    try:
        yield
    finally:
        held.depth -= 1
        if not held.depth:
            del locks[key]
            fcntl.flock(held.descriptor, fcntl.LOCK_UN)  # closing alone leaves it to a child that was forked meanwhile
            os.close(held.descriptor)


def wait_for_lock(descriptor: int) -> None:
    """Lock an open file exclusively until its descriptor is closed; waits without end."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock an open file until its descriptor is closed; returns False if another holds it (with `shared`: exclusively)."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether the lock file `path` exists and is held; two processes that ask at once are not taken for its holders."""
    try:
        with path.open("rb") as file:
            return not try_lock(file.fileno(), shared=True)
    except FileNotFoundError:
        return False


def is_at(path: Path | str, descriptor: int) -> bool:
    """Whether the open file is still the one at `path`, and was not deleted or moved."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))  # noqa: PTH116 - see `exclusive`
    except FileNotFoundError:
        return False


def is_open_in_duckdb(path: Path, *, for_writing: bool) -> bool:
    """Whether another process has a database open for writing, or, unless `for_writing`, open at all.

    DuckDB locks what it opens with fcntl(2) record locks, which flock does not see; so this asks for one.
    This process must not have the file open in DuckDB: closing any descriptor of a file releases its record locks.

    Raises:
        OSError: there is no such file, or it can't be opened.
    """
    mode, operation = ("rb", fcntl.LOCK_SH) if for_writing else ("rb+", fcntl.LOCK_EX)
    with path.open(mode) as file:
        try:
            fcntl.lockf(file, operation | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            return True
    return False


def _acquired(path: str, timeout: float | None, poll: float, mode: int) -> int:
    """A descriptor that holds the lock."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        descriptor = open_or_create(path, mode)
        try:
            if deadline is None:
                wait_for_lock(descriptor)
            elif not _try_until(deadline, descriptor, poll):
                raise LockHeldError(path, timeout or 0)
            if is_at(path, descriptor):  # else the file was deleted or moved while its lock was waited for
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def open_or_create(path: Path | str, mode: int = 0o644) -> int:
    """A descriptor for reading and writing of a file, which is created with its folders if it is missing."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, mode)
    except FileNotFoundError:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, mode)


def _try_until(deadline: float, descriptor: int, poll: float) -> bool:
    """Whether the lock was got before `deadline`, on the monotonic clock; it is tried once whatever the time."""
    while not try_lock(descriptor):
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(poll, left))
    return True


def sync_file(file: IO[Any]) -> None:
    """Make what was written to the open file durable."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make a rename, a new file or a deletion in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
