"""What a run costs in calls, by stage and year, and when its last call will have been made. Pure: "now" is an argument.

`plan_years` plans before the run: a `YearCount` for each year holds what is on disk, allowances hold what the limits
let through. A year that was never listed is estimated from its neighbours. `Forecast` corrects the plan during a
listing: training is not even over a year, so the activities received so far are compared month by month with the
athlete's other years, and without any with a plain summer and winter of their hemisphere. Gathering the counts is
lake/gold/coverage.py's, printing verbs/plan.py's.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil, cos, floor, log10, pi
from typing import Literal

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import DAY, Allowance, done_at
from strava_pipeline.core.text import counted

PER_CALL = timedelta(seconds=0.5)  # a detail from Strava takes 0.3 to 0.7 s
PER_LOCAL_CALL = timedelta(seconds=0.004)  # from an emulator on this machine: 2,000 details took 8.7 s, written to disk
SLACK = timedelta(days=2)  # a year listed up to yesterday is known; later activities are a call or two
DENSE = timedelta(days=30)  # a shorter stretch shows little of how often an athlete trains
SWING = 0.3  # how far July is above the mean, January below: an assumption; with 0, 200 of 700 gave a fifth too few
TEMPERATE = 45.0  # degrees of latitude of the full swing; nearer to the equator it is smaller
PRIOR = 60.0  # the weight of the plain season, in activities: a listed year of 200 outweighs it
LEAST, MOST = 2 / 3, 3 / 2  # of the expected rest; of 32 simulated athletes with 500 to 3,000 activities 0.73 to 1.33
RESTART_NOTE = "if it is started again when a day's limit opens"  # appended when a day's limit ends the command
_PEAK = 6.5  # mid-July, in months from the year's beginning

Basis = Literal["known", "estimated", "unknown"]


@dataclass(frozen=True, slots=True)
class YearCount:
    """What is on disk of a year.

    `activities`: present ones; `due`: those without a detail, or edited since it was fetched; `covered`: the time of
    the year that complete listings cover; `open`: the time up to now that none covers (before the athlete joined,
    nothing is expected). `landed`: pages of an unfinished listing of the year that a run would continue; `whole`:
    that listing has all its pages.
    """

    year: int
    activities: int
    due: int
    covered: timedelta
    open: timedelta
    landed: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class YearPlan:
    """The calls of a year. `activities` None: their number is unknown, and the calls are the fewest possible.

    `fewest`, `most`: the range of the calls where the year is estimated.
    """

    year: int
    basis: Basis
    activities: int | None
    listing: int
    details: int
    fewest: int | None = None
    most: int | None = None

    @property
    def calls(self) -> int:
        return self.listing + self.details

    def with_calls(self, more: int) -> "YearPlan":
        """The same plan with so many further calls to list."""
        fewest, most = (None if calls is None else calls + more for calls in (self.fewest, self.most))
        return replace(self, listing=self.listing + more, fewest=fewest, most=most)

    def without_listing(self) -> "YearPlan":
        """The same plan where one listing of several years brings the pages of this year."""
        fewest = None if self.fewest is None else max(self.fewest - self.listing, 0)
        return replace(self, listing=0, fewest=fewest, most=None if self.most is None else self.most - self.listing)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The range of all calls of a run, and when the last one is made (None: never)."""

    fewest: int
    most: int
    done_from: datetime | None
    done_to: datetime | None

    def __str__(self) -> str:
        return f"{_rounded(self.fewest, floor):,}–{_rounded(self.most, ceil):,} calls{self._when()}"

    def _when(self) -> str:
        if self.done_from is None:
            return ""
        first = f"{self.done_from:%Y-%m-%d %H:%M}"
        if self.done_to is None:
            return f", done {first} UTC at the earliest"
        if first == f"{self.done_to:%Y-%m-%d %H:%M}":
            return f", done about {first} UTC"
        same_day = self.done_to.date() == self.done_from.date()
        return f", done between {first} and {self.done_to:{'%H:%M' if same_day else '%Y-%m-%d %H:%M'}} UTC"


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls by stage and year. `listing`: of a listing over several years; `gear`: for gear never fetched.

    `per_call`: how long a call takes.
    """

    made_at: datetime
    years: tuple[YearPlan, ...]
    allowances: Mapping[Ceiling, Allowance] = field(repr=False)
    gear: int = 0
    listing: int = 0
    per_call: timedelta = PER_CALL

    @property
    def calls(self) -> int:
        return self.listing + self.gear + sum(year.calls for year in self.years)

    @property
    def basis(self) -> Basis:
        """The least certain basis of all years."""
        found = {year.basis for year in self.years}
        return "unknown" if "unknown" in found else "estimated" if "estimated" in found else "known"

    @property
    def bounds(self) -> Bounds | None:
        """The range of the calls, and when the last one is made; None unless the plan is estimated."""
        if self.basis != "estimated":
            return None
        apart = self.listing + self.gear
        fewest = apart + sum(year.calls if year.fewest is None else year.fewest for year in self.years)
        most = apart + sum(year.calls if year.most is None else year.most for year in self.years)
        allowances = list(self.allowances.values())
        done = (finish_time(calls, allowances, self.made_at, self.per_call) for calls in (fewest, most))
        return Bounds(fewest, most, *done)

    @property
    def governing(self) -> Ceiling:
        """The limit that alone would make the work end last; of several the one with the fewest calls left."""

        def ends(ceiling: Ceiling) -> tuple[bool, datetime, int]:
            allowance = self.allowances[ceiling]
            end = done_at(self.calls, [allowance], self.made_at, self.per_call)
            return not _allows_all(self.calls, allowance), end, -allowance.left

        return max(self.allowances, key=ends)

    @property
    def done_at(self) -> datetime | None:
        """When the last call will have been made (UTC); None: a limit whose calls are all kept back allows none."""
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


def plan_years(
    chosen: Sequence[int], counts: Mapping[int, YearCount], *, per_page: int, details: bool
) -> tuple[YearPlan, ...]:
    """The plan of each chosen year, newest first. More years in `counts` show how often the athlete trains."""
    return tuple(
        _plan(counts[year], counts.values(), per_page, details=details) for year in sorted(chosen, reverse=True)
    )


def share_listing(plans: Sequence[YearPlan], counts: Mapping[int, YearCount], per_page: int) -> tuple[YearPlan, ...]:
    """The plans of years that one listing brings: its pages, which few years fill to the end, are divided among them."""
    held = [counts[plan.year].activities if plan.activities is None else plan.activities for plan in plans]
    landed = max((counts[plan.year].landed for plan in plans), default=0)
    left = 0 if all(counts[plan.year].whole for plan in plans) else max(listing_calls(sum(held), per_page) - landed, 1)
    shared: list[YearPlan] = []
    for place, plan in enumerate(plans):
        of_year = left if place == len(plans) - 1 else min(left, held[place] // per_page)
        left -= of_year
        less = plan.listing - of_year
        fewest, most = (None if calls is None else max(calls - less, 0) for calls in (plan.fewest, plan.most))
        shared.append(replace(plan, listing=of_year, fewest=fewest, most=most))
    return tuple(shared)


def listing_calls(activities: int, per_page: int) -> int:
    """The pages of a listing with so many activities, and the empty page that ends it."""
    return -(-activities // per_page) + 1


def finish_time(calls: int, allowances: Sequence[Allowance], now: datetime, per_call: timedelta) -> datetime | None:
    """`done_at`, or None where a limit never allows all calls."""
    if not all(_allows_all(calls, allowance) for allowance in allowances):
        return None
    return done_at(calls, allowances, now, per_call)


def exceeds_a_day(calls: int, allowances: Sequence[Allowance]) -> bool:
    """Whether a day's limit allows fewer calls. A command waits for shorter limits and ends at a day's."""
    return any(allowance.length >= DAY and allowance.left < calls for allowance in allowances)


def _allows_all(calls: int, allowance: Allowance) -> bool:
    return allowance.limit > 0 or allowance.left >= calls


def _plan(count: YearCount, all_counts: Collection[YearCount], per_page: int, *, details: bool) -> YearPlan:
    basis, more = _expected(count, all_counts)

    def calls(more: int) -> tuple[int, int]:
        listing = 0 if count.whole else max(listing_calls(count.activities + more, per_page) - count.landed, 1)
        return listing, (count.due + more) * details

    listing, of_details = calls(more)
    fewest, most = (sum(calls(round_to(more * share))) for round_to, share in ((floor, LEAST), (ceil, MOST)))
    return YearPlan(
        year=count.year,
        basis=basis,
        activities=None if basis == "unknown" else count.activities + more,
        listing=listing,
        details=of_details,
        fewest=fewest if basis == "estimated" else None,
        most=most if basis == "estimated" else None,
    )


def _expected(count: YearCount, all_counts: Collection[YearCount]) -> tuple[Basis, int]:
    """The certainty of the counts, and the number of activities expected beyond them."""
    if count.whole or (count.covered and count.open <= SLACK):
        return "known", 0
    if not count.open:
        return "estimated", 0  # before the athlete joined
    rates = _rates_near(count.year, all_counts)
    if not rates:
        return "unknown", 0
    return "estimated", round(sum(rates) / len(rates) * (count.open / DAY))


def _rates_near(year: int, counts: Collection[YearCount]) -> list[float]:
    """Activities a day in the year itself if enough of it was listed, else in the nearest such years on both sides."""
    dense = {count.year: count.activities / (count.covered / DAY) for count in counts if count.covered >= DENSE}
    if year in dense:
        return [dense[year]]
    before = max((other for other in dense if other < year), default=None)
    after = min((other for other in dense if other > year), default=None)
    return [dense[other] for other in (before, after) if other is not None]


@dataclass(frozen=True, slots=True)
class Season:
    """How much an athlete trains in each month of a year, in any unit."""

    months: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.months) != 12 or min(self.months) <= 0:
            raise ValueError("a season has twelve months, each above 0")

    def weight(self, begin: datetime, end: datetime) -> float:
        """The training between two instants; 0 where the second is not after the first."""
        total, at = 0.0, begin.astimezone(UTC)
        while at < end:
            until = min(end, _next_month(at))
            total += self.months[at.month - 1] * ((until - at) / timedelta(days=1))
            at = until
        return total


@dataclass(frozen=True, slots=True)
class Forecast:
    """The calls of a run: `made` so far, the remaining ones by stage, and when the last is done (None: never).

    `bounds`: their range while the number of activities is unknown; the other numbers are then the most likely ones.
    `needs_another_day`: a day's limit ends the command before all calls are made.
    """

    made: int
    listing: int
    details: int
    done_at: datetime | None
    bounds: Bounds | None = None
    needs_another_day: bool = False

    @property
    def still(self) -> int:
        return self.listing + self.details

    @property
    def calls(self) -> int:
        return self.made + self.still

    def needs_correction(self, later: "Forecast") -> bool:
        """Whether a later forecast is worth showing: it has a number instead of a range, or one that differs by a tenth."""
        return self.bounds is not None or abs(self.calls - later.calls) > self.calls / 10

    def __str__(self) -> str:
        restart = f", {RESTART_NOTE}" if self.needs_another_day else ""
        if self.bounds is not None:
            restart = restart if self.bounds.done_from else ""
            return f"{self.bounds}{restart}; the number is known when everything is listed."
        done = f"; done about {self.done_at:%Y-%m-%d %H:%M:%S} UTC{restart}" if self.done_at else ""
        return f"About {counted(self.calls, 'call')}: {self.made + self.listing:,} to list, {self.details:,} for details{done}."


def estimate_season(by_month: Mapping[int, int], latitude: float | None) -> Season:
    """The season of an athlete with so many activities in each month (1 to 12) of other complete years."""
    tilt = 0.0 if latitude is None else max(-1.0, min(1.0, latitude / TEMPERATE))
    plain = [1 + SWING * tilt * cos((month + 0.5 - _PEAK) / 12 * 2 * pi) for month in range(12)]
    return Season(tuple(PRIOR / 12 * weight + by_month.get(month, 0) for month, weight in enumerate(plain, start=1)))


@dataclass(frozen=True, slots=True)
class ReceivedActivities:
    """The number of activities received, and their first and last start (None: no activity has one)."""

    count: int
    oldest: datetime | None
    newest: datetime | None


def expected_between(begin: datetime, end: datetime, seen: ReceivedActivities, season: Season) -> float:
    """The activities expected between two instants, if `seen` are all activities of another stretch."""
    if seen.oldest is None or seen.newest is None or begin >= end:
        return 0.0
    covered = season.weight(seen.oldest, seen.newest)
    return (seen.count - 1) * season.weight(begin, end) / covered if covered else 0.0


def remaining_pages(rest: float, per_page: int) -> int:
    """The remaining calls of a listing with `rest` more activities: their pages, and the empty page."""
    return ceil(rest / per_page) + 1


def _rounded(number: int, outwards: Callable[[float], int]) -> int:
    """`number` to two digits, since the forecast is no more exact."""
    unit: int = 10 ** max(floor(log10(max(number, 1))) - 1, 0)
    return outwards(number / unit) * unit


def _next_month(at: datetime) -> datetime:
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)
