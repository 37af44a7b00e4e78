"""The numbers that every page, answer and file shows of activities, each declared once, with what it means.

A statement writes `{total_distance}` where it wants a total; `lake/sql` puts the SQL of the declaration there. So a page
and `why`, which lists the rows behind a number, can't disagree. What counts at all is said by `counted_activities`.
Bests have a number each: `fastest_5k`, `power_1200` (over 1,200 s), as marks are called.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import urlencode

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.insights.athlete import MOST_LIMITS
from strava_pipeline.core.insights.goals import (
    METRES_PER_MILE,
    Units,
    amount_text,
    clock,
    record_name,
    scaled,
    width_text,
)
from strava_pipeline.core.tables.bests import DISTANCES, DURATIONS


@dataclass(frozen=True, slots=True)
class DeclaredNumber:
    """A total over rows of `counted_activities`, beside each of which stand the columns of `joined`.

    Args:
        name: in addresses, commands and JSON.
        title: for a person.
        measure: the column that holds a row's value, which also says how the number is written.
        unit: m, s, W or nothing.
        sentence: what the number is, and where its method is from.
        total: SQL of the aggregate.
        value: SQL of what a row contributes; these add up to the number.
        lacking: why a row that counts contributes nothing: it has no value.
        said: SQL of what one source's own row says; None: no source says it.
        word: the column of `corrections` with which a person replaces it.
        column: of `activity_list`, whose `computed` says whether it was computed of the track.
        how: the column of `activity_sessions` that says how a file's value came about.
        of_a_day: it is of the last day of a period ($last_on), by all activities up to that.
        joined: SQL of what is known of activities, by `activity_id`, beyond `counted_activities`. `chosen` are the
            rows that the number is of; `$files` the Parquet that is made of tracks.
        reached: of a best: a row counts where its value is at least, or at most, the number. Else all count.
        lacks: SQL of the reason (`REASONS` of lookups/reasons.py) why the activity `near.id` has no value; NULL: `lacking`.
        shown: its name among the totals that Strava shows of an athlete (`stats` of the table `athlete`).
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
    joined: str = ""
    reached: Literal["", ">=", "<="] = ""
    lacks: str = "NULL"
    shown: str = ""

    def text(self, amount: float | None, units: Units) -> str:
        """The number as pages write it."""
        if amount is not None and self.measure in _WRITTEN:
            return _WRITTEN[self.measure](amount)
        return amount_text(self.measure, amount, units)

    def exact_text(self, amount: float | None, units: Units, *, signed: bool = False) -> str:
        """A part of the number, with as many decimals as its other parts have: `1,234.5 km`, `+12.0 km`."""
        if amount is None or self.measure in _EXACT:
            return self.text(amount, units)
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


_WRITTEN: Mapping[str, Callable[[float], str]] = {
    "load": lambda points: f"{round(points):,}",
    "whole": lambda number: f"{round(number):,}",
    "watts": lambda watts: f"{round(watts):,} W",
    "clock": clock,
}
_EXACT = _WRITTEN.keys() - {"load"}  # as they are written


def _within(column: str, most: str) -> str:
    return f"CASE WHEN {column} BETWEEN 0 AND {most} THEN {column} END"  # as counted_activities


def _first_of(period: str) -> str:
    place = f"row_number() OVER (PARTITION BY {period} ORDER BY start_date_local, activity_id)"
    return f"CASE WHEN on_day IS NOT NULL AND {place} = 1 THEN 1 END"


def _left_after(days: int) -> str:
    return f"load * ({days - 1}.0 / {days}) ** ($last_on::DATE - on_day) / {days}"  # as lake/sql/insights/training_load


_WEEK = "date_trunc('week', on_day)"
_COUNTED = "Only what counts: no drive, no leg of what counts as a whole, nothing that can’t be or that you left out."
_LOADS = "SELECT activity_id, load FROM activity_load"
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
        shown="distance",
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
        shown="moving_time",
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
        shown="elevation_gain",
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
        shown="count",
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
        joined=_LOADS,
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
            joined=_LOADS,
        )
        for name, days in (("fitness", 42), ("fatigue", 7))
    ),
    DeclaredNumber(
        "form",
        "Form",
        "load",
        "",
        "Fitness less fatigue, both with the day’s own load (Allen and Coggan take the evening before).",
        f"sum({_left_after(42)} - {_left_after(7)} ORDER BY activity_id)",
        f"{_left_after(42)} - {_left_after(7)}",
        _NO_LOAD,
        of_a_day=True,
        joined=_LOADS,
    ),
)


def _bests() -> Iterator[DeclaredNumber]:
    """What one activity holds, or a day: the greatest or the least of several."""
    for name, unit, metres in (("eddington", "kilometres", 1000.0), ("eddington_miles", "miles", METRES_PER_MILE)):
        yield DeclaredNumber(
            name,
            f"Eddington number in {unit}",
            "whole",
            "",
            "The greatest number E so that on E days you went at least E kilometres, or miles. The first activity of a day "
            "stands for it, with the whole ones of the day.",
            "list_max(list_transform(list_reverse_sort(list(whole) FILTER (whole IS NOT NULL)), "
            "lambda each, place: least(each, place)))",
            "whole",
            "it has no distance, or another activity of its day stands for that",
            joined="SELECT arg_min(activity_id, (start_date_local, activity_id)) AS activity_id, "
            f"floor((sum(distance_m ORDER BY activity_id) + 0.001) / {metres})::BIGINT AS whole "
            "FROM chosen WHERE distance_m > 0 AND on_day IS NOT NULL GROUP BY on_day",
            reached=">=",
        )
    greatest = {
        "longest_distance": ("distance_m", "m"),
        "longest_moving_time": ("clock", "s"),
        "biggest_climb": ("elevation_gain_m", "m"),
    }
    for record, (measure, unit) in greatest.items():
        yield _record(record, measure, unit, "The greatest of one activity, of those that may hold a record.", ">=")
    for record in DISTANCES:
        sentence = (
            "The least time from start to end over the distance: Strava’s best effort, a stretch of the track, or splits. "
            "It is no record where the device alone tells the distance, nor in a virtual world. ≤ marks the time over a "
            "greater distance."
        )
        yield _record(record, "clock", "s", sentence, "<=")
    for seconds in DURATIONS:
        yield DeclaredNumber(
            f"power_{seconds}",
            f"Best power over {width_text(seconds)}",
            "watts",
            "W",
            "The highest mean power of a meter over the time, in one track (mean maximal power: Allen and Coggan).",
            "max(watts)",
            "watts",
            "it has no track with a power meter, or is shorter",
            joined=f"SELECT activity_id, watts FROM activity_power WHERE seconds = {seconds}",
            reached=">=",
            lacks="(SELECT any_value('dismissed') FROM dismissed_bests JOIN track_bests USING (activity_id) "
            f"WHERE activity_id = near.id AND measure = 'watts' AND width = {seconds})",
        )


def _record(record: str, measure: str, unit: str, sentence: str, reached: Literal[">=", "<="]) -> DeclaredNumber:
    kept = "min(CASE WHEN is_dismissed THEN 'dismissed' ELSE 'apart' END)"
    return DeclaredNumber(
        record,
        record_name(record),
        measure,
        unit,
        sentence,
        f"{'max' if reached == '>=' else 'min'}(best)",
        "best",
        "nothing tells it, or it is shorter, or it was carried for a part of its way",
        joined="SELECT activity_id, value AS best FROM activity_bests "
        f"WHERE record = '{record}' AND counts AND on_day IS NOT NULL",
        reached=reached,
        lacks=f"(SELECT {kept} FROM activity_bests WHERE record = '{record}' AND on_day IS NOT NULL AND activity_id = near.id)",
    )


def _zones() -> Iterator[DeclaredNumber]:
    for column, name, title in (("watts", "power", "power"), ("heartrate", "heartrate", "heart rate")):
        for zone in range(1, MOST_LIMITS + 2):
            yield DeclaredNumber(
                f"{name}_zone_{zone}",
                f"Time in zone {zone} of {title}",
                "moving_time_seconds",
                "s",
                "How long a second’s value lay in the zone, by the zones of the sport that held on that day; of tracks, and of "
                "power that a meter measured.",
                TOTAL_IN_ZONE,
                "seconds",
                "it was never in the zone, has no track that tells, or no zone held on its day",
                joined="SELECT activity_id, seconds FROM time_in_zones($files) "
                f"WHERE measure = '{column}' AND zone = {zone}",
            )


TOTAL_IN_ZONE = "sum(seconds ORDER BY activity_id)"
NUMBERS: Mapping[str, DeclaredNumber] = {number.name: number for number in (*_NUMBERS, *_bests(), *_zones())}
"""All declared numbers by name."""


def described() -> dict[str, dict[str, str]]:
    """The numbers as JSON."""
    return {name: {"title": each.title, "unit": each.unit, "sentence": each.sentence} for name, each in NUMBERS.items()}


def by_sentence() -> dict[str, list[DeclaredNumber]]:
    """The numbers that one sentence explains, by that."""
    found: dict[str, list[DeclaredNumber]] = {}
    for number in NUMBERS.values():
        found.setdefault(number.sentence, []).append(number)
    return found


def number_named(name: str) -> DeclaredNumber:
    """The number of a name. Raises MisuseError, which says where all are."""
    if name not in NUMBERS:
        raise MisuseError(f"No number is called {name!r}. `strava-pipeline schema why` lists them all.")
    return NUMBERS[name]


def named_by(measure: str) -> str:
    """The name of the number that adds up a measure."""
    return next(number.name for number in NUMBERS.values() if number.measure == measure)


def query_of(first: date, last: date, sport: str | None = None) -> str:
    """The query of an address that explains a number of these local days, and of a sport or a group of sports."""
    return urlencode({"from": first, "to": last, **({"sport": sport} if sport else {})})


def with_totals(statement: str) -> str:
    """The statement with the SQL of each `{total_NAME}` in it, and of `{total_in_zone}`."""
    for number in NUMBERS.values():
        statement = statement.replace(f"{{total_{number.name}}}", number.total)
    return statement.replace("{total_in_zone}", TOTAL_IN_ZONE)
