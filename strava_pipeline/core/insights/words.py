"""Amounts as people read them, in kilometres or miles. A dash stands for what is not known."""

from datetime import date

from strava_pipeline.core.insights.goals import Units
from strava_pipeline.core.insights.measures import METRES_PER_FOOT, METRES_PER_MILE

NOTHING = "–"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
GROUPS = {"all": "All", "e_ride": "E-bike", "gym": "Gym"}


def scaled(measure: str, amount: float, units: Units) -> tuple[float, str]:
    """An amount of a measure in the unit that it is shown in, and that unit's sign."""
    if measure == "distance_m":
        return (amount / 1000, "km") if units == "km" else (amount / METRES_PER_MILE, "mi")
    if measure == "elevation_gain_m":
        return (amount, "m") if units == "km" else (amount / METRES_PER_FOOT, "ft")
    if measure == "moving_time_seconds":
        return amount / 3600, "h"
    return amount, ""


def amount_told(measure: str, amount: float | None, units: Units) -> str:
    """`1,234 km`, `12.5 km`, `310 h`, `12,040 m`, `204`; small ones with a decimal."""
    if amount is None:
        return NOTHING
    value, unit = scaled(measure, amount, units)
    small = abs(value) < 100 if unit in ("km", "mi", "h") else not unit and abs(value) < 10 and value != int(value)
    return f"{value:,.{1 if small else 0}f} {unit}".rstrip()


def clock(seconds: float) -> str:
    """`4:05`, `1:02:45`: how long something took."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def record_name(record: str) -> str:
    """`Fastest half marathon`, `Fastest 10 km`, `Longest distance`."""
    words = record.replace("_", " ")
    if words.endswith("k") and words[-2].isdigit():
        words = f"{words[:-1]} km"
    return words[0].upper() + words[1:].replace("400m", "400 m")


def record_told(value: float, unit: str, record: str, units: Units) -> str:
    if unit == "s":
        return clock(value)
    return amount_told("elevation_gain_m" if record == "biggest_climb" else "distance_m", value, units)


def group_name(group: str) -> str:
    return GROUPS.get(group) or group.capitalize()


def day_told(day: date | None) -> str:
    """`5 Mar 2026`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}" if day is not None else NOTHING
