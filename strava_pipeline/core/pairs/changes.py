"""Changes in how two devices agree, over the efforts that both recorded. Pure.

Pettitt's test (*A non-parametric approach to the change-point problem*, Applied Statistics 1979) asks nothing of the values'
distribution, and finds the clearest change. It looks at all efforts and at shorter and shorter stretches of them, so that a
change that was undone is found, too (seeded intervals: Kovács et al., *Seeded binary segmentation*, Biometrika 2023); then
at what lies before and after the change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import exp
from statistics import median

LEAST_EFFORTS = 21  # in fewer even the clearest change may come by chance
_LEAST_SIDE = 5  # efforts before and after
_MOST_CHANCE = 0.001  # of such a change by chance: many pairs and quantities are looked at


@dataclass(frozen=True, slots=True)
class Change:
    """The first day on which it is another number, and the medians before and since."""

    since: date
    before: float
    after: float


def changes_in(values: Sequence[tuple[date, float]], least: float) -> list[Change]:
    """The changes in dated values, in their order; smaller ones than `least` are none.

    >>> days = [date(2026, 1, day) for day in range(1, 29)]
    >>> changes_in([*zip(days, [0.0] * 14 + [6.0] * 14)], least=3.0)
    [Change(since=datetime.date(2026, 1, 15), before=0.0, after=6.0)]
    """
    numbers = [value for _, value in values]
    places = [0, *_places(numbers, least), len(numbers)]
    return [
        Change(values[at][0], median(numbers[begins:at]), median(numbers[at:ends]))
        for begins, at, ends in zip(places, places[1:], places[2:], strict=False)
    ]


def _places(numbers: Sequence[float], least: float) -> list[int]:
    """Where the numbers change: the places of the first ones afterwards."""
    stretches = [*_stretches(len(numbers))]
    for begins, ends in stretches:
        found = _place(numbers[begins:ends], least, _MOST_CHANCE / len(stretches))
        if found is not None:
            at = begins + found
            return [*_places(numbers[:at], least), at, *(at + each for each in _places(numbers[at:], least))]
    return []


def _stretches(count: int) -> Iterator[tuple[int, int]]:
    """Where stretches begin and end: all, then two thirds as long ones, that overlap by half."""
    length = count
    while length >= LEAST_EFFORTS:
        yield from ((begins, begins + length) for begins in range(0, count - length + 1, length // 2))
        length = length * 2 // 3


def _place(numbers: Sequence[float], least: float, most_chance: float) -> int | None:
    """The place of the clearest change; None if it may come by chance, or is too small."""
    count, summed, lead = len(numbers), 0.0, list[float]()
    for place, rank in enumerate(_ranks(numbers), start=1):
        summed += rank
        lead.append(abs(2 * summed - place * (count + 1)))
    place = max(range(_LEAST_SIDE, count - _LEAST_SIDE + 1), key=lambda at: lead[at - 1])
    chance = 2 * exp(-6 * lead[place - 1] ** 2 / (count**3 + count**2))
    is_large = abs(median(numbers[place:]) - median(numbers[:place])) >= least
    return place if is_large and chance <= most_chance else None


def _ranks(numbers: Sequence[float]) -> list[float]:
    """The place of each number among all, from 1; equal ones share the mean of theirs."""
    ordered = sorted(numbers)
    first = {number: place for place, number in reversed(list(enumerate(ordered, start=1)))}
    last = {number: place for place, number in enumerate(ordered, start=1)}
    return [(first[number] + last[number]) / 2 for number in numbers]
