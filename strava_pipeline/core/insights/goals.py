"""The measures of goals and their units, the goals of goals.toml, and amounts as people read them.

The warehouse has metres and seconds. `read_goals` gets the parsed text of goals.toml and gives goals, or all faults:

units = "km"            # or "miles": the unit of reports; without this line: as the Strava profile says
week_starts = "monday"  # or "sunday", "saturday": of calendars and their weeks
dates = "d mmm yyyy"    # or another one of DATES: how a day is written
timezone = "Europe/Vienna"  # of pages; without this line: the one that most activities have

[2026.ride]             # a year, and a group of core/sports.py or all
distance_km = 5000      # or several: [4800, 5000]
[every_year.all]        # counts where the year has no goal of this group's measure
count = 200
[every_week.run]        # of each week, or with every_month of each month: present.py
time_hours = 4
[[athlete]]             # dated values of the athlete: athlete.py
[service."Domane".chain]    # services of gear: services.py
[[privacy.zones]]           # places hidden from others: core/privacy.py
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import isfinite
from typing import Any, Literal, get_args

from strava_pipeline.core.insights.athlete import AthleteFrom, has_ungrouped_power, read_athlete
from strava_pipeline.core.insights.services import GearService, read_services
from strava_pipeline.core.privacy import PrivacyZone, read_zones
from strava_pipeline.core.sports import ALL, SPORTS
from strava_pipeline.core.start_times import zone_of
from strava_pipeline.core.tables.bests import DISTANCES

METRES_PER_MILE = 1609.344  # international yard and pound agreement, 1959
METRES_PER_FOOT = 0.3048


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity that goals count.

    `name`: as in JSON and the warehouse, with its unit; `goals`: its names in goals.toml, each with its unit's size in
    the measure's unit.
    """

    name: str
    title: str
    goals: dict[str, float]


MEASURES: tuple[Measure, ...] = (
    Measure("distance_m", "distance", {"distance_km": 1000.0, "distance_miles": METRES_PER_MILE}),
    Measure("moving_time_seconds", "time", {"time_hours": 3600.0}),
    Measure("elevation_gain_m", "elevation", {"elevation_m": 1.0, "elevation_ft": METRES_PER_FOOT}),
    Measure("activities", "activities", {"count": 1.0}),
)
BY_GOAL: dict[str, tuple[Measure, float]] = {
    name: (measure, size) for measure in MEASURES for name, size in measure.goals.items()
}

NOTHING = "–"
# fmt: off
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
# fmt: on
MONTHS = tuple(name[:3] for name in MONTH_NAMES)
GROUPS = {"all": "All", "e_ride": "E-bike", "gym": "Gym"}
EVERY: Mapping[str, str | None] = {"every_year": None, "every_month": "month", "every_week": "week"}
"""Tables without a year, by the period that their goals are of; None: any year."""
_ATHLETE, _SERVICE, _PRIVACY = "athlete", "service", "privacy"
_NO_GOALS = ("units", "week_starts", "dates", "timezone", _ATHLETE, _SERVICE, _PRIVACY)
MOST = 5  # lines in a chart; more can't be distinguished
Units = Literal["km", "miles"]
WeekStart = Literal["monday", "sunday", "saturday"]
Dates = Literal["d mmm yyyy", "yyyy-mm-dd", "dd.mm.yyyy", "dd/mm/yyyy", "mm/dd/yyyy"]
USUAL_DATES: Dates = "d mmm yyyy"
_LARGEST = 1e9  # in any unit: nobody does more, and no sum overflows
_YEARS = range(1970, 2101)


class GoalsError(ValueError):
    """The faults of goals.toml: a line per fault, each naming the place."""


@dataclass(frozen=True, slots=True)
class Goals:
    """Goals by (year, None for every year, or month or week; group; measure's name): amounts in its own unit, ascending.

    `athlete`: the values from each day on; `ungrouped_power`: some power names no group of sports, and counts for
    rides. `services`: of gear, by gear and name. `zones`: the privacy zones.
    """

    units: Units | None = None
    all: Mapping[tuple[int | str | None, str, str], tuple[float, ...]] = field(default_factory=dict)
    athlete: tuple[AthleteFrom, ...] = ()
    services: tuple[GearService, ...] = ()
    zones: tuple[PrivacyZone, ...] = ()
    ungrouped_power: bool = False
    week_starts: WeekStart = "monday"
    dates: Dates = USUAL_DATES
    timezone: str | None = None

    @property
    def week_begins(self) -> int:
        """The day on which weeks of a calendar begin, 0 for Monday, as in Python's `calendar`."""
        return {"monday": 0, "saturday": 5, "sunday": 6}[self.week_starts]

    def of(self, year: int, group: str, measure: str) -> tuple[float, ...]:
        """The goals of the year itself, or else those for every year."""
        return self.all.get((year, group, measure)) or self.all.get((None, group, measure), ())

    def limited_to(self, groups: Collection[str]) -> "Goals":
        """The goals of `groups` only: a group that is counted in part has unknown progress."""
        return replace(self, all={key: amounts for key, amounts in self.all.items() if key[1] in groups})


def read_goals(document: Mapping[str, Any]) -> Goals:
    """The goals in a parsed goals.toml. Raises GoalsError naming every fault."""
    faults: list[str] = []
    chosen = _chosen(document, faults)
    found: dict[tuple[int | str | None, str, str], tuple[float, ...]] = {}
    for name, groups in document.items():
        if name in _NO_GOALS:
            continue
        year = EVERY.get(name, _year(name))
        if year is None and name not in EVERY:
            known = " nor ".join((*EVERY, _ATHLETE, _SERVICE, _PRIVACY))
            faults.append(f"[{name}]: neither a year of 1970 to 2100 nor {known}")
        elif not isinstance(groups, Mapping):
            faults.append(f"{name}: goals stand in a table of a group, like [{name}.ride]")
        else:
            for group, goals in groups.items():
                _read_group(name, year, group, goals, found, faults)
    entries = document.get(_ATHLETE, [])
    athlete = read_athlete(entries, faults)
    services = read_services(document.get(_SERVICE, {}), faults)
    zones = read_zones(document.get(_PRIVACY, {}), faults)
    if faults:
        raise GoalsError("\n".join(faults))
    return Goals(
        all=found,
        athlete=athlete,
        services=services,
        zones=zones,
        ungrouped_power=has_ungrouped_power(entries),
        **chosen,
    )


CHOICES: Mapping[str, tuple[str, ...]] = {
    "units": get_args(Units),
    "week_starts": get_args(WeekStart),
    "dates": get_args(Dates),
}
"""The allowed display options of goals.toml, by their names there."""


def _chosen(document: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The options of CHOICES that are set."""
    found = {name: document[name] for name in CHOICES if name in document}
    for name, value in found.items():
        if value not in CHOICES[name]:
            known = " nor ".join(f'"{each}"' for each in CHOICES[name])
            faults.append(f"{name}: {value!r} is neither {known}")
    if (zone := document.get("timezone")) is not None:
        if not isinstance(zone, str) or not zone[:1].isalpha() or zone_of(zone) is None:
            faults.append(f"timezone: {zone!r} is no time zone; write one like Europe/Vienna")
        found["timezone"] = zone
    return found


def _read_group(
    name: str,
    year: int | str | None,
    group: str,
    goals: Any,
    found: dict[tuple[int | str | None, str, str], tuple[float, ...]],
    faults: list[str],
) -> None:
    place = f"[{name}.{group}]"
    if group not in (*SPORTS, ALL):
        faults.append(f"{place}: no group of sports is called {group!r}; there are {', '.join((*SPORTS, ALL))}")
        return
    if not isinstance(goals, Mapping):
        faults.append(f"{place}: goals stand in a table, like {place} with a line distance_km = 5000")
        return
    for goal, value in goals.items():
        if goal not in BY_GOAL:
            faults.append(f"{place} {goal}: no goal has this name; there are {', '.join(BY_GOAL)}")
            continue
        measure, size = BY_GOAL[goal]
        amounts = _amounts(value)
        if amounts is None:
            faults.append(
                f"{place} {goal}: {value!r} is not a number above 0 and below 1e9, nor a list of one to {MOST} of them"
            )
        elif measure.name == "activities" and any(amount % 1 for amount in amounts):
            faults.append(f"{place} {goal}: {value!r} is not whole, as a number of activities is")
        elif (year, group, measure.name) in found:
            faults.append(f"{place} {goal}: there is another goal of {_title(measure)} already")
        else:
            found[year, group, measure.name] = tuple(sorted({amount * size for amount in amounts}))


def _title(measure: Measure) -> str:
    return f"{measure.title} ({' or '.join(measure.goals)})"


def _year(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdecimal() and len(name) == 4 and int(name) in _YEARS else None


def _amounts(value: Any) -> list[float] | None:
    amounts = value if isinstance(value, list) else [value]
    usable = all(
        isinstance(amount, int | float) and not isinstance(amount, bool) and 0 < amount <= _LARGEST
        for amount in amounts
    )
    return [float(amount) for amount in amounts] if usable and 1 <= len(amounts) <= MOST else None


def scaled(measure: str, amount: float, units: Units) -> tuple[float, str]:
    """An amount of a measure in the unit in which it is shown, and that unit's symbol."""
    if measure == "distance_m":
        return (amount / 1000, "km") if units == "km" else (amount / METRES_PER_MILE, "mi")
    if measure == "elevation_gain_m":
        return (amount, "m") if units == "km" else (amount / METRES_PER_FOOT, "ft")
    if measure == "moving_time_seconds":
        return amount / 3600, "h"
    return amount, ""


def amount_text(measure: str, amount: float | None, units: Units) -> str:
    """An amount with its unit, small ones with a decimal: `1,234 km`, `12.5 km`, `310 h`, `12,040 m`, `204`."""
    if amount is None:
        return NOTHING
    return _with_unit(*scaled(measure, amount, units))


def difference_text(measure: str, amount: float, other: float, units: Units) -> str:
    """The difference of two amounts as `amount_text` shows them, so that the three add up."""
    (one, unit), (two, _) = (scaled(measure, each, units) for each in (amount, other))
    return _with_unit(abs(round(one, _decimals(one, unit)) - round(two, _decimals(two, unit))), unit)


def _with_unit(value: float, unit: str) -> str:
    return f"{round(value, 6):,.{_decimals(value, unit)}f} {unit}".rstrip()


def _decimals(exact: float, unit: str) -> int:
    value = round(exact, 6)  # a sum may differ in the last digits by its order
    small = abs(value) < 100 if unit in ("km", "mi", "h") else not unit and abs(value) < 10 and value != int(value)
    return 1 if small else 0


def clock(seconds: float) -> str:
    """A duration: `4:05`, `1:02:45`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def width_text(seconds: float) -> str:
    """How long a mean of power is: `5 s`, `20 min`, `1.5 h`."""
    unit, size = next((unit, size) for unit, size in (("h", 3600), ("min", 60), ("s", 1)) if seconds >= size)
    return f"{seconds / size:.3g} {unit}"


def record_name(record: str) -> str:
    """The name of a record for a person: `Fastest half marathon`, `Fastest 10 km`, `Longest distance`."""
    words = re.sub(r"(?<=\d)(k|m)$", lambda unit: {"k": " km", "m": " m"}[unit[0]], record.replace("_", " "))
    return words[0].upper() + words[1:]


def pace_or_speed(group: str) -> str:
    """`Pace` on foot and in the water, else `Speed`: what `speed` tells."""
    return "Pace" if group in ("run", "walk", "swim") else "Speed"


def speed(metres_a_second: float | None, group: str, units: Units) -> str:
    """A speed: `25.1 km/h`; on foot the pace, `5:03 /km`; for swimming `1:45 /100 m`."""
    if not metres_a_second or not isfinite(metres_a_second) or metres_a_second < 0:
        return NOTHING
    length, unit = (1000.0, "km") if units == "km" else (METRES_PER_MILE, "mi")
    if group == "swim":
        return f"{clock(100 / metres_a_second)} /100 m"
    if group in ("run", "walk"):
        return f"{clock(length / metres_a_second)} /{unit}"
    return f"{metres_a_second * 3600 / length:.1f} {'km/h' if units == 'km' else 'mph'}"


def record_text(value: float, unit: str, record: str, units: Units, group: str = "", at_most: bool = False) -> str:
    """The value of a record: `102 km`, `2,310 m`; a time as `41:05`, and with its `group` `41:05 · 4:06 /km`. `unit`: m or s.

    `at_most`: the time is an upper bound, because it was measured over a greater distance: `≤ 41:05`.
    """
    if unit == "s":
        if at_most:
            return f"≤ {clock(value)}"
        by = f" · {speed(DISTANCES[record] / value, group, units)}" if group and record in DISTANCES else ""
        return clock(value) + by
    return amount_text("elevation_gain_m" if record == "biggest_climb" else "distance_m", value, units)


def group_name(group: str) -> str:
    """The name of a group of sports for a person: `Ride`, `E-bike`."""
    return GROUPS.get(group) or group.capitalize()


def day_text(day: date | None, dates: Dates = USUAL_DATES) -> str:
    """A date: `5 Mar 2026`, or in the format `dates`; a dash for None."""
    if day is None:
        return NOTHING
    words = {"mmm": MONTHS[day.month - 1], "yyyy": f"{day.year:04}", "mm": f"{day.month:02}", "dd": f"{day.day:02}"}
    return re.sub("mmm|yyyy|mm|dd|d", lambda part: words.get(part[0], str(day.day)), dates)
