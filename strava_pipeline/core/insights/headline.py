"""The numbers that stand for a year: by name with their unit, for one who draws them over the years."""

from collections.abc import Iterable, Sequence

from strava_pipeline.core.insights.documents import Day, Paced
from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.insights.words import scaled
from strava_pipeline.core.sports import ALL

_NAMES = {
    "distance_m": "distance",
    "moving_time_seconds": "moving_time",
    "elevation_gain_m": "elevation_gain",
    "activities": "activities",
}
_SIGNS = {"mi": "miles", "h": "hours"}


def headline(days: Sequence[Day], paced: Iterable[Paced], units: Units) -> dict[str, float]:
    """What all sports come to, and of each measure with a person's goal how far ahead of the desire line it is."""
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
