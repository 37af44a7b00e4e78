"""The numbers that every page, answer and file shows as totals, each declared once, with what it means.

A statement writes `{total_distance}` where it wants a total; `lake/sql` puts the SQL of the declaration there. So a page
and `why`, which lists the rows behind a number, can't disagree. What counts at all is said by `counted_activities`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.insights.goals import NOTHING, Units, amount_text, scaled


@dataclass(frozen=True, slots=True)
class DeclaredNumber:
    """A total over rows of `counted_activities`, with `load` of `activity_load`.

    Args:
        name: in addresses, commands and JSON.
        title: for a person.
        measure: the column that holds a row's value, which also says how the number is written.
        unit: m, s or nothing.
        sentence: what the number is, and where its method is from.
        total: SQL of the aggregate.
        value: SQL of what a row contributes; these add up to the number.
        lacking: why a row that counts contributes nothing: it has no value.
        said: SQL of what one source's own row says; None: no source says it.
        word: the column of `corrections` with which a person replaces it.
        column: of `activity_list`, whose `computed` says whether it was computed of the track.
        how: the column of `activity_sessions` that says how a file's value came about.
        of_a_day: it is of the last day of a period ($last_on), by all activities up to that.
    """

    name: str
    title: str
    measure: str
    unit: str
    sentence: str
    total: str
    value: str
    lacking: str = ""
    said: str | None = None
    word: str | None = None
    of_a_day: bool = False
    column: str = ""
    how: str = "NULL"

    def text(self, amount: float | None, units: Units) -> str:
        """The number as pages write it."""
        if self.measure == "load":  # points
            return NOTHING if amount is None else f"{round(amount):,}"
        return amount_text(self.measure, amount, units)

    def exact_text(self, amount: float | None, units: Units, *, signed: bool = False) -> str:
        """A part of the number, with as many decimals as its other parts have: `1,234.5 km`, `+12.0 km`."""
        if amount is None:
            return NOTHING
        value, unit, decimals = self._exact(amount, units)
        return f"{value:{'+' if signed else ''},.{decimals}f} {unit}".rstrip()

    def rounding(self, parts: Iterable[float], difference: float, units: Units) -> str | None:
        """What the parts of a difference lack of it as they are written, or None where they add up."""
        written = sum(self._exact(part, units)[0] for part in parts)
        value, unit, decimals = self._exact(difference, units)
        left = round(value - written, decimals)
        return f"{left:+,.{decimals}f} {unit}".rstrip() if left else None

    def _exact(self, amount: float, units: Units) -> tuple[float, str, int]:
        value, unit = scaled(self.measure, amount, units)
        decimals = 2 if unit in ("km", "mi", "h") or self.of_a_day else 0
        return round(value, decimals) + 0.0, unit, decimals


def _within(column: str, most: str) -> str:
    return f"CASE WHEN {column} BETWEEN 0 AND {most} THEN {column} END"  # as counted_activities


def _first_of(period: str) -> str:
    place = f"row_number() OVER (PARTITION BY {period} ORDER BY start_date_local, activity_id)"
    return f"CASE WHEN on_day IS NOT NULL AND {place} = 1 THEN 1 END"


def _left_after(days: int) -> str:
    return f"load * ({days - 1}.0 / {days}) ** ($last_on::DATE - on_day) / {days}"  # as lake/sql/insights/training_load


_WEEK = "date_trunc('week', on_day)"
_COUNTED = "Only what counts: no drive, no leg of what counts as a whole, nothing that can’t be or that you left out."
_NO_LOAD = "it has no power, heart rate, pace or relative effort to measure it by"
_NUMBERS = (
    DeclaredNumber(
        "distance",
        "Distance",
        "distance_m",
        "m",
        "The sum of distances: of each activity your own word, or else what its leading source says, each activity once.",
        "sum(distance_m ORDER BY activity_id)",
        "distance_m",
        "no source says a distance that can be",
        _within("distance", "4e7"),
        "distance",
        column="distance",
        how="distance_by",
    ),
    DeclaredNumber(
        "time",
        "Moving time",
        "moving_time_seconds",
        "s",
        "The sum of times in motion: your own word, the leading source’s, or else computed of the track; where nothing tells "
        "of motion, from start to end.",
        "sum(moving_time_seconds)::BIGINT",
        "moving_time_seconds",
        "no source says how long it took, and there is no track",
        f"coalesce({_within('moving_time', '1e9')}, {_within('elapsed_time', '1e9')})",
        "moving_time",
        column="moving_time",
        how="moving_time_by",
    ),
    DeclaredNumber(
        "climb",
        "Climb",
        "elevation_gain_m",
        "m",
        "The sum of climbs: as the leading source says, or else computed of the track’s heights; never of what lifts carry "
        "(alpine skiing, snowboarding).",
        "sum(elevation_gain_m ORDER BY activity_id)",
        "elevation_gain_m",
        "no source says a climb, the track has no heights, or a lift carried it",
        _within("total_elevation_gain", "1e6"),
        column="total_elevation_gain",
    ),
    DeclaredNumber(
        "activities",
        "Activities",
        "activities",
        "",
        f"How many activities there are; what several services have of one effort counts once. {_COUNTED}",
        "count(*)",
        "1",
        said="1",
    ),
    DeclaredNumber(
        "days",
        "Active days",
        "activities",
        "",
        "How many local days have an activity, by the athlete’s clock at its start. The first activity of a day contributes it.",
        "count(DISTINCT on_day)",
        _first_of("on_day"),
        "another activity of its day is before it, or it has no day",
    ),
    DeclaredNumber(
        "weeks",
        "Active weeks",
        "activities",
        "",
        "How many weeks, from Monday on, have an activity. The first activity of a week contributes it.",
        f"count(DISTINCT {_WEEK})",
        _first_of(_WEEK),
        "another activity of its week is before it, or it has no day",
    ),
    DeclaredNumber(
        "load",
        "Training load",
        "load",
        "",
        "The sum of loads; an hour at threshold is 100. Each by the first that it allows: power (Allen and Coggan), heart rate "
        "(Banister), pace, or Strava’s relative effort.",
        "sum(load ORDER BY activity_id)",
        "load",
        _NO_LOAD,
    ),
    *(
        DeclaredNumber(
            name,
            name.capitalize(),
            "load",
            "",
            f"What the loads up to a day leave of themselves: 1/{days} on their own day, {days - 1}/{days} of that a day later: "
            f"{name} follows the load by 1/{days} of the difference (Allen and Coggan, after Banister).",
            f"sum({_left_after(days)} ORDER BY activity_id)",
            _left_after(days),
            _NO_LOAD,
            of_a_day=True,
        )
        for name, days in (("fitness", 42), ("fatigue", 7))
    ),
)
NUMBERS: Mapping[str, DeclaredNumber] = {number.name: number for number in _NUMBERS}
"""All declared numbers by name."""


def described() -> dict[str, dict[str, str]]:
    """The numbers as JSON."""
    return {name: {"title": each.title, "unit": each.unit, "sentence": each.sentence} for name, each in NUMBERS.items()}


def number_named(name: str) -> DeclaredNumber:
    """The number of a name. Raises MisuseError, which names all."""
    if name not in NUMBERS:
        raise MisuseError(f"No number is called {name!r}. These are: {', '.join(NUMBERS)}.")
    return NUMBERS[name]


def named_by(measure: str) -> str:
    """The name of the number that adds up a measure."""
    return next(number.name for number in NUMBERS.values() if number.measure == measure)


def query_of(first: date, last: date, sport: str | None = None) -> str:
    """The query of an address that explains a number of these local days, and of a sport or a group of sports."""
    return urlencode({"from": first, "to": last, **({"sport": sport} if sport else {})})


def with_totals(statement: str) -> str:
    """The statement with the SQL of each `{total_NAME}` in it."""
    for number in NUMBERS.values():
        statement = statement.replace(f"{{total_{number.name}}}", number.total)
    return statement
