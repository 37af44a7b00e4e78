"""Limits that others set: Strava's rate limits, and the size of data from outside. Pure: records and their sentences.

Rate limits come from an answer's headers, with the windows they count in; counting, waiting and stopping are in
ingest/budget.py. Sizes are measured while data arrives; a size that an answer, a file or an archive declares is
ignored. A person sets the maximum sizes (settings.py); the defaults here are the same.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

QUARTER = timedelta(minutes=15)  # https://developers.strava.com/docs/rate-limits: windows at :00, :15, :30, :45
DAY = timedelta(days=1)  # same page: the daily window ends at midnight UTC


@dataclass(frozen=True, slots=True)
class LimitPair:
    """The limits and usages of one pair of windows, in calls."""

    limit_15min: int
    usage_15min: int
    limit_day: int
    usage_day: int

    def __post_init__(self) -> None:
        if min(self.limit_15min, self.limit_day) < 1 or min(self.usage_15min, self.usage_day) < 0:
            raise ValueError(f"limits are at least 1 and usages at least 0, not {self}")


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits in one answer: `overall` counts every call, `read` all but uploads. None: the answer has none."""

    overall: LimitPair | None
    read: LimitPair | None


def parse_rate_limits(headers: Mapping[str, str]) -> RateLimits:
    """The limits in an answer's headers, in upper or lower case; a pair that is absent or malformed is None.

    # overall: 12 of 200 calls in 15 minutes and 340 of 2000 today; read: None
    parse_rate_limits({"x-ratelimit-limit": "200,2000", "x-ratelimit-usage": "12,340"})
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    return RateLimits(overall=_pair(lowered, "x-ratelimit"), read=_pair(lowered, "x-readratelimit"))


def quarter_start(now: datetime) -> datetime:
    """The start (UTC) of the 15-minute window that holds the instant `now`."""
    moment = _utc(now)
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Allowance:
    """The calls that one limit still allows: `left` now, `limit` in each later window of `length`."""

    left: int
    limit: int
    resets_at: datetime
    length: timedelta


def done_at(calls: int, allowances: Sequence[Allowance], now: datetime, per_call: timedelta) -> datetime:
    """The end (UTC) of `calls` more calls under all `allowances`, if each takes at least `per_call`."""
    at = now
    left = [allowance.left for allowance in allowances]
    resets = [allowance.resets_at for allowance in allowances]
    while True:
        room = max(min([calls, *left]), 0)  # a limit can be overdrawn: refused calls count too
        at += per_call * room
        calls -= room
        if calls <= 0 or any(allowance.limit <= 0 for allowance in allowances):
            return at
        left = [have - room for have in left]
        at = max(at, max(resets[place] for place, have in enumerate(left) if have <= 0))
        for place, allowance in enumerate(allowances):
            if resets[place] <= at:
                left[place] = allowance.limit
                passed = (at - resets[place]) // allowance.length + 1
                resets[place] += allowance.length * passed


def _pair(headers: Mapping[str, str], prefix: str) -> LimitPair | None:
    limits = _two_numbers(headers.get(f"{prefix}-limit"))
    usages = _two_numbers(headers.get(f"{prefix}-usage"))
    if limits is None or usages is None or min(limits) < 1:
        return None
    return LimitPair(limits[0], usages[0], limits[1], usages[1])


def _two_numbers(text: str | None) -> tuple[int, int] | None:
    parts = [part.strip() for part in (text or "").split(",")]
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        return None
    return int(parts[0]), int(parts[1])


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; windows need an instant")
    return moment.astimezone(UTC)


MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class AnswerLimit:
    """The maximum size of an HTTP answer, in bytes unpacked. `setting`: its name; None if no honest answer comes near it."""

    most_bytes: int = 64 * MEGABYTE  # a day's streams, second by second, are some 10 MB
    setting: str | None = "STRAVA_ANSWER_LIMIT_MB"

    @property
    def exceeded(self) -> str:
        """The end of a sentence that begins with "the answer"."""
        what = f"is larger than {megabytes(self.most_bytes)}, measured unpacked"
        return f"{what}. If it has to be, raise {self.setting}" if self.setting else what


SMALL_ANSWER = AnswerLimit(1 * MEGABYTE, None)  # servers that answer with a number or a line send a kilobyte or two


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """The limits of imports: bytes, points, recordings of a file, bytes of an import, messages of a FIT file; all unpacked."""

    file_bytes: int = 100 * MEGABYTE  # the longest recordings of real archives stay below 60 MB
    points: int = 2_000_000  # 23 days of a point a second; 180 MB as a frame
    total_bytes: int = 100_000 * MEGABYTE  # real archives, photos included, have some gigabytes
    messages: int = 5_000_000  # one or two beside each point; a heart-rate monitor alone writes millions
    recordings: int = 20_000  # more than a life has; each takes some 15 ms, however short it is

    @property
    def file_exceeded(self) -> str:
        """The message for a file larger than `file_bytes`."""
        return f"It is larger than {megabytes(self.file_bytes)} unpacked; it was not read."

    @property
    def points_exceeded(self) -> str:
        """The message for a file with more than `points`, `messages` or `recordings`."""
        most = f"{self.points:,} points, {self.messages:,} messages or {self.recordings:,} recordings"
        return f"It holds more than {most}; what stands before is kept. Divide it for the rest."


# For data that was within the limits when it arrived.
UNLIMITED = ImportLimits(sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize)


@dataclass(frozen=True, slots=True)
class TripLimits:
    """The limits of encrypted trips: bytes of one column of a trip, as in the source, and of the trips in memory at once."""

    column_bytes: int = 100 * MEGABYTE  # 600,000 points; a week of a point a second
    bytes_at_once: int = 64 * MEGABYTE  # 400,000 points; a single trip may have more

    @property
    def exceeded(self) -> str:
        """The end of a sentence that begins with the name of a column."""
        return f"is larger than {megabytes(self.column_bytes)} and was not opened"


def megabytes(size: int) -> str:
    """A size in words, rounded up to whole megabytes, so that a size above a limit never looks like the limit."""
    return f"{-(-size // MEGABYTE):,} MB"
