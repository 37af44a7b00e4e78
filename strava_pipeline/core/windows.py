"""Which stretch of time a listing asks for, and when a number of calls will be done. Pure: "now" is an argument.

Strava's `after` and `before` are exclusive epoch seconds and compare `start_date`, the instant. An athlete's year is
that of the local start, up to 14 hours apart, so a year's window is a day wider on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strava_pipeline.core.years import YearRange

_MARGIN = timedelta(days=1)  # zones reach from -12 to +14 hours


def year_window(year: int, years: YearRange) -> tuple[int | None, int | None]:
    """(after, before) that hold the local year; the first partition has no start and the newest no end."""
    after = None if year <= years.first else int((_new_year(year) - _MARGIN).timestamp())
    before = None if year >= years.newest else int((_new_year(year + 1) + _MARGIN).timestamp())
    return after, before


def years_since(start: datetime | None, years: YearRange) -> list[int]:
    """The partitions that a listing from `start` may touch; all of them where it has no start."""
    first = years.first if start is None else years.clamp((start - _MARGIN).year)
    return years.since(first)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one limit still lets through: `left` calls now, `limit` in each later window of `length`."""

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


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)
