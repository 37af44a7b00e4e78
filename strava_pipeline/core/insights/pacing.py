"""A year against its goals, day by day: the amounts of each group of sports, and the formulas. Days count from 1 (1 January).

y_k is the amount at the end of day k of D (365 or 366), in any one unit; n is the last day with data, and the series is
carried forward to today. The formulas are those of the system whose two files are kept up: ADR 0028 names them and
their worked examples.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise

from strava_pipeline.core.insights.goals import MEASURES, METRES_PER_MILE, Goals
from strava_pipeline.core.sports import ALL, SPORTS

RECENT_DAYS = 14  # active days that momentum looks back over
LEAST_DAYS = 3  # active days; two have one pace between them, and no slope
DEFAULT_STEP = 100.0  # of default goals, in the unit that the athlete thinks in
_MEASURES = tuple(measure.name for measure in MEASURES)


@dataclass(frozen=True, slots=True)
class Year:
    """A local year as far as it has come: `until` is its last day with data, within it."""

    number: int
    until: date

    def __post_init__(self) -> None:
        if self.until.year != self.number:
            raise ValueError(f"{self.until} is not in {self.number}")

    @property
    def first(self) -> date:
        return date(self.number, 1, 1)

    @property
    def length(self) -> int:
        """The days of the year, D."""
        return (date(self.number, 12, 31) - self.first).days + 1

    @property
    def days(self) -> int:
        """The days so far, n."""
        return self.place(self.until)

    @property
    def is_over(self) -> bool:
        return self.days == self.length

    def place(self, day: date) -> int:
        """The number k of a day."""
        return (day - self.first).days + 1

    def day(self, place: int) -> date:
        """The day with the number `place`."""
        return self.first + timedelta(days=place - 1)


@dataclass(frozen=True, slots=True)
class GoalProgress:
    """The progress toward a goal.

    `ahead`: the amount above the line of even pace (negative: below); `required`: amount a day from now on.
    """

    goal: float
    ahead: float
    required: float
    achieved_on: date | None


@dataclass(frozen=True, slots=True)
class Day:
    """A group's amounts on a local day. `ids` in the order of their starts; None: that amount was not measured."""

    on: date
    group: str
    ids: tuple[int, ...]
    distance_m: float | None
    moving_time_seconds: int | None
    elevation_gain_m: float | None

    @property
    def activities(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class PacedMeasure:
    """A measure of a group over the year: `series` is y_1 … y_n; `own`: the user set the goals, otherwise they follow
    from the projection.
    """

    group: str
    measure: str
    series: Sequence[float]
    projected: float
    per_day: float
    momentum: float | None
    goals: Sequence[GoalProgress]
    own: bool

    @property
    def total(self) -> float:
        return self.series[-1]

    def by_same_day(self, year: Year) -> float:
        """The amount of this year, all of which is over, by the same day as `year`, the next one, has come to."""
        is_late = (year.until.month, year.until.day) > (2, 28)
        return self.series[year.days + is_late * (len(self.series) - year.length) - 1]


def pace_measures(days: Iterable[Day], year: Year, goals: Goals, units: str) -> list[PacedMeasure]:
    """The pace of every group with activities or a goal, and of all groups together, for each measure with data or a goal.

    `units`: the unit in which default goals of a distance are round, km or miles.
    """
    amounts = amounts_by_day(days)
    found = []
    for group in (ALL, *SPORTS):
        for measure in _MEASURES:
            of_each = amounts.get((group, measure), {})
            own = goals.of(year.number, group, measure)
            if of_each or own:
                found.append(_paced(group, measure, of_each, year, own, units))
    return found


def _paced(
    group: str, measure: str, amounts: Mapping[date, float], year: Year, own: Sequence[float], units: str
) -> PacedMeasure:
    series = cumulative(amounts, year)
    projected = projection(series, year.length)
    wanted: Sequence[float] = own
    if not own and measure == "distance_m" and group != ALL:
        wanted = default_goals(projected, DEFAULT_STEP * (1000 if units == "km" else METRES_PER_MILE))
    return PacedMeasure(
        group,
        measure,
        series,
        projected,
        pacing(series, year.days),
        momentum(amounts, year),
        [goal_progress(goal, series, year) for goal in wanted],
        bool(own),
    )


def amounts_by_day(days: Iterable[Day]) -> dict[tuple[str, str], dict[date, float]]:
    """The amount of each day by group and measure, without days that have none."""
    found: dict[tuple[str, str], dict[date, float]] = {}
    for day in days:
        for measure in _MEASURES:
            amount = getattr(day, measure)
            if amount is None:
                continue
            for group in (day.group, ALL):
                of_group = found.setdefault((group, measure), {})
                of_group[day.on] = of_group.get(day.on, 0.0) + amount
    # zeros alone are no distance: Strava gives yoga 0 m
    return {key: each for key, each in found.items() if any(each.values())}


def latest_day(today: date) -> date:
    """The last day that an activity may have: tomorrow, because it has begun in the east. A later date has a wrong clock."""
    return today + timedelta(days=1) if today < date.max else today


def year_until(number: int, today: date, last_active: date | None) -> Year | None:
    """The year up to today, to its end if it is over, or to its last activity if that is tomorrow's (`latest_day`).

    None if the year has not begun and has no activity.
    """
    until = min(max(today, last_active or today), date(number, 12, 31))
    return Year(number, until) if until.year == number else None


def cumulative(amounts: Mapping[date, float], year: Year) -> list[float]:
    """y_1 … y_n: the sum at the end of each day; days without an amount add nothing."""
    of_each = [0.0] * year.days
    for day, amount in amounts.items():
        of_each[year.place(day) - 1] = amount
    return list(accumulate(of_each))


def desire(goal: float, place: int, length: int) -> float:
    """Where an even pace toward `goal` would be at the end of day `place`."""
    return goal * place / length


def projection(series: Sequence[float], length: int) -> float:
    """The amount at the end of the year at the mean pace so far."""
    return series[-1] / len(series) * length


def pacing(series: Sequence[float], place: int) -> float:
    """The mean amount a day up to the end of day `place`."""
    return series[place - 1] / place


def required(goal: float, series: Sequence[float], place: int, length: int) -> float:
    """The amount that each remaining day needs; 0 at the end of the year, or once the goal is reached."""
    if place >= length or reaches(series[place - 1], goal):
        return 0.0
    return (goal - series[place - 1]) / (length - place)


def achieved_on(goal: float, series: Sequence[float], year: Year) -> date | None:
    """The first day with y_{k-1} < goal ≤ y_k."""
    return next((year.day(place) for place, amount in enumerate(series, start=1) if reaches(amount, goal)), None)


def reaches(amount: float, goal: float) -> bool:
    """Whether an amount is at least a goal, up to the rounding errors of sums of doubles."""
    return amount >= goal * (1 - 1e-9)


def default_goals(projected: float, step: float = DEFAULT_STEP) -> list[float]:
    """Three goals for an athlete without any: the projection rounded up to the next `step`, and one step on either side.

    >>> default_goals(1234, 100)
    [1200, 1300, 1400]
    """
    if projected <= 0:
        return []
    middle = math.ceil(projected / step) * step
    return [goal for goal in (middle - step, middle, middle + step) if goal > 0]


def momentum(amounts: Mapping[date, float], year: Year) -> float | None:
    """The change of the pace, in percent of the mean pace per week; None with too few active days.

    Each two neighbours of the last active days give a pace, placed halfway between them; the slope is that of a linear
    regression.
    """
    active = sorted(day for day, amount in amounts.items() if amount > 0 and day <= year.until)
    recent = active[-RECENT_DAYS:]
    if len(recent) < LEAST_DAYS:
        return None
    points = [
        ((year.place(before) + year.place(day)) / 2, amounts[day] / (day - before).days)
        for before, day in pairwise(recent)
    ]
    mean = sum(amounts[day] for day in active) / year.days
    return _slope(points) / mean * 100 * 7


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line of least squares."""
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / sum((x - x_mean) ** 2 for x, _ in points)


def goal_progress(goal: float, series: Sequence[float], year: Year) -> GoalProgress:
    """The progress toward `goal` at the end of the series."""
    return GoalProgress(
        goal,
        series[-1] - desire(goal, year.days, year.length),
        required(goal, series, year.days, year.length),
        achieved_on(goal, series, year),
    )
