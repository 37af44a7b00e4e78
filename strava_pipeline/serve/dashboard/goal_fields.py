"""The values of goals.toml as fields of a form.

A field's name is the value's place there, as JSON; an empty one removes the value. Fields named `add.…` hold
a further value in parts. Places of privacy zones are written, and never shown.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from strava_pipeline.core.insights.athlete import ALWAYS, UNSAID
from strava_pipeline.core.insights.goals import CHOICES, EVERY, USUAL_DATES, group_name
from strava_pipeline.core.sports import ALL, SPORTS
from strava_pipeline.lake.user_files import Place
from strava_pipeline.serve.dashboard.problems import ProblemError

MEASURES = {
    "distance_km": "distance, km",
    "distance_miles": "distance, miles",
    "time_hours": "time in motion, hours",
    "elevation_m": "climb, m",
    "elevation_ft": "climb, ft",
    "count": "activities",
}
GROUPS = {group: group_name(group) for group in (ALL, *SPORTS)}
INTERVALS = {"every_km": "every km", "every_miles": "every miles", "every_hours": "every hours in motion"}
_YOURS = {
    "weight_kg": "weight, kg",
    "ftp": "FTP, W",
    "threshold_pace": "threshold pace, as 4:15/km",
    "threshold_heartrate": "threshold heart rate, bpm",
    "max_heartrate": "highest heart rate, bpm",
    "resting_heartrate": "resting heart rate, bpm",
    "power_zones": "power zones after the first begin at, W",
    "heartrate_zones": "heart rate zones after the first begin at, bpm",
}
_OF_ALL = ("threshold_heartrate", "max_heartrate", "resting_heartrate", "heartrate_zones")
YOURS = {
    **{name: _YOURS[name] for name in ("weight_kg", "threshold_pace")},
    **{
        f"{name}.{group}": f"{_YOURS[name]} · {GROUPS[group]}"
        for name in ("ftp", "power_zones")
        for group in ("ride", "run")
    },
    **{f"{name}.{ALL}": _YOURS[name] for name in _OF_ALL},
}
DISPLAY = {
    "units": "Units",
    "week_starts": "Weeks of calendars start on",
    "dates": "Days are written as",
    "timezone": "Time zone",
}
PERIODS = {name: name.replace("_", " ") for name in EVERY}
OFFERED = {"display": DISPLAY, "groups": GROUPS, "measures": MEASURES, "intervals": INTERVALS, "yours": YOURS}
"""What a further value can be of, as the form's lists name it."""
ALWAYS_BEFORE, OFFERED_BEFORE = "add.always", "add.offered"  # the tick for all days before, and what the page offered
_DAY = "its first day"
_ROWS = {
    "add.goal": ("", "", "", "how much"),
    "add.athlete": (_DAY, "", "value"),
    "add.service": ("", "another service", "", "how many"),
    "add.zone": ("latitude, longitude", "radius"),
}
"""The labels of what is typed into a row for a further value; empty for a list, which always has a choice."""
_PLACE = re.compile(r"(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/|UTC$")
_USUAL = {"week_starts": "monday", "dates": USUAL_DATES}


@dataclass(frozen=True, slots=True)
class Field:
    """A value that is set, or the days of a service: its place, its words, and its text in the form."""

    place: Place
    words: str
    text: str

    @property
    def name(self) -> str:
        """The place as JSON."""
        return json.dumps(self.place)

    @property
    def about(self) -> Place:
        """What it is one of several values of: a service of gear."""
        return self.place[1:-1]


def fields_of(document: Mapping[str, Any]) -> dict[str, list[Field]]:
    """The values that are set, by what they are about: `goals`, `athlete`, `service` and `privacy`."""
    found: dict[str, list[Field]] = {name: [] for name in ("goals", "athlete", "service", "privacy")}
    services = {
        gear: {name: {"done": None, **values} for name, values in held.items()}
        for gear, held in document.get("service", {}).items()
    }
    for place, value in _leaves((), {**document, "service": services}):
        if len(place) > 1 and place[-1] != "place":
            about = str(place[0]) if place[0] in found else "goals"
            found[about].append(Field(place, _words(document, place), _text(value)))
    return found


def values_in(fields: Mapping[str, Sequence[str]], document: Mapping[str, Any], today: date) -> dict[Place, Any]:
    """The values of a form that differ from those in goals.toml, by place; None: it is removed. Raises ProblemError."""
    found: dict[Place, Any] = {}
    try:
        for name, texts in fields.items():
            if name.startswith("["):
                place = _place(name)
                if texts[0].strip() != _text(_at(document, place)):
                    found[place] = _value(texts[0])
            elif name.startswith("add.") and name not in (ALWAYS_BEFORE, OFFERED_BEFORE):
                found |= _added(name, texts, document, is_always=ALWAYS_BEFORE in fields)
        removed = {_place(name): None for name in fields.get("remove", ())}
        if any(_at(document, place) is None for place in removed):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):  # of JSON, or of what a form of ours would hold
        raise ProblemError(400, "The form asks for nothing that can be set. Load the page again.") from None
    for place, value in found.items():
        numbers = [each for each in value if isinstance(each, int | float)] if isinstance(value, list) else []
        if place[0] != "privacy" and numbers != sorted(numbers):
            raise ProblemError(400, f"{_text(value)}: numbers in a row have to rise; a decimal has a point: 72.5.")
    days = [day for value in found.values() for day in (value if isinstance(value, list) else [value])]
    if far := [day for day in days if isinstance(day, date) and not date(1900, 1, 1) <= day <= today + timedelta(1)]:
        raise ProblemError(400, f"{far[0]} is before 1900 or after tomorrow.")
    return found | removed


def _added(name: str, texts: Sequence[str], document: Mapping[str, Any], *, is_always: bool) -> dict[Place, Any]:
    *parts, text = given = [each.strip() for each in texts]
    typed = {label: each for label, each in zip(_ROWS[name], given, strict=True) if label}
    if not any(each for label, each in typed.items() if label != _DAY):  # the page fills in a day
        return {}
    if missing := [label for label, each in typed.items() if not each]:
        raise ProblemError(400, f"Of what you add, this is empty: {' and '.join(missing)}.")
    match name:
        case "add.goal":
            year, group, measure = parts
            return {(year, group, measure): _value(text)}
        case "add.athlete":
            since, what = parts
            days = [date.fromisoformat(since), *([ALWAYS] if is_always else [])]
            sinces = [each["since"] for each in document.get("athlete", [])]
            sinces += [day for day in days if day not in sinces]
            found: dict[Place, Any] = {}
            for at, day in ((sinces.index(day), day) for day in days):
                found |= {("athlete", at, "since"): day, ("athlete", at, *what.split(".")): _value(text)}
            return found
        case "add.service":
            gear, service, every = parts
            return {("service", gear, service, every): _value(text)}
        case "add.zone":
            (place,) = parts
            at = len(document.get("privacy", {}).get("zones", []))
            zone = ("privacy", "zones", at)
            return {(*zone, "place"): _value(place), (*zone, "radius_m"): _value(text)}
    raise ValueError(name)


def span_of(document: Mapping[str, Any], since: date, what: str) -> dict[str, Any]:
    """For which days a further value would count: from `since` to the day before `until`; with all before, also before `first`.

    `is_usual`: it is the first of a heart rate, which changes least. Raises KeyError for an unknown value.
    """
    name, _, group = what.partition(".")
    own, is_of_all = UNSAID.get(name, ""), YOURS[what] in map(_YOURS.get, _OF_ALL)
    held = [(entry["since"], entry[name]) for entry in document.get("athlete", []) if name in entry]
    said = [since for since, value in held if (group or own) in (value if isinstance(value, Mapping) else [own])]
    days = [day for day in said if day != ALWAYS]
    until = min((day for day in days if day > since), default=None)
    span = {"name": name, "group": group or own, "since": since, "until": until, "first": min([since, *days])}
    return {**span, "is_usual": is_of_all and not said}


def saved(document: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """What was saved, in words, by the names of its fields; a removed value has none."""
    fields = [Field((name,), words, _text(_at(document, (name,))) or "as usual") for name, words in DISPLAY.items()]
    fields += [field for held in fields_of(document).values() for field in held]
    return [f"{field.words}: {field.text}" for field in fields if field.name in names and field.place[-1] != "since"]


def _place(name: str) -> Place:
    found = json.loads(name)
    is_short = 1 <= len(found) <= 4 and isinstance(found[0], str)
    if not is_short or not all(isinstance(each, str | int) and each is not True for each in found):
        raise ValueError(name)
    return tuple(found)


def _leaves(place: Place, value: Any) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _leaves((*place, name), below)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for number, below in enumerate(value):
            yield from _leaves((*place, number), below)
    else:
        yield place, value


def _at(document: Any, place: Place) -> Any:
    """The value there; None where there is none."""
    for name in place:
        try:
            document = document[name]
        except (KeyError, IndexError, TypeError):
            return _USUAL.get(str(name)) if len(place) == 1 else None
    return document


def _words(document: Mapping[str, Any], place: Place) -> str:
    match place:
        case ("athlete", int(at), "since"):
            return f"First day of these values ({at + 1})"
        case ("athlete", int(at), str(what), *groups):
            since = document["athlete"][at]["since"]
            days = "All days before" if since == ALWAYS else f"From {since}"
            return f"{days}: {_YOURS[what]}{''.join(f' · {GROUPS[str(group)]}' for group in groups)}"
        case ("service", gear, service, str(what)):
            return f"{gear}, {service}: {INTERVALS.get(what, 'done on')}"
        case ("privacy", _, int(at), _):
            return f"Zone {at + 1}: radius, m"
    year, group, measure = map(str, place)
    return f"{PERIODS.get(year, year).capitalize()} · {GROUPS[group]} · {MEASURES[measure]}"


def in_words(faults: str) -> str:
    """The faults of values, a line each that begins with a place in goals.toml, by the names that the form has; each once."""
    named = {**_YOURS, **MEASURES, **INTERVALS, "radius_m": "radius, m", "place": "latitude, longitude"}
    lines = [line.partition(": ") for line in faults.splitlines()]
    return "\n".join({f"{named.get(place.split()[-1], place)}: {why}.": None for place, _, why in lines})


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else str(value).removesuffix(".0")


def _value(text: str) -> Any:
    parts = [_one(part.strip()) for part in text.split(",")]
    return (parts[0] if parts[0] != "" else None) if len(parts) == 1 else parts


def _one(text: str) -> Any:
    for read in (int, float, date.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return text


@cache
def _places() -> list[str]:
    """The zones that are named by a place, and UTC: reading them all takes 50 ms."""
    return [*filter(_PLACE.match, available_timezones())]


def choices_of(document: Mapping[str, Any]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Each option of how pages show things: its value, and what it can be."""
    zones = {*_places(), *filter(None, [document.get("timezone")])}
    offered = {**CHOICES, "timezone": tuple(sorted(zones))}
    return {name: (_text(_at(document, (name,))), held) for name, held in offered.items()}
