"""The maintenance that a bike or a pair of shoes needs, and when it was done: [service] of goals.toml. Pure.

[service."Domane".chain]     # the gear's name, or its id; the service's name is free
every_km = 3000              # or every_miles; and, or instead, every_hours in motion
done = [2025-03-01, 2025-09-14]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

_METRES = {"every_km": 1000.0, "every_miles": 1609.344}  # international yard and pound agreement, 1959
_NAMES = (*_METRES, "every_hours", "done")
_MOST = 1e6  # of any unit
_EXAMPLE = '[service."Domane".chain] with a line every_km = 3000'


@dataclass(frozen=True, slots=True)
class GearService:
    """A service of a piece of gear: its interval in metres or seconds in motion, and the local day when it was last done."""

    gear: str
    service: str
    every_m: float | None = None
    every_seconds: float | None = None
    done_on: date | None = None


def read_services(document: Any, faults: list[str]) -> tuple[GearService, ...]:
    """The services in the table [service]. Faults are added to `faults`, each with its place."""
    found = []
    for gear, services in _tables("service", document, faults):
        for service, values in _tables(f'service."{gear}"', services, faults):
            found.append(_service(gear, service, values, faults))
    return tuple(sorted(found, key=lambda each: (each.gear, each.service)))


def _tables(place: str, value: Any, faults: list[str]) -> list[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [*value.items()]
    faults.append(f"{place}: a service stands in a table of a piece of gear: {_EXAMPLE}")
    return []


def _service(gear: str, service: str, values: Any, faults: list[str]) -> GearService:
    place = f'[service."{gear}".{service}]'
    given = dict(_tables(place, values, faults))
    every: dict[str, float] = {}
    for name, value in given.items():
        if name not in _NAMES:
            faults.append(f"{place} {name}: no value has this name; there are {', '.join(_NAMES)}")
        elif name != "done":
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _MOST:
                every[name] = float(value)
            else:
                faults.append(f"{place} {name}: {value!r} is not a number above 0 and up to {_MOST:,.0f}")
    lengths = [every[name] * size for name, size in _METRES.items() if name in every]
    if len(lengths) > 1:
        faults.append(f"{place}: every_km and every_miles say the same twice")
    if isinstance(values, Mapping) and not given.keys() & {*_METRES, "every_hours"}:
        faults.append(f"{place}: it sets no interval; there are every_km, every_miles and every_hours")
    hours = every.get("every_hours")
    return GearService(
        gear,
        service,
        lengths[0] if lengths else None,
        hours * 3600 if hours is not None else None,
        _last(place, given.get("done", []), faults),
    )


def _last(place: str, done: Any, faults: list[str]) -> date | None:
    days = done if isinstance(done, list) else [done]
    for day in days:
        if not isinstance(day, date) or isinstance(day, datetime):
            faults.append(f"{place} done: {day!r} is no date; write done = 2025-03-01, or several in []")
            return None
    return max(days, default=None)
