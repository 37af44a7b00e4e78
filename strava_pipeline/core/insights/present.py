"""Goals of the present week and month: the sums of their days, which are those of the year's goals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from strava_pipeline.core.insights.goals import MEASURES, Goals
from strava_pipeline.core.insights.pacing import Day, amounts_by_day, reaches
from strava_pipeline.core.insights.weeks import first_of_week
from strava_pipeline.core.sports import ALL, SPORTS
from strava_pipeline.core.years import month_end


@dataclass(frozen=True, slots=True)
class PresentGoal:
    """A goal of the present `period`, week or month, from `first_on` to `last_on`; `days_left`: with today.

    Amounts are in the measure's own unit.
    """

    period: str
    group: str
    measure: str
    goal: float
    total: float
    days_left: int
    reached: bool
    first_on: date
    last_on: date


def present_goals(days: Sequence[Day], goals: Goals, today: date) -> list[PresentGoal]:
    """How far the week and the month of `today` have come, in the order of groups and measures."""
    begin, month = first_of_week(today, goals.week_begins), today.replace(day=1)
    spans = {
        "week": (begin, begin + timedelta(days=6)),
        "month": (month, month_end(today)),
    }
    return [each for period, span in spans.items() for each in _of_period(period, span, days, goals, today)]


def _of_period(
    period: str, span: tuple[date, date], days: Sequence[Day], goals: Goals, today: date
) -> Iterable[PresentGoal]:
    first, last = span
    amounts = amounts_by_day(day for day in days if first <= day.on <= last)
    for group in (ALL, *SPORTS):
        for measure in MEASURES:
            done = sum(amounts.get((group, measure.name), {}).values())
            for goal in goals.all.get((period, group, measure.name), ()):
                left = (last - today).days + 1
                yield PresentGoal(period, group, measure.name, goal, done, left, reaches(done, goal), first, last)
