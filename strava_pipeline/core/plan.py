"""The cost of a run in calls, by stage and year, and when its last call will have been made. Pure: "now" is an argument.

Counted, not forecast: a year that nobody has listed is unknown, and its calls are the fewest possible. Gathering the
counts is lake/gold/coverage.py's, printing verbs/plan.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import DAY, Allowance, done_at

PER_CALL = timedelta(seconds=0.5)  # a detail from Strava takes 0.3 to 0.7 s
PER_LOCAL_CALL = timedelta(seconds=0.004)  # from an emulator on this machine: 2,000 details took 8.7 s, written to disk
RESTART_NOTE = "if it is started again when a day's limit opens"  # appended when a day's limit ends the command


@dataclass(frozen=True, slots=True)
class YearPlan:
    """A year's counts. `activities`: not deleted (None: not counted); `details`: calls for those due.

    `is_known`: whole listings cover the year; otherwise there may be more of both.
    """

    year: int
    activities: int | None
    details: int
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of a run, or of several. `listing`: for listings of all years; `gear`: for gear never fetched.

    `per_call`: how long a call takes.
    """

    made_at: datetime
    years: tuple[YearPlan, ...]
    allowances: Mapping[Ceiling, Allowance] = field(repr=False)
    gear: int = 0
    listing: int = 0
    per_call: timedelta = PER_CALL

    @property
    def details(self) -> int:
        return sum(year.details for year in self.years)

    @property
    def calls(self) -> int:
        return self.listing + self.gear + self.details

    @property
    def is_known(self) -> bool:
        return all(year.is_known for year in self.years)

    @property
    def governing(self) -> Ceiling:
        """The limit that alone would end the work last; among equals the one with the fewest calls left."""

        def ends(ceiling: Ceiling) -> tuple[bool, datetime, int]:
            allowance = self.allowances[ceiling]
            end = done_at(self.calls, [allowance], self.made_at, self.per_call)
            return not _allows_all(self.calls, allowance), end, -allowance.left

        return max(self.allowances, key=ends)

    @property
    def done_at(self) -> datetime | None:
        """When the last call will have been made (UTC), or None if a limit keeps back all of its calls."""
        return finish_time(self.calls, list(self.allowances.values()), self.made_at, self.per_call)

    @property
    def needs_another_day(self) -> bool:
        """Whether a day's limit ends the command before all calls are made."""
        return exceeds_a_day(self.calls, list(self.allowances.values()))

    @property
    def days(self) -> int | None:
        """The number of days with calls, in UTC as Strava's limits count days."""
        end = self.done_at
        if end is None:
            return None
        last = max(end - timedelta(microseconds=1), self.made_at)  # an end at midnight is not the next day
        return (last.date() - self.made_at.date()).days + 1 if self.calls else 0


def listing_calls(activities: int, per_page: int) -> int:
    """The pages of a listing of that many activities, including the empty page that ends it."""
    return -(-activities // per_page) + 1


def finish_time(calls: int, allowances: Sequence[Allowance], now: datetime, per_call: timedelta) -> datetime | None:
    """`done_at`, or None where a limit never allows all calls."""
    if not all(_allows_all(calls, allowance) for allowance in allowances):
        return None
    return done_at(calls, allowances, now, per_call)


def exceeds_a_day(calls: int, allowances: Sequence[Allowance]) -> bool:
    """Whether a day's limit allows fewer calls. A command waits for shorter limits and stops at a day's."""
    return any(allowance.length >= DAY and allowance.left < calls for allowance in allowances)


def _allows_all(calls: int, allowance: Allowance) -> bool:
    return allowance.limit > 0 or allowance.left >= calls
