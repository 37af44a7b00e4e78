"""A change in how two devices agree, over the efforts that both recorded. Pure.

Pettitt's test (*A non-parametric approach to the change-point problem*, Applied Statistics 1979): it asks nothing of the
values' distribution, and finds one change, the clearest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import exp
from statistics import median

LEAST_EFFORTS = 12
_LEAST_SIDE = 5  # efforts before and after
_MOST_CHANCE = 0.001  # of such a change by chance: many pairs and quantities are looked at


@dataclass(frozen=True, slots=True)
class Change:
    """The first day on which it is another number, and the medians before and since."""

    since: date
    before: float
    after: float


def change_in(values: Sequence[tuple[date, float]], least: float) -> Change | None:
    """The change in dated values, in their order; None if none stands out, or it is smaller than `least`."""
    count = len(values)
    if count < LEAST_EFFORTS:
        return None
    numbers = [value for _, value in values]
    ranks = _ranks(numbers)
    summed, lead = 0.0, list[float]()
    for place, rank in enumerate(ranks, start=1):
        summed += rank
        lead.append(abs(2 * summed - place * (count + 1)))
    place = max(range(_LEAST_SIDE, count - _LEAST_SIDE + 1), key=lambda at: lead[at - 1])
    chance = 2 * exp(-6 * lead[place - 1] ** 2 / (count**3 + count**2))
    before, after = median(numbers[:place]), median(numbers[place:])
    if chance > _MOST_CHANCE or abs(after - before) < least:
        return None
    return Change(values[place][0], before, after)


def _ranks(numbers: Sequence[float]) -> list[float]:
    """The place of each number among all, from 1; equal ones share the mean of theirs."""
    ordered = sorted(numbers)
    first = {number: place for place, number in reversed(list(enumerate(ordered, start=1)))}
    last = {number: place for place, number in enumerate(ordered, start=1)}
    return [(first[number] + last[number]) / 2 for number in numbers]
