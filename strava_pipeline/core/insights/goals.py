"""goals.toml as a record: what a person wants of a year, by group of sports. Parsed text in, goals or a list of faults out.

units = "km"            # or "miles": what reports are in; unsaid: as the Strava profile says

[2026.ride]             # a year and a group of core/sports.py, or all
distance_km = 5000      # or several: [4800, 5000]
[every_year.all]        # counts where the year says nothing of this group's measure
count = 200
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from strava_pipeline.core.insights.measures import BY_GOAL, Measure
from strava_pipeline.core.sports import ALL, SPORTS

EVERY_YEAR = "every_year"
MOST = 5  # lines in a chart; more can't be told apart
Units = Literal["km", "miles"]
_LARGEST = 1e9  # of any unit: nobody does more, and no sum of it overflows
_YEARS = range(1970, 2101)


class GoalsError(ValueError):
    """What is wrong in goals.toml: a line per fault, each naming the place."""


@dataclass(frozen=True, slots=True)
class Goals:
    """Goals by (year or None for every year, group, measure's name): amounts in the measure's own unit, least first."""

    units: Units | None = None
    all: Mapping[tuple[int | None, str, str], tuple[float, ...]] = field(default_factory=dict)

    def of(self, year: int, group: str, measure: str) -> tuple[float, ...]:
        """The year's own, else those of every year."""
        return self.all.get((year, group, measure)) or self.all.get((None, group, measure), ())

    def limited_to(self, groups: Collection[str]) -> "Goals":
        """Without the goals of other groups: of a group that is only partly counted nothing can be said."""
        return Goals(self.units, {key: amounts for key, amounts in self.all.items() if key[1] in groups})


def read_goals(document: Mapping[str, Any]) -> Goals:
    """The goals in a parsed goals.toml. Raises GoalsError naming every fault."""
    faults: list[str] = []
    units = document.get("units")
    if units not in (None, "km", "miles"):
        faults.append(f'units: {units!r} is neither "km" nor "miles"')
    found: dict[tuple[int | None, str, str], tuple[float, ...]] = {}
    for name, groups in document.items():
        if name == "units":
            continue
        year = _year(name)
        if year is None and name != EVERY_YEAR:
            faults.append(f"[{name}]: neither a year of 1970 to 2100 nor {EVERY_YEAR}")
        elif not isinstance(groups, Mapping):
            faults.append(f"{name}: goals stand in a table of a group, like [{name}.ride]")
        else:
            for group, goals in groups.items():
                _read_group(name, year, group, goals, found, faults)
    if faults:
        raise GoalsError("\n".join(faults))
    return Goals(units, found)


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
    for goal, told in goals.items():
        if goal not in BY_GOAL:
            faults.append(f"{place} {goal}: no goal is called so; there are {', '.join(BY_GOAL)}")
            continue
        measure, size = BY_GOAL[goal]
        amounts = _amounts(told)
        if amounts is None:
            faults.append(
                f"{place} {goal}: {told!r} is not a number above 0 and below 1e9, nor one to {MOST} of them in []"
            )
        elif (year, group, measure.name) in found:
            faults.append(f"{place} {goal}: there is another goal of {_title(measure)} already")
        else:
            found[year, group, measure.name] = tuple(sorted({amount * size for amount in amounts}))


def _title(measure: Measure) -> str:
    return f"{measure.title} ({' or '.join(measure.goals)})"


def _year(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdecimal() and len(name) == 4 and int(name) in _YEARS else None


def _amounts(told: Any) -> list[float] | None:
    amounts = told if isinstance(told, list) else [told]
    usable = all(
        isinstance(each, int | float) and not isinstance(each, bool) and 0 < each <= _LARGEST for each in amounts
    )
    return [float(each) for each in amounts] if usable and 1 <= len(amounts) <= MOST else None
