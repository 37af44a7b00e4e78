"""The budget's ledger on disk: counters per window in one small file that all processes share under a lock.

Only keeping and locking stands here; what the numbers mean and who may call is `budget.py`. A write is one
block of fixed size put over the old one, so a killed process leaves no half of one; nothing is fsynced:
whatever a power cut loses, the next answer's headers bring back.
"""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import Ceiling, PipelineError
from strava_pipeline.file_locks import LockHeldError, exclusive

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
MOVED = ".moved"  # ending of a data folder's own ledger whose counters were taken over
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
    """Opens the ledger under its lock.

    `former`: the ledger that earlier versions kept in the data folder. The first opening merges it in and renames it. If it
    is there again later, an earlier version is still at work: its counts are merged in at each opening, with a warning.
    """

    def __init__(self, path: Path, former: Path | None = None) -> None:
        self._path = path
        self._former = former
        self._has_warned = False
        self._written: tuple[bytes, Ledger] | None = None

    @contextmanager
    def open(self, now: datetime) -> Iterator[Ledger]:
        """The ledger, locked; written back unless an error leaves. Garbage is set aside, named by `now`."""
        with self._locked(self._path):
            ledger = self._read(now)
            self._written = None  # not what is in `ledger` any more as soon as the body changes it
            if self._former is not None and self._former.exists():
                ledger = self._with_former(ledger, self._former)
            yield ledger
            self._written = (self._write(ledger), ledger)

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(exclusive(f"{path}.lock", timeout=LOCK_TIMEOUT, poll=POLL))
            except LockHeldError:
                raise PipelineError(
                    f"{path}.lock has been held by another process for {LOCK_TIMEOUT} s; end that process and try again."
                ) from None
            except OSError as error:
                raise _unusable(path, error) from error
            yield

    def peek(self) -> Ledger:
        """The ledger as it is, without lock or trace; a fresh one where there is none or garbage."""
        ledger = _peek(self._path)
        return ledger if self._former is None else merged(ledger, _peek(self._former))

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
        except OSError as error:
            raise _unusable(self._path, error) from error
        if self._written is not None and self._written[0] == raw:  # nobody else was at it since
            return self._written[1]
        try:
            return _decode(json.loads(raw))
        except _GARBAGE:
            aside = self._path.with_name(f"{self._path.name}.corrupt-{now:%Y%m%dT%H%M%S%f}")
            self._path.replace(aside)
            log.warning("the rate budget's ledger was unreadable; set aside as %s, starting anew", aside)
            return Ledger()

    def _with_former(self, ledger: Ledger, former: Path) -> Ledger:
        """The ledger with the counts of `former`, written before that is renamed: a crash between merges it once more."""
        with self._locked(former):
            ledger = merged(ledger, _peek(former))
            self._write(ledger)
            aside = former.with_name(f"{former.name}{MOVED}")
            if not aside.exists():
                try:
                    former.replace(aside)
                except FileNotFoundError:
                    pass  # another process was faster between the look and the lock
                except OSError as error:
                    raise _unusable(former, error) from error
            elif not self._has_warned:
                self._has_warned = True
                log.warning(
                    "An earlier version of strava_pipeline counts its calls in %s and does not see those in %s. "
                    "End that version, then delete the first file.",
                    former,
                    self._path,
                )
        return ledger

    def _write(self, ledger: Ledger) -> bytes:
        block = json.dumps(_encode(ledger)).encode().ljust(BLOCK)
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                size = os.fstat(descriptor).st_size
                os.pwrite(descriptor, block, 0)
                if size > len(block):
                    os.ftruncate(descriptor, len(block))
            finally:
                os.close(descriptor)
            if not size:
                self._share()
        except OSError as error:
            raise _unusable(self._path, error) from error
        return block

    def _share(self) -> None:
        """Let whoever may write into the folder write the new ledger as well, whatever the umask."""
        mode = self._path.parent.stat().st_mode & 0o666
        for path in (self._path, Path(f"{self._path}.lock")):
            with suppress(PermissionError):  # another user's, who made the lock and died before the ledger was there
                path.chmod(mode)


def merged(one: Ledger, other: Ledger) -> Ledger:
    """What two ledgers of one application come to: of each ceiling the later window, in the same window the higher count.

    Limits and the server's time are those of the ledger that saw the later answer.
    """
    newer = other if (other.server or 0.0) > (one.server or 0.0) else one
    counters = {}
    for ceiling in CEILINGS:
        start, used = max((ledger.counters[ceiling].start, ledger.counters[ceiling].used) for ledger in (one, other))
        counters[ceiling] = Counter(newer.counters[ceiling].limit, start, used)
    return Ledger(counters, newer.server, newer.local)


def _peek(path: Path) -> Ledger:
    try:
        return _decode(json.loads(path.read_bytes()))
    except (FileNotFoundError, *_GARBAGE):
        return Ledger()
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> PipelineError:
    return PipelineError(
        f"The rate budget's ledger {path} can't be kept: {error.strerror}. No call is made without it. Free some space, or "
        "let this user write to it, or set STRAVA_LEDGER_DIR to another folder."
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
