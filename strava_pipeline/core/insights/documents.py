"""A year's insights as the JSON documents in data/insights/<year>/: two in the shape of an older system, and one of our own.

The two hold a choice of sports (setting STRAVA_INSIGHT_SPORTS) in miles by that system's own factor. `pacing.json` holds every
group in metres and seconds; docs/formats.md describes all three.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import Any

from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.insights.measures import MEASURES, METRES_PER_MILE
from strava_pipeline.core.insights.pacing import (
    DEFAULT_STEP,
    Toward,
    Year,
    cumulative,
    default_goals,
    momentum,
    pacing,
    projection,
    toward,
)
from strava_pipeline.core.sports import ALL, SPORTS

MILES_PER_KM = 0.62137  # of the older system; the exact factor would be 0.621371192
_MEASURES = tuple(measure.name for measure in MEASURES)


@dataclass(frozen=True, slots=True)
class Day:
    """What a group of sports did on a local day. `ids` in the order of their starts; None: nothing of it was measured."""

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
class CountedDay:
    """A local day with activities of the chosen sports. `ids` in the order of their starts; None: no distance was measured."""

    on: date
    ids: tuple[int, ...]
    distance_m: float | None

    @property
    def miles(self) -> float:
        return (self.distance_m or 0.0) / 1000 * MILES_PER_KM


@dataclass(frozen=True, slots=True)
class Paced:
    """A measure of a group over the year: `series` is y_1 … y_n; `own`: a person set the goals; else the projection did."""

    group: str
    measure: str
    series: Sequence[float]
    projected: float
    per_day: float
    momentum: float | None
    goals: Sequence[Toward]
    own: bool

    @property
    def total(self) -> float:
        return self.series[-1]


def summary_activities(days: Iterable[CountedDay]) -> dict[str, Any]:
    """The miles and the ids of each day, in the order of the days."""
    in_order = sorted(days, key=lambda day: day.on)
    return {day.on.isoformat(): {"distance_miles": day.miles, "activity_ids": list(day.ids)} for day in in_order}


def distances(days: Iterable[CountedDay], year: Year | None) -> dict[str, Any]:
    """Cumulative miles, a point a day from 1 January; none for a year that has not begun."""
    if year is None:
        return {"distance_traveled": []}
    miles = {day.on: day.miles for day in days}
    series = accumulate(miles.get(year.day(place), 0.0) for place in range(1, year.days + 1))
    return {
        "distance_traveled": [{"x": year.day(place).isoformat(), "y": y} for place, y in enumerate(series, start=1)]
    }


def paced(days: Iterable[Day], year: Year, goals: Goals, units: str) -> list[Paced]:
    """Every group that did something or has a goal, and all of them together; measures that nothing was measured of are left out.

    `units`: in which the default goals of a distance are round, km or miles.
    """
    amounts = _amounts(days)
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
) -> Paced:
    series = cumulative(amounts, year)
    projected = projection(series, year.length)
    wanted: Sequence[float] = own
    if not own and measure == "distance_m" and group != ALL:
        wanted = default_goals(projected, DEFAULT_STEP * (1000 if units == "km" else METRES_PER_MILE))
    return Paced(
        group,
        measure,
        series,
        projected,
        pacing(series, year.days),
        momentum(amounts, year),
        [toward(goal, series, year) for goal in wanted],
        bool(own),
    )


def _amounts(days: Iterable[Day]) -> dict[tuple[str, str], dict[date, float]]:
    """By group and measure what each day brought; a day without a value of it is left out."""
    found: dict[tuple[str, str], dict[date, float]] = {}
    for day in days:
        for measure in _MEASURES:
            amount = getattr(day, measure)
            if amount is None:
                continue
            for group in (day.group, ALL):
                of_group = found.setdefault((group, measure), {})
                of_group[day.on] = of_group.get(day.on, 0.0) + amount
    # zeros alone are no distance: what Strava says of yoga
    return {key: each for key, each in found.items() if any(each.values())}


def pacing_document(number: int, year: Year | None, found: Iterable[Paced], digest: str) -> dict[str, Any]:
    """pacing.json: `digest` tells what it was made of."""
    groups: dict[str, dict[str, Any]] = {}
    for each in found:
        groups.setdefault(each.group, {})[each.measure] = paced_shape(each) | {"cumulative": list(each.series)}
    return {
        "year": number,
        "days": year.length if year else None,
        "until": year.until.isoformat() if year else None,
        "digest": digest,
        "groups": groups,
    }


def paced_shape(each: Paced) -> dict[str, Any]:
    """A measure as JSON has it, without its days."""
    return {
        "total": each.total,
        "projection": each.projected,
        "per_day": each.per_day,
        "momentum_percent_per_week": each.momentum,
        "goals": [
            {
                "goal": goal.goal,
                "yours": each.own,
                "ahead": goal.ahead,
                "required_per_day": goal.required,
                "achieved_on": goal.achieved_on.isoformat() if goal.achieved_on else None,
            }
            for goal in each.goals
        ],
    }
