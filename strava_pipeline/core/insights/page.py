"""A self-contained HTML page of a year, without scripts or network: its contents, as texts.

The markup stands in page/ and escapes everything. No positions, and no titles of activities unless they are given.
"""

from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any

from strava_pipeline.core.insights.calendar import calendar
from strava_pipeline.core.insights.charts import fitness_chart
from strava_pipeline.core.insights.declared_numbers import named_by, query_of
from strava_pipeline.core.insights.documents import Record, Sums, YearSummary
from strava_pipeline.core.insights.goals import (
    MEASURES,
    MONTHS,
    NOTHING,
    Units,
    amount_text,
    difference_text,
    group_name,
    record_name,
    record_text,
)
from strava_pipeline.core.insights.heat import HeatPicture
from strava_pipeline.core.insights.pacing import PacedMeasure
from strava_pipeline.core.insights.table_columns import without_empty_columns
from strava_pipeline.core.insights.year_views import MOST_SPORTS, sports_of, usual_show, year_views
from strava_pipeline.core.sports import ALL, sport_name
from strava_pipeline.core.tables.bests import DISTANCES
from strava_pipeline.core.text import counted, templates
from strava_pipeline.core.years import month_end

MOST_CHARTS = 6
_WITHOUT_GOALS = 2  # charts where the user has set no goal
_COUNT = "activities"  # the measure that has no unit
_SUMS = ("distance_m", "moving_time_seconds", "elevation_gain_m")
_ORDER = {
    name: place for place, name in enumerate(("longest_distance", "longest_moving_time", "biggest_climb", *DISTANCES))
}


def year_page(summary: YearSummary, *, names: Mapping[int, str] | None = None, heat: HeatPicture | None = None) -> str:
    """The page of a year. `names`: titles of activities by id; `heat`: a map; both are private, and the page says so."""
    values = year_values(summary, names=names)
    views, groups = year_views(summary), sports_of(summary)[: MOST_SPORTS + 1]
    chosen = {
        "views": views if summary.year is not None else [],
        "shown": (usual_show(summary), ALL),
        "sport_groups": [(each, group_name(each)) for each in groups],
    }
    charts = [fitness_chart(summary.load_days, summary.number, summary.dates)] if summary.load_days else []
    environment = templates(__package__)
    environment.filters["without_empty_columns"] = without_empty_columns
    return environment.get_template("report.html").render(**values, **chosen, charts=charts, heat=heat)


def year_values(summary: YearSummary, *, names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """The contents of a year's page, as texts by the names of the templates; without charts and map."""
    units = summary.units
    return {
        "number": summary.number,
        "until": None if summary.year is None or summary.year.is_over else summary.day(summary.year.until),
        "sports": summary.sports,
        "query": _query(summary),
        "tiles": _tiles(summary),
        "goals": (goals := goal_rows(summary)),
        "present_goals": present_rows(summary),
        "scale": max([100.0, *(goal["percent"] for goal in goals)]),
        "calendar": calendar(summary),
        "months": _months(summary),
        "by_sport": [
            (
                sport_name(sport or NOTHING),
                group_name(group),
                _row(sums, units),
                _query(summary, sport) if sport else None,  # no filter selects what has no sport
            )
            for sport, group, sums in summary.by_sport
        ],
        "records": _records(summary, names or {}),
        "told": {each.told_by for each in summary.records if each.record in DISTANCES},
        "names": names is not None,
        "eddington": [(group_name(each.group), each) for each in summary.eddington],
        "gear": [
            (
                each,
                amount_text("distance_m", each.distance_m, units),
                amount_text("distance_m", each.distance_of_all_m, units),
            )
            for each in summary.gear
        ],
        "load": (load := summary.load),
        "load_days": (summary.day(load.on_day), summary.day(load.highest_on)) if load else (),
        "unit": "km" if units == "km" else "miles",
        "unknown_sports": summary.unknown_sports,
        "begun": summary.year is not None,
        "undated": summary.undated,
        "later": summary.later,
        "others": summary.others,
        "without": {"moving time": summary.without_moving_time, "climb": summary.without_climb},
    }


def charted(paced: Sequence[PacedMeasure]) -> list[PacedMeasure]:
    """The measures that get a chart: those with a goal of the user, or else the distance of the groups with most time."""
    with_goals = [each for each in paced if each.own]
    if with_goals:
        return with_goals[:MOST_CHARTS]
    time = {each.group: each.total for each in paced if each.measure == "moving_time_seconds"}
    far = [each for each in paced if each.measure == "distance_m" and each.group != ALL]
    return sorted(far, key=lambda each: time.get(each.group, 0.0), reverse=True)[:_WITHOUT_GOALS]


def goal_rows(summary: YearSummary) -> list[dict[str, Any]]:
    """A row for each goal that the user set."""
    is_over = summary.year is None or summary.year.is_over
    return [
        {
            "group": group_name(each.group),
            "measure": next(measure.title for measure in MEASURES if measure.name == each.measure),
            "number": named_by(each.measure),
            "query": _query(summary, None if each.group == ALL else each.group),
            "goal": amount_text(each.measure, goal.goal, summary.units),
            "total": _paced(each.measure, each.total, summary.units),
            "percent": each.total / goal.goal * 100,
            "ahead": goal.ahead >= 0,
            "on_pace": each.measure == _COUNT and round(goal.ahead) == 0,
            "apart": difference_text(each.measure, each.total, goal.goal, summary.units)
            if is_over and each.measure != _COUNT
            else _paced(each.measure, abs(goal.ahead), summary.units),
            "required": _required(each.measure, goal.required * 7, summary.units) if goal.required else NOTHING,
            "projected": _paced(each.measure, each.projected, summary.units),
            "achieved_on": summary.day(goal.achieved_on) if goal.achieved_on else None,
            "over": is_over,
        }
        for each in summary.paced
        if each.own
        for goal in each.goals
    ]


def present_rows(summary: YearSummary) -> list[dict[str, Any]]:
    """A row for each goal of the present week and month."""
    return [
        {
            "period": each.period,
            "group": group_name(each.group),
            "measure": next(measure.title for measure in MEASURES if measure.name == each.measure),
            "number": named_by(each.measure),
            "query": query_of(each.first_on, each.last_on, None if each.group == ALL else each.group),
            "goal": amount_text(each.measure, each.goal, summary.units),
            "total": _paced(each.measure, each.total, summary.units),
            "percent": each.total / each.goal * 100,
            "reached": each.reached,
            "left": "reached" if each.reached else f"{counted(each.days_left, 'day')} left",
        }
        for each in summary.present
    ]


def _paced(measure: str, amount: float, units: Units) -> str:
    """An amount next to a goal; activities are whole numbers with a noun: `6 activities`."""
    return counted(round(amount), "activity") if measure == _COUNT else amount_text(measure, amount, units)


def _required(measure: str, a_week: float, units: Units) -> str:
    """The rate that a goal still needs: `160 km a week`, `5 activities a week`, `1 activity every 3 weeks`."""
    if measure != _COUNT:
        return f"{amount_text(measure, a_week, units)} a week"
    weeks = floor(1 / a_week)
    return f"1 activity every {weeks} weeks" if weeks > 1 else f"{counted(ceil(a_week), 'activity')} a week"


def _tiles(summary: YearSummary) -> list[tuple[str, str, str]]:
    """The tiles: name, number, and a smaller line below."""
    totals, units = summary.totals, summary.units
    found = [
        ("activities", f"{totals.activities:,}", f"on {counted(totals.active_days, 'day')}"),
        ("distance", amount_text("distance_m", totals.distance_m or None, units), ""),
        ("moving time", amount_text("moving_time_seconds", totals.moving_time_seconds or None, units), ""),
        ("climb", amount_text("elevation_gain_m", totals.elevation_gain_m or None, units), ""),
    ]
    for streak in summary.streaks:
        found.append(
            (
                f"longest streak, {streak.unit}s",
                f"{streak.length:,}",
                f"from {summary.day(streak.starts_on)}",
            )
        )
    if summary.eddington:
        best = summary.eddington[0]
        found.append(
            (
                "Eddington number",
                f"{best.of_all:,}",
                f"{group_name(best.group).lower()}, {'km' if units == 'km' else 'miles'}, all years",
            )
        )
    return found


def _months(summary: YearSummary) -> list[dict[str, Any]]:
    """Twelve rows; `share`: time in percent of that in the month with the most."""
    held = dict(summary.by_month)
    most = max([sums.moving_time_seconds or 0 for sums in held.values()] or [0]) or 1
    return [
        {
            "name": name,
            "query": _query(summary, month=place),
            "row": _row(held[place], summary.units) if place in held else None,
            "share": ((held[place].moving_time_seconds or 0) / most * 100) if place in held else 0,
        }
        for place, name in enumerate(MONTHS, start=1)
    ]


def _query(summary: YearSummary, sport: str | None = None, month: int | None = None) -> str:
    """What explains the numbers of the year so far, or of a month or a sport of it."""
    if summary.year is None:  # and no number
        return ""
    first, last = summary.year.first, summary.year.until
    if month:
        first = first.replace(month=month)
        last = min(last, month_end(first))
    return query_of(first, last, sport)


def _row(sums: Sums, units: Units) -> list[str]:
    return [
        f"{sums.activities:,}",
        f"{sums.active_days:,}",
        *(amount_text(name, getattr(sums, name) or None, units) for name in _SUMS),
    ]


def _records(summary: YearSummary, names: Mapping[int, str]) -> list[tuple[str, list[dict[str, Any]]]]:
    """The records by group, the groups with most time first."""
    time: dict[str, int] = {}
    for _, group, sums in summary.by_sport:
        time[group] = time.get(group, 0) + (sums.moving_time_seconds or 0)
    groups = sorted({record.group for record in summary.records}, key=lambda group: (-time.get(group, 0), group))
    return [
        (group_name(group), [_record(each, summary, names) for each in _in_order(summary.records, group)])
        for group in groups
    ]


def _in_order(records: Sequence[Record], group: str) -> list[Record]:
    return sorted((each for each in records if each.group == group), key=lambda each: record_place(each.record))


def record_place(record: str) -> int:
    """The rank of a kind of record: the longest first, then the fastest from short to long."""
    return _ORDER.get(record, len(_ORDER))


def how_told(told_by: str, measured_by: str | None = None) -> str:
    """How a best was measured, in a few words; empty for values of the activity itself."""
    by = "" if told_by == "activity" else "Strava" if told_by == "best_effort" else told_by
    how = {"device": "distance by the device", "lengths": "lengths of the pool", "virtual": "in a virtual world"}
    return ", ".join(filter(None, (by, how.get(measured_by or ""))))


def _record(each: Record, summary: YearSummary, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "record": each.record,
        "name": record_name(each.record),
        "query": _query(summary, each.group),
        "value": record_text(each.value, each.unit, each.record, summary.units, each.group, each.at_most),
        "on": summary.day(each.on_day),
        "title": names.get(each.activity_id),
        "activity_id": each.activity_id,
        "link": f"https://www.strava.com/activities/{each.activity_id}" if each.by_api else None,
        "all_time": each.all_time,
        "how": how_told(each.told_by, each.measured_by),
    }
