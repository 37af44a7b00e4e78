"""A year as it is told to a program: the object of `insights --json`, described in docs/formats.md."""

from dataclasses import asdict
from typing import Any

from strava_pipeline.core.insights.documents import paced_shape
from strava_pipeline.core.insights.told import YearTold


def year_shape(told: YearTold) -> dict[str, Any]:
    """Dates stay dates: how they are written is the caller's."""
    groups: dict[str, dict[str, Any]] = {}
    for each in told.paced:
        groups.setdefault(each.group, {})[each.measure] = paced_shape(each)
    return {
        "year": told.number,
        "until": told.year.until if told.year else None,
        "athlete_id": told.athlete_id,
        "units": told.units,
        "sports": list(told.sports),
        "totals": asdict(told.totals),
        "by_month": [{"month": month, **asdict(sums)} for month, sums in told.by_month],
        "by_sport": [
            {"sport_type": sport, "sport_group": group, **asdict(sums)} for sport, group, sums in told.by_sport
        ],
        "pacing": groups,
        "records": [asdict(each) for each in told.records],
        "streaks": [asdict(each) for each in told.streaks],
        "eddington": [asdict(each) for each in told.eddington],
        "gear": [asdict(each) for each in told.gear],
        "training_load": [asdict(each) for each in told.load],
        "unknown_sports": told.unknown_sports,
        "undated_activities": told.undated,
        "later_activities": told.later,
        "activities_of_others": told.others,
    }
