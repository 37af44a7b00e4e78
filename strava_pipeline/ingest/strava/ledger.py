"""The budget's ledger on disk: counters per window in one small file that all processes share under a lock.

Only keeping and locking stands here; what the numbers mean and who may call is `budget.py`. A write is one
block of fixed size put over the old one, so a killed process leaves no half of one; nothing is fsynced:
whatever a power cut loses, the next answer's headers bring back.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import Ceiling, PipelineError

CEILINGS = tuple(Ceiling(pair, window) for pair in ("overall", "read") for window in ("15min", "day"))
PUBLISHED_LIMITS = {  # https://developers.strava.com/docs/rate-limits, defaults of a new application
    Ceiling("overall", "15min"): 200,
    Ceiling("overall", "day"): 2000,
    Ceiling("read", "15min"): 100,
    Ceiling("read", "day"): 1000,
}
BLOCK = 1024  # bytes; the fullest ledger takes about 500
LOCK_TIMEOUT = 30  # seconds; a holder needs well under a millisecond
POLL = 0.002  # seconds between tries while another process holds the lock
_GARBAGE = (ValueError, KeyError, TypeError, RecursionError)  # what decoding something else than a ledger raises

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counter:
    """One ceiling: its limit, the start of its window (epoch seconds) and the calls used in it."""

    limit: int
    start: int = 0
    used: int = 0


@dataclass(slots=True)
class Ledger:
    """The counters of all ceilings, and the last moment known in both the server's and the local time."""

    counters: dict[Ceiling, Counter] = field(
        default_factory=lambda: {ceiling: Counter(limit) for ceiling, limit in PUBLISHED_LIMITS.items()}
    )
    server: float | None = None
    local: float | None = None


class LedgerFile:
    """Opens the ledger under its lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[bytes, Ledger] | None = None

    @contextmanager
    def open(self, now: datetime) -> Iterator[Ledger]:
        """The ledger, locked; written back unless an error leaves. Garbage is set aside, named by `now`."""
        lock = self._lock()
        try:
            ledger = self._read(now)
            self._written = None  # not what is in `ledger` any more as soon as the body changes it
            yield ledger
            self._written = (self._write(ledger), ledger)
        finally:
            os.close(lock)

    def _lock(self) -> int:
        """A descriptor that holds the lock until it is closed. flock(2) itself: it is taken twice a call, and filelock
        spends 75 µs each time, a twentieth of all that a call may cost.
        """
        try:
            descriptor = self._open_lock()
        except OSError as error:
            raise self._unwritable(error) from error
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    raise PipelineError(
                        f"{self._path}.lock has been held by another process for {LOCK_TIMEOUT} s; "
                        "end that process and try again."
                    ) from None
                time.sleep(POLL)
            else:
                return descriptor

    def _open_lock(self) -> int:
        flags = os.O_RDWR | os.O_CREAT
        try:
            return os.open(f"{self._path}.lock", flags, 0o644)
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(f"{self._path}.lock", flags, 0o644)

    def peek(self) -> Ledger:
        """The ledger as it is, without lock or trace; a fresh one where there is none or garbage."""
        try:
            return _decode(json.loads(self._path.read_bytes()))
        except (FileNotFoundError, *_GARBAGE):
            return Ledger()

    def is_garbage(self) -> bool:
        """Whether what is there can't be understood; without lock or trace."""
        try:
            _decode(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return False
        except _GARBAGE:
            return True
        return False

    def _read(self, now: datetime) -> Ledger:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return Ledger()
        if self._written is not None and self._written[0] == raw:  # nobody else was at it since
            return self._written[1]
        try:
            return _decode(json.loads(raw))
        except _GARBAGE:
            aside = self._path.with_name(f"{self._path.name}.corrupt-{now:%Y%m%dT%H%M%S%f}")
            self._path.replace(aside)
            log.warning("the rate budget's ledger was unreadable; set aside as %s, starting anew", aside)
            return Ledger()

    def _write(self, ledger: Ledger) -> bytes:
        block = json.dumps(_encode(ledger)).encode().ljust(BLOCK)
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                os.pwrite(descriptor, block, 0)
                if os.fstat(descriptor).st_size != len(block):
                    os.ftruncate(descriptor, len(block))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unwritable(error) from error
        return block

    def _unwritable(self, error: OSError) -> PipelineError:
        return PipelineError(
            f"The rate budget's ledger {self._path} can't be kept: {error.strerror}. No call is made without it; "
            "free some space or mend the folder's rights."
        )


def _encode(ledger: Ledger) -> dict[str, Any]:
    windows = [
        [ceiling.pair, ceiling.window, counter.limit, counter.start, counter.used]
        for ceiling, counter in ledger.counters.items()
    ]
    return {"version": 1, "server": ledger.server, "local": ledger.local, "windows": windows}


def _decode(raw: dict[str, Any]) -> Ledger:
    if raw["version"] != 1:
        raise ValueError("a ledger of another version")
    ledger = Ledger(server=_moment(raw["server"]), local=_moment(raw["local"]))
    for pair, window, limit, start, used in raw["windows"]:
        counter = Counter(_whole(limit), _whole(start), _whole(used))
        if Ceiling(pair, window) not in ledger.counters or counter.limit < 1 or counter.used < 0:
            raise ValueError("a counter out of range")
        ledger.counters[Ceiling(pair, window)] = counter
    return ledger


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 10**11:
        raise ValueError("not a whole number in range")
    return value


def _moment(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not abs(value) < 10**11:
        raise ValueError("not a moment")
    return float(value)
