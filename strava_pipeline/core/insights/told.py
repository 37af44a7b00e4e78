"""A year as it is told: what `insights` prints and `report` draws. Records alone, in metres and seconds; None: not known."""

from dataclasses import dataclass
from datetime import date

from strava_pipeline.core.insights.documents import Day, Paced
from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.insights.pacing import Year


@dataclass(frozen=True, slots=True)
class Sums:
    """What some activities come to."""

    activities: int
    active_days: int
    distance_m: float | None
    moving_time_seconds: int | None
    elevation_gain_m: float | None


@dataclass(frozen=True, slots=True)
class Record:
    """The best of the year; `all_time`: of all years, too. `value` in `unit`, m or s; `activity_id` below 0 is no Strava id."""

    group: str
    record: str
    value: float
    unit: str
    activity_id: int
    on_day: date
    told_by: str
    all_time: bool


@dataclass(frozen=True, slots=True)
class Streak:
    """Days or weeks in a row with an activity, also where it begins or ends outside the year: from one active day to another."""

    unit: str
    length: int
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True)
class Eddington:
    """Of a group: of the year, and of all years with the days that the next number needs."""

    group: str
    unit: str
    of_year: int
    of_all: int
    days_to_next: int


@dataclass(frozen=True, slots=True)
class Gear:
    """What a bike or pair of shoes did in the year, and in all."""

    gear_id: str
    name: str | None
    retired: bool | None
    activities: int
    distance_m: float | None
    distance_of_all_m: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """Fitness, fatigue and form at the end of the year so far, and the year's highest fitness."""

    measure: str
    on_day: date
    fitness: float
    fatigue: float
    form: float
    highest_fitness: float
    highest_on: date


@dataclass(frozen=True, slots=True)
class YearTold:
    """All of it. `sports`: what it is limited to, as a person said it; `year`: None where it has not begun."""

    number: int
    year: Year | None
    athlete_id: int
    units: Units
    sports: tuple[str, ...]
    totals: Sums
    by_sport: list[tuple[str, str, Sums]]  # sport, its group
    by_month: list[tuple[int, Sums]]  # 1 to 12, those with an activity
    days: list[Day]
    paced: list[Paced]
    records: list[Record]
    streaks: list[Streak]
    eddington: list[Eddington]
    gear: list[Gear]
    load: list[Load]
    unknown_sports: list[str]
    undated: int
    later: int  # dated later than tomorrow
    others: int
