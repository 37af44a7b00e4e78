"""A year as one HTML page that needs nothing else, no script, no network; and its charts. The markup stands in page/.

Everything is escaped on its way into the page. There are no positions in it, and no titles of activities.
"""

from collections.abc import Sequence
from typing import Any

from strava_pipeline.core.insights.chart import year_chart
from strava_pipeline.core.insights.documents import Paced
from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.insights.heat import calendar
from strava_pipeline.core.insights.measures import MEASURES
from strava_pipeline.core.insights.pacing import Year
from strava_pipeline.core.insights.told import Record, Sums, YearTold
from strava_pipeline.core.insights.words import (
    MONTHS,
    NOTHING,
    amount_told,
    day_told,
    group_name,
    record_name,
    record_told,
)
from strava_pipeline.core.sports import ALL
from strava_pipeline.core.tables.insights import DISTANCES
from strava_pipeline.core.text import counted, templates

MOST_CHARTS = 6
_UNASKED = 2  # charts of groups that no goal is set for, where no other group has one either
_SUMS = ("distance_m", "moving_time_seconds", "elevation_gain_m")
_ORDER = {
    name: place for place, name in enumerate(("longest_distance", "longest_moving_time", "biggest_climb", *DISTANCES))
}


def year_page(told: YearTold) -> str:
    """The page of a year."""
    units = told.units
    return (
        templates(__package__)
        .get_template("report.html")
        .render(
            number=told.number,
            until=None if told.year is None or told.year.is_over else day_told(told.year.until),
            sports=told.sports,
            tiles=_tiles(told),
            charts=[] if told.year is None else [year_chart(each, told.year, units) for each in shown(told.paced)],
            goals=goal_rows(told),
            calendar=calendar(told.number, told.days, units),
            months=_months(told),
            by_sport=[(sport or NOTHING, group_name(group), _row(sums, units)) for sport, group, sums in told.by_sport],
            records=_records(told),
            eddington=[(group_name(each.group), each) for each in told.eddington],
            gear=[
                (
                    each,
                    amount_told("distance_m", each.distance_m, units),
                    amount_told("distance_m", each.distance_of_all_m, units),
                )
                for each in told.gear
            ],
            load=[
                (_LOADS.get(each.measure, each.measure), day_told(each.on_day), each, day_told(each.highest_on))
                for each in told.load
            ],
            unit="km" if units == "km" else "miles",
            unknown_sports=told.unknown_sports,
            begun=told.year is not None,
            undated=told.undated,
            later=told.later,
            others=told.others,
        )
    )


def chart_svg(each: Paced, year: Year, units: Units) -> str:
    """One chart as an SVG document of its own."""
    return templates(__package__).get_template("chart.svg").render(c=year_chart(each, year, units), alone=True)


def shown(paced: Sequence[Paced]) -> list[Paced]:
    """What is drawn: whatever a person set a goal for; else the distance of the groups that took most time."""
    asked = [each for each in paced if each.own]
    if asked:
        return asked[:MOST_CHARTS]
    time = {each.group: each.total for each in paced if each.measure == "moving_time_seconds"}
    far = [each for each in paced if each.measure == "distance_m" and each.group != ALL]
    return sorted(far, key=lambda each: time.get(each.group, 0.0), reverse=True)[:_UNASKED]


def goal_rows(told: YearTold) -> list[dict[str, Any]]:
    """A row per goal of a person's own."""
    return [
        {
            "group": group_name(each.group),
            "measure": next(measure.title for measure in MEASURES if measure.name == each.measure),
            "goal": amount_told(each.measure, goal.goal, told.units),
            "total": amount_told(each.measure, each.total, told.units),
            "percent": each.total / goal.goal * 100,
            "ahead": goal.ahead >= 0,
            "apart": amount_told(each.measure, abs(goal.ahead), told.units),
            "required": amount_told(each.measure, goal.required * 7, told.units) if goal.required else NOTHING,
            "projected": amount_told(each.measure, each.projected, told.units),
            "achieved_on": day_told(goal.achieved_on) if goal.achieved_on else None,
            "over": told.year is None or told.year.is_over,
        }
        for each in told.paced
        if each.own
        for goal in each.goals
    ]


_LOADS = {"relative_effort": "Relative effort", "training_stress": "Training stress (power)"}


def _tiles(told: YearTold) -> list[tuple[str, str, str]]:
    """Name, number, and a smaller word."""
    totals, units = told.totals, told.units
    found = [
        ("activities", f"{totals.activities:,}", f"on {counted(totals.active_days, 'day')}"),
        ("distance", amount_told("distance_m", totals.distance_m, units), ""),
        ("moving time", amount_told("moving_time_seconds", totals.moving_time_seconds, units), ""),
        ("climb", amount_told("elevation_gain_m", totals.elevation_gain_m, units), ""),
    ]
    for streak in told.streaks:
        found.append((f"longest streak, {streak.unit}s", f"{streak.length:,}", f"from {day_told(streak.starts_on)}"))
    if told.eddington:
        best = told.eddington[0]
        found.append(
            (
                "Eddington number",
                f"{best.of_all:,}",
                f"{group_name(best.group).lower()}, {'km' if units == 'km' else 'miles'}, all years",
            )
        )
    return found


def _months(told: YearTold) -> list[dict[str, Any]]:
    """Twelve rows; `share`: of the month with the most time, in percent."""
    held = dict(told.by_month)
    most = max([sums.moving_time_seconds or 0 for sums in held.values()] or [0]) or 1
    return [
        {
            "name": name,
            "row": _row(held[place], told.units) if place in held else None,
            "share": ((held[place].moving_time_seconds or 0) / most * 100) if place in held else 0,
        }
        for place, name in enumerate(MONTHS, start=1)
    ]


def _row(sums: Sums, units: Units) -> list[str]:
    return [
        f"{sums.activities:,}",
        f"{sums.active_days:,}",
        *(amount_told(name, getattr(sums, name) or None, units) for name in _SUMS),
    ]


def _records(told: YearTold) -> list[tuple[str, list[dict[str, Any]]]]:
    """By group, the groups with most activities first."""
    count: dict[str, int] = {}
    for _, group, sums in told.by_sport:
        count[group] = count.get(group, 0) + sums.activities
    groups = sorted({record.group for record in told.records}, key=lambda group: (-count.get(group, 0), group))
    return [
        (group_name(group), [_record(each, told.units) for each in _in_order(told.records, group)]) for group in groups
    ]


def _in_order(records: Sequence[Record], group: str) -> list[Record]:
    return sorted(
        (each for each in records if each.group == group), key=lambda each: _ORDER.get(each.record, len(_ORDER))
    )


def _record(each: Record, units: Units) -> dict[str, Any]:
    return {
        "name": record_name(each.record),
        "value": record_told(each.value, each.unit, each.record, units),
        "on": day_told(each.on_day),
        "link": f"https://www.strava.com/activities/{each.activity_id}" if each.activity_id > 0 else None,
        "all_time": each.all_time,
        "by_splits": each.told_by == "splits",
    }
