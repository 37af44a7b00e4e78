"""Strava's rate limits: what the answer headers say, the windows they count in, and when a number of calls will be
done.

Pure: headers and instants come in, small frozen records come out. Counting, waiting and stopping are in
`ingest/strava/budget.py`.
"""

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
    """The limits in one answer: `overall` counts every call, `read` those that upload nothing. None: the answer has none."""

    overall: LimitPair | None
    read: LimitPair | None


def parse_rate_limits(headers: Mapping[str, str]) -> RateLimits:
    """The limits in an answer's headers, in upper or lower case; a pair that is absent or malformed is None."""
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
    """When `calls` more calls will have been made under all `allowances`, each taking `per_call` at least."""
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
