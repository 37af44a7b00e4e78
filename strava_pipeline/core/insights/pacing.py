"""A year against its goals, day by day: the formulas. Amounts are in any one unit; days count from 1 (1 January).

y_k is the amount at the end of day k of D (365 or 366); n is the last day with data, the series being carried forward to
today. Formulas as in the system whose two files are kept up: ADR 0028 names them and their worked examples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise

RECENT_DAYS = 14  # active days that momentum looks back over
LEAST_DAYS = 3  # active days; two have one pace between them, and no slope
DEFAULT_STEP = 100.0  # of default goals, in the unit that the athlete thinks in


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
        """D."""
        return (date(self.number, 12, 31) - self.first).days + 1

    @property
    def days(self) -> int:
        """n."""
        return self.place(self.until)

    @property
    def is_over(self) -> bool:
        return self.days == self.length

    def place(self, day: date) -> int:
        """k of a day."""
        return (day - self.first).days + 1

    def day(self, place: int) -> date:
        return self.first + timedelta(days=place - 1)


@dataclass(frozen=True, slots=True)
class Toward:
    """How a goal stands. `ahead`: the amount above the desire line (negative: below); `required`: a day from now on."""

    goal: float
    ahead: float
    required: float
    achieved_on: date | None


def latest_day(today: date) -> date:
    """The last day that an activity may be of: in the east it is tomorrow already. What is later has a wrong clock."""
    return today + timedelta(days=1) if today < date.max else today


def year_until(number: int, today: date, last_active: date | None) -> Year | None:
    """The year up to today, to its end where it is over, and to its last activity where that is of tomorrow (`latest_day`).

    None: it has not begun, and nothing is in it.
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
    """What the year comes to at the mean pace so far."""
    return series[-1] / len(series) * length


def pacing(series: Sequence[float], place: int) -> float:
    """The mean a day so far, at the end of day `place`."""
    return series[place - 1] / place


def required(goal: float, series: Sequence[float], place: int, length: int) -> float:
    """What each day left has to bring; 0 at the end of the year, and where the goal is reached."""
    if place >= length or _reaches(series[place - 1], goal):
        return 0.0
    return (goal - series[place - 1]) / (length - place)


def achieved_on(goal: float, series: Sequence[float], year: Year) -> date | None:
    """The first day with y_{k-1} < goal ≤ y_k."""
    return next((year.day(place) for place, amount in enumerate(series, start=1) if _reaches(amount, goal)), None)


def _reaches(amount: float, goal: float) -> bool:
    """As good as: sums of doubles lack some of the last digits."""
    return amount >= goal * (1 - 1e-9)


def default_goals(projected: float, step: float = DEFAULT_STEP) -> list[float]:
    """Three goals for one who has none: the projection rounded up to the next `step`, and one on either side."""
    if projected <= 0:
        return []
    middle = math.ceil(projected / step) * step
    return [goal for goal in (middle - step, middle, middle + step) if goal > 0]


def momentum(amounts: Mapping[date, float], year: Year) -> float | None:
    """How the pace changes, in percent of the mean pace per week; None with too few active days.

    The last active days have a pace between each two of them, placed halfway; the slope is a linear regression's.
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
    """Of the line of least squares."""
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / sum((x - x_mean) ** 2 for x, _ in points)


def toward(goal: float, series: Sequence[float], year: Year) -> Toward:
    """How `goal` stands at the end of the series."""
    return Toward(
        goal,
        series[-1] - desire(goal, year.days, year.length),
        required(goal, series, year.days, year.length),
        achieved_on(goal, series, year),
    )
