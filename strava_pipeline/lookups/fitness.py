"""Fitness for the dashboard: load by day, the best power and pace of a period next to all time, and time in zones.

Load and bests come from the published warehouse, time in zones from the Parquet that was computed from tracks.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from strava_pipeline.core.insights.pacing import latest_day, year_until
from strava_pipeline.core.tables import VALUE_SECONDS
from strava_pipeline.lake.gold.insights import Athlete, insight_sources, load_days
from strava_pipeline.lake.gold.publish import if_readable
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lookups.bests import is_before_all
from strava_pipeline.lookups.rows import Values, measured_files, rows_of


@dataclass(frozen=True, slots=True)
class Period:
    """Local days from `first` to `until`, both included."""

    first: date
    until: date


@dataclass(frozen=True, slots=True)
class LoadSeries:
    """Load by day: for each of `days` the values of `training_load`. None: no activity of the day has a load."""

    days: list[date]
    load: list[float | None]
    methods: list[list[str] | None]
    fitness: list[float]
    fatigue: list[float]
    form: list[float]
    estimated_activities: list[int]
    unmeasured_activities: list[int]


def load_series(connection: Connection, athlete_id: int, period: Period) -> LoadSeries | None:
    """Load, fitness, fatigue and form day by day; None if there was no load until the end of the period."""
    days = load_days(connection, athlete_id, period.first, period.until)
    names = ("on_day", *(field.name for field in fields(LoadSeries)[1:]))
    return LoadSeries(*([getattr(day, name) for day in days] for name in names)) if days else None


@dataclass(frozen=True, slots=True)
class Best:
    """The best of a window: watts or seconds, the activity that holds it, and its local day.

    `told_by`, `measured_by`, `at_most`: as in `records`. `watts_per_kg`: by the weight on that day; None if unknown,
    and for seconds.
    """

    value: float
    activity_id: int
    on_day: date
    told_by: str
    measured_by: str | None
    watts_per_kg: float | None = None
    at_most: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a curve, seconds or metres wide: the best of the period (or None) and of all years."""

    of_period: Best | None
    of_all: Best


def best_curves(
    connection: Connection, athlete_id: int, period: Period, sport_group: str
) -> dict[str, dict[float, Window]]:
    """The curves of a group of sports by measure and width: `watts` over seconds, and `pace`, seconds over metres."""
    asked = {"athlete_id": athlete_id, "first": period.first, "until": period.until, "sport_group": sport_group}
    found: dict[str, dict[float, Window]] = {}
    for row in rows_of(connection, "curves", asked):
        of_period = _best(row["of_period"]) if row["of_period"] is not None else None
        found.setdefault(row["measure"], {})[row["width"]] = Window(of_period, _best(row["of_all"]))
    return found


def _best(held: dict[str, Any]) -> Best:
    """`rank`: the smallest is best."""
    return Best(value=abs(held.pop("rank")), **{**held, "measured_by": held["measured_by"] or None})


def time_in_zones(
    connection: Connection, lake: Lake, athlete_id: int, period: Period, sport_group: str
) -> dict[str, dict[str, dict[int, float]]]:
    """For a group, seconds by measure (`watts`, `heartrate`), month (2026-10) and zone (from 1), by the zones valid then."""
    # a year before the first partition, or after the last, has no folder of its own
    years = range(period.first.year, period.until.year + 1)
    files = measured_files(lake, VALUE_SECONDS, years) or measured_files(lake, VALUE_SECONDS)
    found: dict[str, dict[str, dict[int, float]]] = {}
    if files:
        asked = {"files": files, "athlete_id": athlete_id, "first": period.first, "until": period.until}
        for row in rows_of(connection, "time_in_zones", {**asked, "sport_group": sport_group}):
            found.setdefault(row["measure"], {}).setdefault(row["month"], {})[row["zone"]] = row["seconds"]
    return found


@dataclass(frozen=True, slots=True)
class ZoneBounds:
    """A zone: its lower bound, and the next zone's (None for the highest zone), W or bpm; the others as in `training_zones`."""

    from_value: float
    below_value: float | None
    since: date
    threshold_on: date | None = None


def zone_bounds(connection: Connection, on_day: date, sport_group: str) -> dict[str, dict[int, ZoneBounds]]:
    """The zones of a group of sports that were valid on a day, by measure and number."""
    found: dict[str, dict[int, ZoneBounds]] = {}
    for row in rows_of(connection, "zone_bounds", {"on_day": on_day, "sport_group": sport_group}):
        measure, zone = row.pop("measure"), row.pop("zone")
        found.setdefault(measure, {})[zone] = ZoneBounds(**row)
    return found


@dataclass(frozen=True, slots=True)
class ZoneTime:
    """A zone over a span of days, or in an activity: its bounds (None for an earlier zone), seconds, and its share, up to 1."""

    zone: int
    bounds: ZoneBounds | None
    seconds: float
    share: float


def zone_times(bounds: Mapping[int, ZoneBounds], held: Mapping[int, float]) -> dict[int, ZoneTime]:
    """The zones of a measure that are valid or have time (s), from the lowest one up."""
    total = sum(held.values()) or 1.0
    return {
        zone: ZoneTime(zone, bounds.get(zone), held.get(zone, 0.0), held.get(zone, 0.0) / total)
        for zone in sorted(bounds.keys() | held.keys())
    }


@dataclass(frozen=True, slots=True)
class PeriodFitness:
    """A period's load; for a group, curves by measure and width, and seconds in zones by measure, month and zone.

    `load_methods`: for each group and method its number of `activities`, and the newest one's basis, as in
    `activity_load`. `sport_groups`: those with a track, most of the period first. `track_years`: the years of all
    curves. `zone_bounds`: the zones at the end of the period. Seconds are by the zones of their day. `has_earlier`: an
    activity exists in an earlier year.
    """

    first_on: date
    last_on: date
    load: LoadSeries | None
    load_methods: list[dict[str, Any]]
    sport_group: str
    sport_groups: list[str]
    curves: dict[str, dict[float, Window]]
    track_years: list[int]
    zones: dict[str, dict[str, dict[int, float]]]
    zone_bounds: dict[str, dict[int, ZoneBounds]]
    has_earlier: bool

    def zone_times(self, measure: str) -> list[ZoneTime]:
        """The zones of a measure that are valid or have time, from the lowest one up."""
        held = Counter[int]()
        for month in self.zones[measure].values():
            held.update(month)
        return [*zone_times(self.zone_bounds.get(measure, {}), held).values()]


def fitness_of(
    connection: Connection, lake: Lake, athlete: Athlete, number: int, today: date, sport_group: str | None = None
) -> PeriodFitness | None:
    """The fitness of the local year `number`, or None if it is before the first activity, or has not begun.

    `sport_group`: of curves and zones; None: the one with most tracks of the year, or else of all.
    """
    known = insight_sources(connection, athlete, today).years
    year = year_until(number, today, known[number][1] if number in known else None)
    if year is None or is_before_all(connection, athlete, today, number):
        return None
    return _fitness(connection, lake, athlete, Period(year.first, year.until), min(known, default=number), sport_group)


def recent_fitness(
    connection: Connection, lake: Lake, athlete: Athlete, days: int, today: date, sport_group: str | None = None
) -> PeriodFitness:
    """The fitness of the last `days` days, up to today, or up to tomorrow if the last activity is dated tomorrow."""
    known = insight_sources(connection, athlete, today).years
    until = max([today, *(last for _, last in known.values() if last <= latest_day(today))])
    period = Period(until - timedelta(days=days - 1), until)
    return _fitness(connection, lake, athlete, period, min(known, default=until.year), sport_group)


def _fitness(
    connection: Connection, lake: Lake, athlete: Athlete, period: Period, first_year: int, sport_group: str | None
) -> PeriodFitness:
    asked = {"athlete_id": athlete.id, "first": period.first, "until": period.until}
    of_period, of_all, years = Counter[str](), Counter[str](), dict[int, None]()
    for row in rows_of(connection, "measured_tracks", asked):
        of_period[row["sport_group"]] += row["of_period"]
        of_all[row["sport_group"]] += row["activities"]
        years[row["year"]] = None
    groups = sorted(of_all, key=lambda group: (-of_period[group], -of_all[group], group))
    chosen = sport_group or next(iter(groups), "ride")
    return PeriodFitness(
        period.first,
        period.until,
        load_series(connection, athlete.id, period),
        rows_of(connection, "load_methods", asked),
        chosen,
        groups,
        best_curves(connection, athlete.id, period, chosen),
        [*years],
        time_in_zones(connection, lake, athlete.id, period, chosen),
        zone_bounds(connection, period.until, chosen),
        period.first.year > first_year,
    )


def reached_activities(connection: Connection, athlete_id: int, asked: Mapping[str, Any]) -> Values:
    """How many activities a value of the athlete would count for; `asked`: as goal_fields.span_of gives it."""
    return rows_of(connection, "reached_activities", {**asked, "athlete_id": athlete_id})[0]


def estimated_thresholds(lake: Lake) -> list[tuple[float, date]]:
    """The threshold heart rates that loads go by where none is said, in bpm, each with the day of its effort."""
    estimated = f"method = 'heartrate' AND threshold_on IS NOT NULL AND athlete_id = ({sql('owner')})"
    asked = f"SELECT DISTINCT threshold, threshold_on FROM activity_load WHERE {estimated}"
    return if_readable(lake, lambda published: published.execute(asked).fetchall()) or []


def loads(connection: Connection) -> set[tuple[int, float]]:
    """The load of each activity."""
    return {*connection.execute("SELECT activity_id, load FROM activity_load").fetchall()}
