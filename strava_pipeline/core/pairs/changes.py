"""Changes in how two devices agree, over the efforts that both recorded. Pure.

Pettitt's test (*A non-parametric approach to the change-point problem*, Applied Statistics 1979) asks nothing of the values'
distribution, and finds the clearest change. It looks at all efforts and at shorter and shorter stretches of them, so that a
change that was undone is found, too (seeded intervals: Kovács et al., *Seeded binary segmentation*, Biometrika 2023); then
at what lies before and after the change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp
from statistics import median

_LEAST_SIDE = 5  # efforts before and after
_MOST_CHANCE = 0.001  # of such a change by chance: many pairs and quantities are looked at
Differ = Callable[[float, float], bool]  # whether what was and what is since are different enough to be told


@dataclass(frozen=True, slots=True)
class Change:
    """The first day on which it is another number, and the medians before and since."""

    since: date
    before: float
    after: float


def changes_in(values: Sequence[tuple[date, float]], differ: Differ) -> list[Change]:
    """The changes in dated values, in their order; of 22 values and more.

    >>> days = [date(2026, 1, day) for day in range(1, 29)]
    >>> changes_in([*zip(days, [0.0] * 14 + [6.0] * 14)], lambda before, after: abs(after - before) >= 3)
    [Change(since=datetime.date(2026, 1, 15), before=0.0, after=6.0)]
    """
    numbers = [value for _, value in values]
    places = _places(numbers, differ)
    while True:
        bounds = [0, *places, len(numbers)]
        found = [
            Change(values[at][0], median(numbers[begins:at]), median(numbers[at:ends]))
            for begins, at, ends in zip(bounds, places, bounds[2:], strict=False)
        ]
        small = [place for place, each in zip(places, found, strict=True) if not differ(each.before, each.after)]
        if not small:
            return found
        places.remove(small[0])  # what lies between two other changes may differ less than what they were found in


def _places(numbers: Sequence[float], differ: Differ) -> list[int]:
    """Where the numbers change: the places of the first ones afterwards."""
    stretches = _stretches(len(numbers))
    for begins, ends in stretches:
        found = _place(numbers[begins:ends], differ, _MOST_CHANCE / len(stretches))
        if found is not None:
            at = begins + found
            return [*_places(numbers[:at], differ), at, *(at + each for each in _places(numbers[at:], differ))]
    return []


def _stretches(count: int) -> list[tuple[int, int]]:
    """Where stretches begin and end: all, then two thirds as long ones, that overlap by half, while a change in them can be sure.

    >>> len(_stretches(21)), len(_stretches(22)), len(_stretches(100))
    (0, 1, 12)
    """
    length, found = count, list[tuple[int, int]]()
    while length > 2 * _LEAST_SIDE:
        more = [(begins, begins + length) for begins in range(0, count - length + 1, length // 2)]
        if _chance(length**2 / 4, length) * (len(found) + len(more)) > _MOST_CHANCE:
            break
        found += more
        length = length * 2 // 3
    return found


def _place(numbers: Sequence[float], differ: Differ, most_chance: float) -> int | None:
    """The place of the clearest change; None if it may come by chance, or is too small."""
    count, summed, lead = len(numbers), 0.0, list[float]()
    for place, rank in enumerate(_ranks(numbers), start=1):
        summed += rank
        lead.append(abs(2 * summed - place * (count + 1)))
    place = max(range(_LEAST_SIDE, count - _LEAST_SIDE + 1), key=lambda at: lead[at - 1])
    is_sure = _chance(lead[place - 1], count) <= most_chance
    return place if is_sure and differ(median(numbers[:place]), median(numbers[place:])) else None


def _chance(lead: float, count: int) -> float:
    """The chance of such a lead without a change, by Pettitt's approximation; at most count²/4 is possible."""
    return 2 * exp(-6 * lead**2 / (count**3 + count**2))


def _ranks(numbers: Sequence[float]) -> list[float]:
    """The place of each number among all, from 1; equal ones share the mean of theirs."""
    ordered = sorted(numbers)
    first = {number: place for place, number in reversed(list(enumerate(ordered, start=1)))}
    last = {number: place for place, number in enumerate(ordered, start=1)}
    return [(first[number] + last[number]) / 2 for number in numbers]
