"""Strava's two pairs of rate limits, counted in natural windows of the emulator's clock.

A window is a quarter of an hour (:00, :15, :30, :45) or a UTC day, never a rolling one. Which calls count, and what a
refused caller is told, is decided in gate.py; here is only the counting.
"""

import re
from dataclasses import dataclass

from strava_pipeline.emulator.errors import EmulatorConfigError

QUARTER_SECONDS = 900  # Strava's short window, developers.strava.com/docs/rate-limits
DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls allowed in a quarter of an hour and in a day, for all calls and for reading ones."""

    overall_15min: int = 200  # the four defaults of a new application: developers.strava.com/docs/rate-limits
    overall_day: int = 2000
    read_15min: int = 100
    read_day: int = 1000

    def __post_init__(self) -> None:
        if min(self.overall_15min, self.overall_day, self.read_15min, self.read_day) < 1:
            raise EmulatorConfigError("Limits must be whole numbers above zero, or 'off'.")

    @classmethod
    def parse(cls, text: str) -> "Limits | None":
        """`overall15,overallDay/read15,readDay`, as in 200,2000/100,1000; `off` is None."""
        if text.strip().lower() == "off":
            return None
        match = re.fullmatch(r"(\d+),(\d+)/(\d+),(\d+)", re.sub(r"\s", "", text))
        if not match:
            raise EmulatorConfigError(
                f"Limits {text!r} can't be read: write overall15,overallDay/read15,readDay as in 200,2000/100,1000, "
                "or off."
            )
        return cls(*(int(number) for number in match.groups()))


# "off": told as limits that nobody reaches, because a client that sees no headers must assume Strava's defaults
UNLIMITED = Limits(1_000_000, 100_000_000, 1_000_000, 100_000_000)


class Usage:
    """How many calls were counted in the current windows, and whether one more is allowed.

    Every call counts in the overall pair, and all but edits in the reading one.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._quarter = self._day = -1
        self._in_quarter = self._in_day = 0
        self._read_in_quarter = self._read_in_day = 0

    def count(self, epoch: float, *, reads: bool = True) -> bool:
        """Count one call; False if a limit was already used up (the refused call is counted all the same)."""
        self._roll(epoch)
        self._add(1, reads=reads)
        limits = self.limits
        overall = self._in_quarter <= limits.overall_15min and self._in_day <= limits.overall_day
        read = self._read_in_quarter <= limits.read_15min and self._read_in_day <= limits.read_day
        return overall and (read or not reads)

    def give_back(self, *, reads: bool = True) -> None:
        """Uncount the call that was counted last: it was answered with 401."""
        self._add(-1, reads=reads)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The four headers of every counted answer, the call itself included."""
        limits = self.limits
        return [
            (b"x-ratelimit-limit", b"%d,%d" % (limits.overall_15min, limits.overall_day)),
            (b"x-ratelimit-usage", b"%d,%d" % (self._in_quarter, self._in_day)),
            (b"x-readratelimit-limit", b"%d,%d" % (limits.read_15min, limits.read_day)),
            (b"x-readratelimit-usage", b"%d,%d" % (self._read_in_quarter, self._read_in_day)),
        ]

    def _add(self, calls: int, *, reads: bool) -> None:
        self._in_quarter += calls
        self._in_day += calls
        if reads:
            self._read_in_quarter += calls
            self._read_in_day += calls

    def _roll(self, epoch: float) -> None:
        quarter, day = int(epoch // QUARTER_SECONDS), int(epoch // DAY_SECONDS)
        if quarter != self._quarter:
            self._quarter, self._in_quarter, self._read_in_quarter = quarter, 0, 0
        if day != self._day:
            self._day, self._in_day, self._read_in_day = day, 0, 0
