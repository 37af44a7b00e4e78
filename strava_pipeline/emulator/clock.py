"""The emulator's own clock: a given start, plus elapsed real time times a speed, plus what was advanced by hand.

Everything that depends on time (tokens, limit windows, which activities exist yet, the Date header) asks this clock
and no other. The start comes in from outside; only the steady passing of time is read here.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate


class Clock:
    """Emulator time. `steady` is a monotonic clock in seconds; tests may pass their own."""

    def __init__(self, start: datetime, speed: float, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._base = start.timestamp()
        self._since = steady()
        self._speed = speed

    def epoch(self) -> float:
        """Now, in seconds since 1970-01-01 UTC."""
        return self._base + (self._steady() - self._since) * self._speed

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.epoch(), UTC)

    def http_date(self, ahead: float = 0) -> bytes:
        """Now, or so many seconds `ahead`, as the Date header writes it (whole seconds)."""
        return formatdate(self.epoch() + ahead, usegmt=True).encode()

    def advance(self, seconds: float) -> None:
        """Jump by so many seconds of emulator time."""
        self._base += seconds

    def set(self, moment: datetime) -> None:
        """Jump to a moment; from there time passes on at the same speed."""
        self._base, self._since = moment.timestamp(), self._steady()

    def set_speed(self, speed: float) -> None:
        """Let time pass `speed` times as fast as on the wall from now on."""
        self._base, self._since, self._speed = self.epoch(), self._steady(), speed
