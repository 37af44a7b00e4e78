"""A year's insights as records and as JSON: printed by `insights`, drawn by `report`, and kept in data/insights/<year>/.

Records are in metres and seconds; None is unknown. Two of the files have the shape of an older system: a choice of
sports (setting STRAVA_INSIGHT_SPORTS), in miles by that system's own factor. `pacing.json` holds every group in metres
and seconds. docs/formats.md describes all shapes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import accumulate
from typing import Any

from strava_pipeline.core.insights.goals import USUAL_DATES, Dates, Units, day_text, scaled
from strava_pipeline.core.insights.pacing import (
    Day,
    PacedMeasure,
    Year,
)
from strava_pipeline.core.insights.present import PresentGoal
from strava_pipeline.core.sports import ALL

MILES_PER_KM = 0.62137  # of the older system; the exact factor would be 0.621371192


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals of some activities."""

    activities: int
    active_days: int
    distance_m: float | None
    moving_time_seconds: int | None
    elevation_gain_m: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """The best of the year; `all_time`: also the best of all years.

    `value` is in `unit`, m or s; a negative `activity_id` isn't an id of Strava's. `by_api`: Strava's API gave the
    activity. `told_by`, `measured_by`, `at_most`: as in `records`.
    """

    group: str
    record: str
    value: float
    unit: str
    activity_id: int
    on_day: date
    told_by: str
    measured_by: str | None
    all_time: bool
    by_api: bool
    at_most: bool


@dataclass(frozen=True, slots=True)
class Streak:
    """Days or weeks in a row with an activity; it may begin or end outside the year."""

    unit: str
    length: int
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class Eddington:
    """The Eddington numbers of a group, for the year and for all years.

    `days_to_next`: days still missing for the next number of all years.
    """

    group: str
    unit: str
    of_year: int
    of_all: int
    days_to_next: int


@dataclass(frozen=True, slots=True)
class Gear:
    """The use of a bike or a pair of shoes in the year; `distance_of_all_m`: in all years."""

    item: str
    name: str
    retired: bool | None
    activities: int
    distance_m: float | None
    distance_of_all_m: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """Fitness, fatigue and form at the end of the year so far, its highest fitness, and loads by an estimated threshold."""

    on_day: date
    fitness: float
    fatigue: float
    form: float
    highest_fitness: float
    highest_on: date
    estimated_activities: int


@dataclass(frozen=True, slots=True)
class LoadDay:
    """Fitness, fatigue and form on a day; `load`: the day's sum, or None if none was measured; `methods`: how it was measured."""

    on_day: date
    fitness: float
    fatigue: float
    form: float
    load: float | None
    methods: Sequence[str] | None = None
    estimated_activities: int = 0
    unmeasured_activities: int = 0


@dataclass(frozen=True, slots=True)
class YearSummary:
    """Everything about a year. `before`: the pace of the year before it; `load`: None if unknown.

    `sports`: the sports it is limited to, in the user's words; `year`: None if the year has not begun. `undated`,
    `later`, `others`: activities left out because they have no date, a date after tomorrow, or another athlete.
    `without_moving_time`, `without_climb`: activities of the year that these sums lack, because the value is unknown.
    """

    number: int
    year: Year | None
    athlete_id: int
    units: Units
    sports: tuple[str, ...]
    totals: Sums
    by_sport: list[tuple[str, str, Sums]]  # sport, its group
    by_month: list[tuple[int, Sums]]  # 1 to 12, those with an activity
    days: list[Day]
    paced: list[PacedMeasure]
    records: list[Record]
    streaks: list[Streak]
    eddington: list[Eddington]
    gear: list[Gear]
    load: Load | None
    before: list[PacedMeasure]
    load_days: list[LoadDay]
    unknown_sports: list[str]
    undated: int
    later: int
    others: int
    without_moving_time: int
    without_climb: int
    dates: Dates = USUAL_DATES
    week_begins: int = 0  # Monday
    present: Sequence[PresentGoal] = ()  # of the newest year

    def day(self, on: date) -> str:
        """A day in the user's date format."""
        return day_text(on, self.dates)


@dataclass(frozen=True, slots=True)
class CountedDay:
    """A local day with activities of the chosen sports. `ids` in the order of their starts; None if no distance was measured."""

    on: date
    ids: tuple[int, ...]
    distance_m: float | None

    @property
    def miles(self) -> float:
        return (self.distance_m or 0.0) / 1000 * MILES_PER_KM


def summary_activities(days: Iterable[CountedDay]) -> dict[str, Any]:
    """The document summary_activities.json: the miles and the ids of each day, in the order of the days."""
    in_order = sorted(days, key=lambda day: day.on)
    return {day.on.isoformat(): {"distance_miles": day.miles, "activity_ids": list(day.ids)} for day in in_order}


def distances(days: Iterable[CountedDay], year: Year | None) -> dict[str, Any]:
    """The document distances.json: cumulative miles, a point a day from 1 January; empty for a year that has not begun."""
    if year is None:
        return {"distance_traveled": []}
    miles = {day.on: day.miles for day in days}
    series = accumulate(miles.get(year.day(place), 0.0) for place in range(1, year.days + 1))
    return {
        "distance_traveled": [{"x": year.day(place).isoformat(), "y": y} for place, y in enumerate(series, start=1)]
    }


def pacing_document(number: int, year: Year | None, found: Iterable[PacedMeasure], digest: str) -> dict[str, Any]:
    """The document pacing.json. `digest`: a hash of its input."""
    groups: dict[str, dict[str, Any]] = {}
    for each in found:
        groups.setdefault(each.group, {})[each.measure] = paced_json(each) | {"cumulative": list(each.series)}
    return {
        "year": number,
        "days": year.length if year else None,
        "until": year.until.isoformat() if year else None,
        "digest": digest,
        "groups": groups,
    }


def paced_json(each: PacedMeasure) -> dict[str, Any]:
    """A measure as JSON, without its days."""
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


_NAMES = {
    "distance_m": "distance",
    "moving_time_seconds": "moving_time",
    "elevation_gain_m": "elevation_gain",
    "activities": "activities",
}
_SIGNS = {"mi": "miles", "h": "hours"}


def headline(days: Sequence[Day], paced: Iterable[PacedMeasure], units: Units) -> dict[str, float]:
    """The main numbers of a year, by name with their unit: totals, and for each of the user's goals the distance to its line."""
    found: dict[str, float] = {"active_days": float(len({day.on for day in days}))}
    for each in paced:
        amount, sign = scaled(each.measure, each.total, units)
        name = _named(each.measure, sign)
        if each.group == ALL:
            found[name] = amount
        if each.own:
            prefix = "" if each.group == ALL else f"{each.group}/"
            found[f"{prefix}{name}"] = amount
            found[f"{prefix}{name}/projection"] = scaled(each.measure, each.projected, units)[0]
            for goal in each.goals:
                text = f"{scaled(each.measure, goal.goal, units)[0]:.10g}"
                found[f"{prefix}{name}/ahead_of_{text}"] = scaled(each.measure, goal.ahead, units)[0]
    return {name: round(amount, 2) for name, amount in found.items()}


def _named(measure: str, sign: str) -> str:
    unit = _SIGNS.get(sign, sign)
    return f"{_NAMES[measure]}_{unit}" if unit else _NAMES[measure]


def year_json(summary: YearSummary) -> dict[str, Any]:
    """The object of `insights --json`, described in docs/formats.md. Dates stay dates; the caller formats them."""
    groups: dict[str, dict[str, Any]] = {}
    for each in summary.paced:
        groups.setdefault(each.group, {})[each.measure] = paced_json(each)
    return {
        "year": summary.number,
        "until": summary.year.until if summary.year else None,
        "athlete_id": summary.athlete_id,
        "units": summary.units,
        "sports": list(summary.sports),
        "totals": asdict(summary.totals),
        "by_month": [{"month": month, **asdict(sums)} for month, sums in summary.by_month],
        "by_sport": [
            {"sport_type": sport, "sport_group": group, **asdict(sums)} for sport, group, sums in summary.by_sport
        ],
        "pacing": groups,
        "present_goals": [asdict(each) for each in summary.present],
        "records": [asdict(each) for each in summary.records],
        "streaks": [asdict(each) for each in summary.streaks],
        "eddington": [asdict(each) for each in summary.eddington],
        "gear": [asdict(each) for each in summary.gear],
        "training_load": asdict(summary.load) if summary.load else None,
        "unknown_sports": summary.unknown_sports,
        "undated_activities": summary.undated,
        "later_activities": summary.later,
        "activities_of_others": summary.others,
        "activities_without_moving_time": summary.without_moving_time,
        "activities_without_climb": summary.without_climb,
    }
