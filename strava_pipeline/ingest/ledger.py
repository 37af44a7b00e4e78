"""The budget's ledger on disk: counters per window in one small file that all processes share under a lock.

The numbers' meaning and the right to call are `budget.py`'s. A write puts one block of fixed size over the old one, so
a killed process leaves no half block; nothing is fsynced, because the next answer's headers restore any loss by a power
cut.
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
from strava_pipeline.environment.file_locks import exclusive

CEILINGS = tuple(Ceiling(pair, window) for pair in ("overall", "read") for window in ("15min", "day"))
PUBLISHED_LIMITS = {  # https://developers.strava.com/docs/rate-limits, defaults of a new application
    Ceiling("overall", "15min"): 200,
    Ceiling("overall", "day"): 2000,
    Ceiling("read", "15min"): 100,
    Ceiling("read", "day"): 1000,
}
BLOCK = 4096  # bytes, a page, so that no kill leaves half of it; four counters take some 500, a sharer some 55
MOST_SHARERS = 48  # those seen last: as many fit into a block with the longest numbers
KEPT_FOR = 3 * 86_400  # seconds without a call, after which a folder's line goes
LOCK_TIMEOUT = 30  # seconds; a holder needs well under a millisecond
POLL = 0.002  # seconds between tries while another process holds the lock
_GARBAGE = (ValueError, KeyError, TypeError, RecursionError)  # what decoding something else than a ledger raises

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counter:
    """One ceiling: its limit, the start of its window (epoch seconds) and the calls used in that window."""

    limit: int
    start: int = 0
    used: int = 0


@dataclass(slots=True)
class Sharer:
    """A data folder's use of the application's reading calls. Its meaning for others is `shares.py`'s.

    Args:
        daily, bulk: calls since midnight UTC: those of whole years are bulk, all others daily.
        daily_at, bulk_at: when it last made or wanted a call of the kind; epoch seconds at the server, 0: never.
        is_done: whether a daily run got everything it wanted today; other runs may make calls afterwards.
        wants: whether more is wanted of whole years: "no", "soon" (a run is at work), "later" (the day's limit stopped
            it).
    """

    daily: int = 0
    bulk: int = 0
    daily_at: int = 0
    bulk_at: int = 0
    is_done: bool = False
    wants: str = "no"

    @property
    def seen_at(self) -> int:
        """When it last made or wanted a call."""
        return max(self.daily_at, self.bulk_at)


WANTS = ("no", "soon", "later")  # as numbers in the file


@dataclass(slots=True)
class Ledger:
    """The counters of all ceilings, the last moment known in both the server's and the local time, and the sharers of
    the calls.
    """

    counters: dict[Ceiling, Counter] = field(
        default_factory=lambda: {ceiling: Counter(limit) for ceiling, limit in PUBLISHED_LIMITS.items()}
    )
    server: float | None = None
    local: float | None = None
    sharers: dict[str, Sharer] = field(default_factory=dict)

    def begin_day(self, day: int) -> None:
        """Reset the counts of each sharer's line last written before `day`, the beginning of today in epoch seconds.

        Lines without a call for days are removed, as are lines of a future that an emulator with another date left.
        """
        self.sharers = {who: each for who, each in self.sharers.items() if abs(each.seen_at - day) <= KEPT_FOR}
        for each in self.sharers.values():
            if each.seen_at < day:
                each.daily, each.bulk, each.is_done = 0, 0, False


@dataclass(frozen=True, slots=True)
class Sharing:
    """The folder that asks for calls, and for what; its share is determined by `shares.py`'s rules.

    Args:
        who: the folder's name in the ledger.
        bulk: whether it fetches whole years.
        quiet_day: the calls of a daily run that finds nothing new; 0: the asker takes no part in sharing.
    """

    who: str = ""
    bulk: bool = False
    quiet_day: int = 0

    def others(self, ledger: Ledger) -> list[Sharer]:
        """The lines of the other folders."""
        return [each for who, each in ledger.sharers.items() if who != self.who]

    def note(self, ledger: Ledger, now: float, *, calls: int = 0, until_tomorrow: bool = False) -> None:
        """Record in the ledger that the folder wants calls, and made `calls`; `until_tomorrow`: the day's limit stopped it."""
        if not self.who or not self.quiet_day:
            return
        mine = ledger.sharers.setdefault(self.who, Sharer())
        if self.bulk:
            mine.bulk, mine.bulk_at = max(mine.bulk + calls, 0), int(now)
            mine.wants = "later" if until_tomorrow else "soon"
        else:
            mine.daily, mine.daily_at = max(mine.daily + calls, 0), int(now)

    def note_done(self, ledger: Ledger) -> None:
        """Record in the ledger that the run got everything it wanted."""
        if (mine := ledger.sharers.get(self.who)) is None:
            return
        if self.bulk:
            mine.wants = "no"
        else:
            mine.is_done = True


class LedgerFile:
    """Opens the application's ledger under its lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: tuple[bytes, Ledger] | None = None

    @contextmanager
    def open(self, now: datetime) -> Iterator[Ledger]:
        """The ledger, locked; written back unless an error leaves the body. Garbage is set aside, named by `now`."""
        lock = Path(f"{self._path}.lock")
        with ExitStack() as held:
            try:
                is_new = not lock.exists()
                held.enter_context(exclusive(lock, timeout=LOCK_TIMEOUT, poll=POLL))
                if is_new:
                    _share_with_group(lock)
            except OSError as error:
                raise self._unusable(error) from error
            ledger = self._read(now)
            self._written = None  # the body changes `ledger`
            yield ledger
            block = json.dumps(_encode(ledger)).encode().ljust(BLOCK)
            self._write(block)
            self._written = (block, ledger)

    def own(self) -> Ledger | None:
        """The ledger as this object wrote it last, or None if it wrote none, or another process wrote since. Without lock."""
        if self._written is None:
            return None
        block, ledger = self._written
        try:
            return ledger if self._path.read_bytes() == block else None
        except OSError:
            return None

    def peek(self) -> Ledger:
        """The present ledger, without lock or trace; a new one if missing or garbage."""
        try:
            return _decode(json.loads(self._path.read_bytes()))
        except (FileNotFoundError, *_GARBAGE):
            return Ledger()
        except OSError as error:
            raise self._unusable(error) from error

    def is_garbage(self) -> bool:
        """Whether the file can't be understood; without lock or trace."""
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
            if self._written is not None and self._written[0] == raw:  # nobody else has written since
                return self._written[1]
            try:
                return _decode(json.loads(raw))
            except _GARBAGE:
                aside = self._path.with_name(f"{self._path.name}.corrupt-{now:%Y%m%dT%H%M%S%f}")
                self._path.replace(aside)
                log.warning("the rate budget's ledger was unreadable and was set aside as %s; a new one begins", aside)
                return Ledger()
        except FileNotFoundError:
            return Ledger()
        except OSError as error:
            raise self._unusable(error) from error

    def _write(self, block: bytes) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o644)
            try:
                size = os.fstat(descriptor).st_size
                if not size:
                    _share_with_group(self._path)
                os.pwrite(descriptor, block, 0)
                if size > len(block):
                    os.ftruncate(descriptor, len(block))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> PipelineError:
        return PipelineError(
            f"The rate budget's ledger {self._path} can't be kept: {error.strerror}. No call is made without it. Free some "
            "space, or let this user write to it, or set STRAVA_LEDGER_DIR to another folder."
        )


def _share_with_group(path: Path) -> None:
    """Let everyone who may write into the folder write the new file too, whatever the umask and this user's own group."""
    folder = path.parent.stat()
    with suppress(PermissionError):  # a group that this user is not in
        os.chown(path, -1, folder.st_gid)
    with suppress(PermissionError):  # another user was faster
        path.chmod(folder.st_mode & 0o666)


def _encode(ledger: Ledger) -> dict[str, Any]:
    windows = [
        [ceiling.pair, ceiling.window, counter.limit, counter.start, counter.used]
        for ceiling, counter in ledger.counters.items()
    ]
    sharers = {
        name: [each.daily, each.bulk, each.daily_at, each.bulk_at, int(each.is_done), WANTS.index(each.wants)]
        for name, each in sorted(ledger.sharers.items(), key=lambda each: -each[1].seen_at)[:MOST_SHARERS]
    }
    return {"version": 1, "server": ledger.server, "local": ledger.local, "windows": windows, "sharers": sharers}


def _decode(raw: dict[str, Any]) -> Ledger:
    if raw["version"] != 1:
        raise ValueError("a ledger of another version")
    ledger = Ledger(server=_moment(raw["server"]), local=_moment(raw["local"]))
    for pair, window, limit, start, used in raw["windows"]:
        counter = Counter(_whole(limit), _whole(start), _whole(used))
        if Ceiling(pair, window) not in ledger.counters or counter.limit < 1 or counter.used < 0:
            raise ValueError("a counter out of range")
        ledger.counters[Ceiling(pair, window)] = counter
    # the counters don't need it, and an earlier version writes only the counters
    with suppress(*_GARBAGE, AttributeError, IndexError):
        ledger.sharers = {name: _sharer(values) for name, values in raw.get("sharers", {}).items()}
    return ledger


def _sharer(values: list[Any]) -> Sharer:
    daily, bulk, daily_at, bulk_at, is_done, wants = map(_whole, values)
    return Sharer(daily, bulk, daily_at, bulk_at, bool(is_done), WANTS[wants])


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
