"""Who the athlete was when: the dated entries [[athlete]] of goals.toml, and the zones that follow from them. Pure.

[[athlete]]
since = 2024-03-01            # holds from this local day on
ftp = 250                     # W
threshold_heartrate = 168     # bpm
weight_kg = 72.5
power_zones = [140, 190, 225, 265, 300, 375]   # W: where each zone after the first begins
heartrate_zones = [115, 142, 160, 178]         # bpm

A value holds until an entry gives another one. Zones hold until an entry gives other zones or another threshold; without zones
of their own, they are the published shares of the threshold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any

# Allen, Coggan: Training and Racing with a Power Meter, 2nd ed. 2010, ch. 3: seven levels by power, of which five have a range
# of heart rates. Shares of the threshold at which each level after the first begins.
POWER_SHARES = (0.55, 0.75, 0.90, 1.05, 1.20, 1.50)
HEARTRATE_SHARES = (0.68, 0.83, 0.94, 1.05)
_RANGES = {  # believable values; a slip such as 2500 W is a fault, an unusual athlete is none
    "ftp": (30.0, 700.0, "W"),
    "threshold_heartrate": (60.0, 230.0, "bpm"),
    "weight_kg": (20.0, 300.0, "kg"),
}
_ZONES = {"power_zones": (1.0, 3000.0, "W"), "heartrate_zones": (30.0, 250.0, "bpm")}
_MOST_ZONES = 9  # of limits: ten zones
_EXAMPLE = "[[athlete]] with a line since = 2024-03-01"


@dataclass(frozen=True, slots=True)
class AthleteFrom:
    """What holds from the local day `since` to the day before `until` (None: until today).

    `ftp` in W, `threshold_heartrate` in bpm, `weight_kg` in kg. Zones: where each one after the first begins, in W and bpm;
    empty: not known.
    """

    since: date
    until: date | None = None
    ftp: float | None = None
    threshold_heartrate: float | None = None
    weight_kg: float | None = None
    power_zones: tuple[float, ...] = ()
    heartrate_zones: tuple[float, ...] = ()


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
        since = entry.get("since")
        if not isinstance(since, date) or isinstance(since, datetime):
            faults.append(f"{place} since: {since!r} is no date; write since = 2024-03-01")
        elif since in given:
            faults.append(f"{place} since: another entry begins on {since}")
        else:
            given[since] = _values(place, entry, faults)
    return _held(given)


def _values(place: str, entry: Mapping[str, Any], faults: list[str]) -> dict[str, Any]:
    """The usable values of an entry."""
    found: dict[str, Any] = {}
    for name, value in entry.items():
        if name in _RANGES:
            low, high, unit = _RANGES[name]
            if _is_between(value, low, high):
                found[name] = float(value)
            else:
                faults.append(f"{place} {name}: {value!r} is not a number from {low:g} to {high:g} ({unit})")
        elif name in _ZONES:
            low, high, unit = _ZONES[name]
            if _are_limits(value, low, high):
                found[name] = tuple(float(each) for each in value)
            else:
                faults.append(
                    f"{place} {name}: {value!r} is not 1 to {_MOST_ZONES} rising numbers from {low:g} to {high:g} ({unit}) "
                    "in []: where each zone after the first begins"
                )
        elif name != "since":
            faults.append(f"{place} {name}: no value has this name; there are {', '.join((*_RANGES, *_ZONES))}")
    if not found and entry.keys() <= {"since"}:
        faults.append(f"{place}: it sets nothing; there are {', '.join((*_RANGES, *_ZONES))}")
    return found


def _held(given: dict[date, dict[str, Any]]) -> tuple[AthleteFrom, ...]:
    """Each entry completed by what earlier ones said."""
    days = sorted(given)
    found, held = [], dict[str, Any]()
    for since, until in zip(days, [*days[1:], None], strict=False):  # none for no entries
        for threshold, zones, shares in (
            ("ftp", "power_zones", POWER_SHARES),
            ("threshold_heartrate", "heartrate_zones", HEARTRATE_SHARES),
        ):
            if (value := given[since].get(threshold)) is not None:
                held[zones] = tuple(round(value * share, 1) for share in shares)
        held |= given[since]
        found.append(AthleteFrom(since, until, **held))
    return tuple(found)


def _is_between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _are_limits(value: Any, low: float, high: float) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= _MOST_ZONES
        and all(_is_between(each, low, high) for each in value)
        and all(one < other for one, other in pairwise(value))
    )
