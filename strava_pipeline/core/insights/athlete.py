"""The athlete's values over time: the dated entries [[athlete]] of goals.toml, and the zones that follow from them. Pure.

[[athlete]]
since = 2024-03-01                                   # holds from this local day on
weight_kg = 72.5
ftp = { ride = 250, run = 310 }                      # W, by group of sports
power_zones = { ride = [140, 190, 225, 265, 300] }   # W: where each zone after the first begins
threshold_heartrate = { all = 168, run = 172 }       # bpm; all: of each group that has none of its own
heartrate_zones = [115, 142, 160, 178]               # bpm; without a group: of all
max_heartrate = 189                                  # bpm; the same
resting_heartrate = 48                               # bpm; the same
threshold_pace = "4:15/km"                           # of runs; or "6:50/mile"

A value holds until an entry gives another one. An entry `since = "always"` holds on all days before; weight and resting heart
rate that were measured then come before its own. Zones hold until an entry gives other zones or another threshold; without zones
of their own, they are the published shares of the threshold. Power without a group is that of rides.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from strava_pipeline.core.sports import ALL, SPORTS

# Allen, Coggan: Training and Racing with a Power Meter, 2nd ed. 2010, ch. 3: seven levels by power, five of them with a range
# of heart rates. Shares of the threshold at which each level after the first begins.
POWER_SHARES = (0.55, 0.75, 0.90, 1.05, 1.20, 1.50)
HEARTRATE_SHARES = (0.68, 0.83, 0.94, 1.05)
RIDE, RUN = "ride", "run"
ALWAYS = "always"  # of `since`: date.min
_WEIGHT, _PACE, _REST, _USUAL_REST = "weight_kg", "threshold_pace", "resting_heartrate", "usual_resting_heartrate"
_RANGES = {  # believable values; a slip such as 2500 W is a fault, an unusual athlete isn't
    "ftp": (30.0, 700.0, "W"),
    "threshold_heartrate": (60.0, 230.0, "bpm"),
    _WEIGHT: (20.0, 300.0, "kg"),
    "power_zones": (1.0, 3000.0, "W"),
    "heartrate_zones": (30.0, 250.0, "bpm"),
    "max_heartrate": (100.0, 250.0, "bpm"),
    "resting_heartrate": (25.0, 110.0, "bpm"),
    _PACE: (150.0, 900.0, "s/km"),
}
UNSAID = {
    **dict.fromkeys(("ftp", "power_zones"), RIDE),
    **dict.fromkeys(("threshold_heartrate", "heartrate_zones", "max_heartrate", "resting_heartrate"), ALL),
    _PACE: RUN,
}
"""The group of a value given without one."""
_PACE_FORM = re.compile(r"(\d?\d):([0-5]\d)(?:\s*/\s*(km|mi|mile))?")
MOST_LIMITS = 9
"""Of zones: ten zones."""
_KM_PER_MILE = 1.609344  # international yard and pound agreement, 1959
_EXAMPLE = "[[athlete]] with a line since = 2024-03-01"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The athlete's values for a group of sports: `ftp` in W, heart rates in bpm, `threshold_pace` in s/km; where each zone
    after the first begins, in W and bpm. `usual_resting_heartrate`: said for always, where none was measured.
    """

    ftp: float | None = None
    threshold_heartrate: float | None = None
    power_zones: tuple[float, ...] = ()
    heartrate_zones: tuple[float, ...] = ()
    threshold_pace: float | None = None
    max_heartrate: float | None = None
    resting_heartrate: float | None = None
    usual_resting_heartrate: float | None = None


@dataclass(frozen=True, slots=True)
class AthleteFrom:
    """The values from the local day `since` to the day before `until` (None: until today).

    `weight_kg` in kg, or None if unknown; `usual_weight_kg`: said for always, where none was measured. `groups`: values by
    group of sports; groups without values are absent.
    """

    since: date
    until: date | None = None
    weight_kg: float | None = None
    groups: Mapping[str, Thresholds] = field(default_factory=dict)
    usual_weight_kg: float | None = None


def read_athlete(entries: Any, faults: list[str]) -> tuple[AthleteFrom, ...]:
    """The entries in order, each with all values that hold from it on. Faults are added to `faults`, each with its place."""
    if not isinstance(entries, list):
        faults.append(f"athlete: entries stand in tables of their own: {_EXAMPLE}")
        return ()
    given: dict[date, dict[str, Any]] = {}
    for number, entry in enumerate(entries, start=1):
        place = f"[[athlete]] {number}"
        if not isinstance(entry, Mapping):
            faults.append(f"{place}: an entry stands in a table: {_EXAMPLE}")
            continue
        since = date.min if entry.get("since") == ALWAYS else entry.get("since")
        if not isinstance(since, date) or isinstance(since, datetime):
            faults.append(f"{place} since: {since!r} is no date; write since = 2024-03-01")
        elif since in given:
            faults.append(f"{place} since: another entry begins on {entry['since']}")
        else:
            given[since] = _values(place, entry, faults)
    return _held(given)


Estimates = Sequence[tuple[float, date]]  # of thresholds, in bpm, each with the day of its effort


def low_maxima(athlete: Sequence[AthleteFrom], estimates: Estimates) -> set[str]:
    """Each maximum that isn't above the threshold of its days and group, as a fault; an estimate holds for a year."""
    found = set()
    for each in athlete:
        lately = [
            bpm for bpm, on in estimates if on < (each.until or date.max) and each.since <= on + timedelta(days=365)
        ]
        for of in each.groups.values():
            threshold = of.threshold_heartrate or max(lately, default=0)
            if of.max_heartrate and of.max_heartrate <= threshold:
                whose = "" if of.threshold_heartrate else " that is estimated from your hardest efforts"
                low = f"{of.max_heartrate:g} bpm is not above the threshold of {threshold:.4g} bpm"
                found.add(f"max_heartrate: {low}{whose}")
    return found


def has_ungrouped_power(entries: Any) -> bool:
    """Whether usable entries give power without a group of sports; it then counts for rides."""
    return any(not isinstance(entry.get(name, {}), Mapping) for entry in entries for name in ("ftp", "power_zones"))


def _values(place: str, entry: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The usable values of an entry: the weight; all others by group."""
    found: dict[str, Any] = {}
    for name, value in entry.items():
        if name == _WEIGHT:
            found[name] = _value(place, name, value, faults)
        elif name in UNSAID:
            by_group = value if isinstance(value, Mapping) else {UNSAID[name]: value}
            known = {ALL: [*SPORTS, ALL], RIDE: [*SPORTS], RUN: [RUN]}[UNSAID[name]]
            if others := [group for group in by_group if group not in known]:
                faults.append(f"{place} {name}: no group is called {others[0]!r}; there are {', '.join(known)}")
            found[name] = {group: _value(place, name, one, faults) for group, one in by_group.items()}
        elif name != "since":
            faults.append(f"{place} {name}: no value has this name; there are {', '.join(_RANGES)}")
    if not any(each or each is None for each in found.values()) and entry.keys() <= {"since", *found}:
        faults.append(f"{place}: it sets nothing; there are {', '.join(_RANGES)}")
    return found


def _value(place: str, name: str, value: Any, faults: list[str]) -> float | tuple[float, ...] | None:
    """A number, or the limits of zones; None: a fault was added."""
    low, high, unit = _RANGES[name]
    if name == _PACE:
        written = _PACE_FORM.fullmatch(value) if isinstance(value, str) else None
        minutes, seconds, per = written.groups() if written else (0, 0, "")
        pace = (int(minutes) * 60 + int(seconds)) / (1 if per in (None, "km") else _KM_PER_MILE)
        if low <= pace <= high:
            return pace
        faults.append(f'{place} {name}: {value!r} is no pace of a runner; write "4:15/km" or "6:50/mile"')
    elif not name.endswith("_zones"):
        if _is_between(value, low, high):
            return float(value)
        faults.append(f"{place} {name}: {value!r} is not a number from {low:g} to {high:g} ({unit})")
    elif _are_limits(value, low, high):
        return tuple(float(each) for each in value)
    else:
        faults.append(
            f"{place} {name}: {value!r} is not 1 to {MOST_LIMITS} rising numbers from {low:g} to {high:g} ({unit}) in []: "
            "where each zone after the first begins"
        )
    return None


def _held(given: dict[date, dict[str, Any]]) -> tuple[AthleteFrom, ...]:
    """Each entry with the values of earlier entries that it doesn't replace."""
    days = sorted(given)
    found, weight = [], None
    held: dict[str, dict[str, Any]] = {name: {} for name in (*UNSAID, _USUAL_REST)}
    usual_weight = given.get(date.min, {}).pop(_WEIGHT, None)
    held[_USUAL_REST] = given.get(date.min, {}).pop(_REST, {})
    for since, until in zip(days, [*days[1:], None], strict=False):  # none for no entries
        entry = given[since]
        for threshold, zones, shares in (
            ("ftp", "power_zones", POWER_SHARES),
            ("threshold_heartrate", "heartrate_zones", HEARTRATE_SHARES),
        ):
            for group, value in entry.get(threshold, {}).items():
                held[zones][group] = tuple(round((value or 0) * share, 1) for share in shares)
        for name, by_group in held.items():
            by_group |= entry.get(name, {})
        weight = entry.get(_WEIGHT, weight)
        of_groups = {group: _of(group, held) for group in SPORTS}
        known = {group: one for group, one in of_groups.items() if one != Thresholds()}
        found.append(AthleteFrom(since, until, weight, known, usual_weight))
    return tuple(found)


def _of(group: str, held: Mapping[str, Mapping[str, Any]]) -> Thresholds:
    said = {name: by_group.get(group, by_group.get(ALL)) for name, by_group in held.items()}
    return Thresholds(**{name: value for name, value in said.items() if value is not None})


def _is_between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _are_limits(value: Any, low: float, high: float) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= MOST_LIMITS
        and all(_is_between(each, low, high) for each in value)
        and all(one < other for one, other in pairwise(value))
    )
