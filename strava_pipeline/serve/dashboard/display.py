"""Values as pages show them, in the athlete's units: the filters of the templates. Values come in metres, seconds and m/s.

Services and files write 0 where nothing was measured: a distance, a climb, a heart rate, a power of 0 is a dash. Where 0 is a
measurement (`height`, `temperature`, a difference), it is shown.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, tzinfo
from functools import partial
from math import ceil, isfinite
from typing import Any

from jinja2 import pass_context
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.insights.body import measured_text
from strava_pipeline.core.insights.declared_numbers import query_of
from strava_pipeline.core.insights.goals import (
    METRES_PER_MILE,
    MONTH_NAMES,
    NOTHING,
    USUAL_DATES,
    Dates,
    Units,
    amount_text,
    clock,
    day_text,
    group_name,
    pace_or_speed,
    record_name,
    record_text,
    speed,
    width_text,
)
from strava_pipeline.core.insights.page import how_told
from strava_pipeline.core.insights.table_columns import without_empty_columns
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sheets.header import DURATION, IDS, SPORT, START
from strava_pipeline.core.sports import GROUP_OF, OTHER, sport_name
from strava_pipeline.core.tables.bests import DISTANCES
from strava_pipeline.core.text import counted, printable
from strava_pipeline.core.wellness import EXPORTS
from strava_pipeline.core.widgets import cell_text
from strava_pipeline.core.years import month_end, years_by_day
from strava_pipeline.lookups.fitness import Best
from strava_pipeline.serve.dashboard.names import name, titled
from strava_pipeline.serve.dashboard.sentences import clocked, day, moment, prose, text_moment


def shown(value: Any) -> Any:
    """A template's output, with escapes for characters that would show a line in another order."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def distance(metres: float | None, units: Units) -> str:
    return amount_text("distance_m", _measured(metres) or None, units)


_KINDS = {
    "update_name": "name",
    "update_gear": "gear",
    "update_metadata": "duration",
    "add_activity": "a row",
    "link_activity": "ids",
    "create_gear": "new gear",
    "upload_activity": "upload",
    "download_file": "the file",
}


def change_kind(kind: str) -> str:
    """The noun for a change's kind, before `of` and the name of an activity."""
    return _KINDS.get(kind, kind.replace("_", " "))


def change_value(value: Any, kind: str, units: Units, zone: tzinfo, dates: Dates = USUAL_DATES) -> Markup:
    """A value of a change, old or new; for several fields, those with a value. Empty if absent."""
    if isinstance(value, Mapping):
        given = {field: each for field, each in value.items() if each or (each == 0 and field in _ZERO_SAYS)}
        return Markup(", ").join(
            Markup("{} {}").format(field_name(field), name(_field_value(field, each, units, zone, dates)))
            for field, each in given.items()
        )
    if kind == "download_file" and isinstance(value, str):
        return Markup("the file from {}").format(service(value))
    if kind == "update_metadata" and isinstance(value, int):
        return Markup(clock(value))
    return Markup("") if value is None else name(str(value))


_FIELDS = {
    "activity_type": "sport",
    "avg_cadence": "cadence",
    "avg_heart_rate": "heart rate",
    "duration_hms": "duration",
    "location_name": "place",
    "max_elevation": "highest point",
    "max_heart_rate": "highest heart rate",
    "max_speed": "highest speed",
    "notes": "name",
    "start_time": "start",
    "total_elevation_gain": "climb",
    "with_names": "with",
}
"""Columns of a person's own table with other names on this page."""
_ZERO_SAYS = ("temperature", "max_elevation")
"""Fields in which 0 is a measurement; in others it means "not measured"."""
_SIGNS = {"avg_heart_rate": "bpm", "calories": "kcal", "max_heart_rate": "bpm"}


def field_name(field: str) -> str:
    """A field of a change: `start`, `heart rate`, `id at Strava`."""
    if field in IDS:
        return f"id at {service(IDS[field])}"
    return _FIELDS.get(field, field.replace("_", " "))


def _field_value(field: str, value: Any, units: Units, zone: tzinfo, dates: Dates) -> str:
    """The text of a field, whose numbers are SI."""
    if field == START and isinstance(value, str):
        return text_moment(value, zone, dates)
    if field == SPORT and isinstance(value, str):
        return sport(value)
    if isinstance(value, int | float) and (shown_as := _FIELD_TEXTS.get(field)):
        return shown_as(value, units)
    text = f"{value:,.10g}" if isinstance(value, float) else str(value)
    return f"{text} {_SIGNS[field]}" if field in _SIGNS else text


def temperature(celsius: float, units: Units) -> str:
    """`18 °C`; of imperial units `64 °F`."""
    return f"{celsius:.0f} °C" if units == "km" else f"{celsius * 1.8 + 32:.0f} °F"


def height(metres: float | None, units: Units) -> str:
    """A height above the sea: `310 m`, `0 m`."""
    measured = _measured(metres)
    return amount_text("elevation_gain_m", 0.0 if measured is not None and abs(measured) < 0.5 else measured, units)


def climb(metres: float | None, units: Units) -> str:
    return height(metres or None, units)


def climb_difference(metres: float | None, units: Units) -> str:
    """A change of height, with its sign: `+12 m`, `-3 m`."""
    text = height(metres, units)
    return f"+{text}" if metres is not None and text[0] not in f"-0{NOTHING}" else text


def duration(seconds: float | None) -> str:
    return NOTHING if seconds is None or not isfinite(seconds) else clock(seconds)


def hours(seconds: float | None) -> str:
    return amount_text("moving_time_seconds", _measured(seconds), "km")


def _measured(value: float | None) -> float | None:
    """None for NaN, which files may contain."""
    return value if value is not None and isfinite(value) else None


def whole(value: float | None, unit: str = "") -> str:
    """A number without decimals: `142 bpm`. Nothing that has a unit is 0 where it was measured."""
    if value is None or not isfinite(value) or (unit and not value):
        return NOTHING
    return f"{round(value):,} {unit}".rstrip()


_FIELD_TEXTS: Mapping[str, Callable[[float, Units], str]] = {
    DURATION: lambda seconds, _: clock(seconds),
    "distance": distance,
    "max_elevation": height,
    "max_speed": lambda metres_a_second, units: speed(metres_a_second, OTHER, units),
    "temperature": temperature,
    "total_elevation_gain": climb,
}


def month(text: str) -> str:
    """`2026-10` as `October 2026`."""
    return f"{MONTH_NAMES[int(text[5:7]) - 1]} {text[:4]}"


_RECORDS = {metres: record for record, metres in DISTANCES.items()}
_LENGTHS = {metres: record_name(record).removeprefix("Fastest ") for metres, record in _RECORDS.items()}


def short_distance(metres: float | None, units: Units) -> str:
    """A length to the metre: `430 m`, `1.61 km`; in imperial units `0.27 mi`."""
    if metres is None or not isfinite(metres):
        return NOTHING
    if units == "km":
        return f"{metres:.0f} m" if metres < 1000 else f"{metres / 1000:.2f} km"
    return f"{metres / METRES_PER_MILE:.2f} mi"


def grade(percent: float) -> str:
    """A mean slope: `+4.2 %`, or `0 %`."""
    return f"{percent:+.1f} %" if abs(percent) >= 0.05 else "0 %"


def years(numbers: Sequence[int]) -> str:
    """Years in order: `2019, 2021 to 2026`."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in found)


def window(width: float, measure: str) -> str:
    """The width of a curve's window: seconds for power (`20 min`), metres for pace (`400 m`, `1 mile`, `5 km`)."""
    if measure != "watts":
        usual = f"{width:.0f} m" if width < 1000 else f"{width / 1000:.4g} km"
        return _LENGTHS.get(int(width), usual)
    return width_text(width)


def of_window(width: float, measure: str) -> str:
    """The declared number of a curve's point."""
    return f"power_{width:.0f}" if measure == "watts" else _RECORDS[int(width)]


def of_month(month: str, first: date, last: date) -> str:
    """The query of a month's days (2026-10) from `first` to `last`."""
    begins = date.fromisoformat(f"{month}-01")
    return query_of(max(begins, first), min(month_end(begins), last))


def of_zone(zone: int, measure: str) -> str:
    """The declared number of the time in a zone."""
    return f"{'power' if measure == 'watts' else measure}_zone_{zone}"


def zone_range(from_value: float, below_value: float | None, measure: str) -> str:
    """The whole watts or beats of a zone: `up to 108 bpm`, `109–132 bpm`, `from 168 bpm`."""
    unit, least = ("W" if measure == "watts" else "bpm"), ceil(from_value)
    if below_value is None:
        return f"from {least} {unit}"
    most = ceil(below_value) - 1
    return f"up to {most} {unit}" if least <= 0 else f"{least}–{most} {unit}"


def best(found: Best, width: float, measure: str, group: str, units: Units) -> str:
    """The best of a window, of seconds or else metres: watts, or a time with its speed, without that where it is a bound."""
    if measure == "watts":
        return whole(found.value, "W")
    return record_text(found.value, "s", _RECORDS.get(int(width), ""), units, group, found.at_most)


def efficiency(effort: Mapping[str, Any], units: Units) -> str:
    """Output per heartbeat: `1.52 W per bpm`; for a speed `1.21 m per beat`, in imperial units `1.32 yd per beat`."""
    value = effort.get("efficiency")
    if value is None:
        return NOTHING
    if effort["efficiency_by"] == "watts":
        return f"{value:.2f} W per bpm"
    return f"{value:.2f} m per beat" if units == "km" else f"{value / 0.9144:.2f} yd per beat"  # a yard


def mark(row: Mapping[str, Any]) -> str:
    """A rank among bests, of all years or else of the year: `3rd fastest 5 km of all`, `best 20 min power of 2026`."""
    kind = f"best {window(row['seconds'], 'watts')} power" if row["seconds"] else record_name(row["record"]).lower()
    of_all = row["is_of_all"]
    place = row["place"] if of_all else row["place_of_year"]
    ordinal = "" if place == 1 else f"{place}{ {2: 'nd', 3: 'rd'}.get(place, 'th') } "
    return f"{ordinal}{kind} of {'all' if of_all else row['local_year']}"


_LEFT_OUT = {
    "position": "position",
    "altitude": "height",
    "heartrate": "heart rate",
    "watts": "power value",
    "point": "stale point",
    "repeated": "repeated point",
}
_SAID_BY = {
    ("distance", "track"): "The distance is the way along the positions.",
    ("distance", "laps"): "The distance is that of the laps.",
    ("distance", "app"): "The distance is what the app measured.",
    ("moving_time", "app"): "The moving time is what the app measured.",
}
_OF_FILE = {"distance": "distance_m", "moving_time": "moving_time_seconds"}
_ODD = {
    "faster_than_sport": "Most of the way was faster than its sport is, or than any sport.",
    "relative_clock": "The device knew no date while it recorded.",
    "clock_set": "The device's clock was set on the way; earlier times are told by it.",
}


def file_notes(sessions: Sequence[Mapping[str, Any]], activity: Mapping[str, Any]) -> list[str]:
    """Notes about an activity's file: how a number was measured only where the activity's own is the file's."""
    counts = sum((Counter[str](each["left_out"] or {}) for each in sessions), Counter[str]())
    flags = {flag for each in sessions for flag in each["flags"] or ()}
    sums = {name: sum(each[summed] or 0 for each in sessions) for name, summed in _OF_FILE.items()}
    of_file = [name for name in sums if abs(sums[name] - (activity[name] or 0)) < 1]  # metres, seconds
    said = {(name, each[f"{name}_by"]) for name in of_file for each in sessions}
    left_out = ", ".join(counted(count, _LEFT_OUT.get(name, f"{name} value")) for name, count in sorted(counts.items()))
    notes = [f"Left out of the file, as no values: {left_out}."] if left_out else []
    notes += [_SAID_BY[each] for each in _SAID_BY if each in said]
    return notes + [_ODD[each] for each in _ODD if each in flags]


def service(source: str) -> str:
    """A source for a person: `Ride with GPS`; an unknown one unchanged."""
    try:
        return spec_of(source).title
    except PipelineError:
        return EXPORTS.get(source) or source.replace("_", " ").capitalize()


def sport(text: str | None) -> str:
    return sport_name(text) if text else NOTHING


def group_of(sport_type: str | None) -> str:
    """The group of a sport."""
    return GROUP_OF.get(sport_type or "", OTHER)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "cell": cell_text,
    "json": partial(htmlsafe_json_dumps, default=asdict),  # for an attribute between single quotes
    "distance": distance,
    "change_kind": change_kind,
    "climb": climb,
    "climb_difference": climb_difference,
    "duration": duration,
    "hours": hours,
    "measured": measured_text,
    "speed": speed,
    "pace_or_speed": pace_or_speed,
    "whole": whole,
    "day_as": day_text,
    "instant": lambda value: value.astimezone(UTC).isoformat(),
    "month": month,
    "name": name,
    "service": service,
    "titled": titled,
    "sport": sport,
    "group": group_name,
    "group_of": group_of,
    "counted": counted,
    "file_notes": file_notes,
    "window": window,
    "short_distance": short_distance,
    "grade": grade,
    "efficiency": efficiency,
    "mark": mark,
    "years": years,
    "without_empty_columns": without_empty_columns,
    "zone_range": lambda zone, measure: zone_range(zone.from_value, zone.below_value, measure),
    "best": best,
    "how_told": how_told,
    "record": record_name,
    "record_value": record_text,
    "of_window": of_window,
    "of_zone": of_zone,
    "of_month": of_month,
}


def dated_filters(dates: Dates) -> dict[str, Callable[..., Any]]:
    """The filters that write days, in one of the date formats."""
    return {
        "change_value": pass_context(
            lambda page, value, kind: change_value(value, kind, page["units"], page["zone"], dates),
        ),
        "day": lambda value: day(value, dates),
        "prose": pass_context(lambda page, text: prose(clocked(text, page["zone"], dates))),
        "moment": pass_context(
            lambda page, value, has_time=True: moment(value, page["zone"], dates) if has_time else day(value, dates)
        ),
        "text_moment": pass_context(lambda page, value: text_moment(value, page["zone"], dates)),
        "years_by_day": lambda found: years_by_day(found, lambda at: day(at, dates)),
    }
