"""What is counted toward a goal, in which units; the goals of goals.toml; and amounts as people read them.

The warehouse has metres and seconds. `read_goals` gets the parsed text of goals.toml and gives goals, or all faults:

units = "km"            # or "miles": the unit of reports; without this line: as the Strava profile says

[2026.ride]             # a year, and a group of core/sports.py or all
distance_km = 5000      # or several: [4800, 5000]
[every_year.all]        # counts where the year has no goal of this group's measure
count = 200
[[athlete]]             # dated values of the athlete: athlete.py
[service."Domane".chain]    # services of gear: services.py
[[privacy.zones]]           # places that nobody else is to see: core/privacy.py
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from strava_pipeline.core.insights.athlete import AthleteFrom, has_ungrouped_power, read_athlete
from strava_pipeline.core.insights.services import GearService, read_services
from strava_pipeline.core.privacy import PrivacyZone, read_zones
from strava_pipeline.core.sports import ALL, SPORTS

METRES_PER_MILE = 1609.344  # international yard and pound agreement, 1959
METRES_PER_FOOT = 0.3048


@dataclass(frozen=True, slots=True)
class Measure:
    """What a goal counts.

    `name`: as in JSON and the warehouse, with its unit; `goals`: its names in goals.toml, with their size in that
    unit.
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
EVERY_YEAR = "every_year"
_ATHLETE, _SERVICE, _PRIVACY = "athlete", "service", "privacy"
_NO_GOALS = ("units", _ATHLETE, _SERVICE, _PRIVACY)
MOST = 5  # lines in a chart; more can't be distinguished
Units = Literal["km", "miles"]
_LARGEST = 1e9  # of any unit: nobody does more, and no sum of it overflows
_YEARS = range(1970, 2101)


class GoalsError(ValueError):
    """What is wrong in goals.toml: a line per fault, each naming the place."""


@dataclass(frozen=True, slots=True)
class Goals:
    """Goals by (year or None for every year, group, measure's name): amounts in the measure's own unit, least first.

    `athlete`: what holds from which day on; `ungrouped_power`: some of it names no group of sports, and counts for rides.
    `services`: of gear, by gear and name. `zones`: what nobody else is to see.
    """

    units: Units | None = None
    all: Mapping[tuple[int | None, str, str], tuple[float, ...]] = field(default_factory=dict)
    athlete: tuple[AthleteFrom, ...] = ()
    services: tuple[GearService, ...] = ()
    zones: tuple[PrivacyZone, ...] = ()
    ungrouped_power: bool = False

    def of(self, year: int, group: str, measure: str) -> tuple[float, ...]:
        """The goals of the year itself, else those of every year."""
        return self.all.get((year, group, measure)) or self.all.get((None, group, measure), ())

    def limited_to(self, groups: Collection[str]) -> "Goals":
        """Only the goals of `groups`: for a group that is counted in part, progress is unknown."""
        return replace(self, all={key: amounts for key, amounts in self.all.items() if key[1] in groups})


def read_goals(document: Mapping[str, Any]) -> Goals:
    """The goals in a parsed goals.toml. Raises GoalsError naming every fault."""
    faults: list[str] = []
    units = document.get("units")
    if units not in (None, "km", "miles"):
        faults.append(f'units: {units!r} is neither "km" nor "miles"')
    found: dict[tuple[int | None, str, str], tuple[float, ...]] = {}
    for name, groups in document.items():
        if name in _NO_GOALS:
            continue
        year = _year(name)
        if year is None and name != EVERY_YEAR:
            known = " nor ".join((EVERY_YEAR, *_NO_GOALS[1:]))
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
    return Goals(units, found, athlete, services, zones, has_ungrouped_power(entries))


def _read_group(
    name: str,
    year: int | None,
    group: str,
    goals: Any,
    found: dict[tuple[int | None, str, str], tuple[float, ...]],
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
                f"{place} {goal}: {value!r} is not a number above 0 and below 1e9, nor one to {MOST} of them in []"
            )
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
    """An amount of a measure in the unit in which it is shown, and the sign of that unit."""
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
    value, unit = scaled(measure, amount, units)
    small = abs(value) < 100 if unit in ("km", "mi", "h") else not unit and abs(value) < 10 and value != int(value)
    return f"{value:,.{1 if small else 0}f} {unit}".rstrip()


def clock(seconds: float) -> str:
    """A duration: `4:05`, `1:02:45`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def record_name(record: str) -> str:
    """The name of a record for a person: `Fastest half marathon`, `Fastest 10 km`, `Longest distance`."""
    words = record.replace("_", " ")
    if words.endswith("k") and words[-2].isdigit():
        words = f"{words[:-1]} km"
    return words[0].upper() + words[1:].replace("400m", "400 m")


def record_text(value: float, unit: str, record: str, units: Units) -> str:
    """The value of a record: `41:05`, `102 km`, `2,310 m`. `unit`: that of `value`, m or s."""
    if unit == "s":
        return clock(value)
    return amount_text("elevation_gain_m" if record == "biggest_climb" else "distance_m", value, units)


def group_name(group: str) -> str:
    """The name of a group of sports for a person: `Ride`, `E-bike`."""
    return GROUPS.get(group) or group.capitalize()


def day_text(day: date | None) -> str:
    """A date: `5 Mar 2026`; a dash for none."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}" if day is not None else NOTHING
