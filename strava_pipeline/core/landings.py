"""In which order answers came, and at what moment each is believed to have come. Pure.

The order is that of the numbers which answers get as they land (lake/landed.py), never that of a server's Date headers: one
false header must neither hide what comes later nor let what came before look newer. Times follow the order: one that
contradicts it is replaced by a moment between its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

DAY = timedelta(days=1)
SHORTLY = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)  # a listing's beginning is compared to the second
_AGREES_WITH_LOCAL = 3  # times the weight of a time that this machine's clock doesn't confirm


@dataclass(frozen=True, slots=True)
class Landing:
    """Something that landed: its number, when it came by the server's clock and by this machine's (UTC).

    `begins`: it is the first of its listing.
    """

    number: int
    at: datetime
    local_at: datetime
    begins: bool = False

    @property
    def is_confirmed(self) -> bool:
        """Whether this machine's clock says nearly the same."""
        return abs(self.at - self.local_at) <= DAY

    @property
    def weight(self) -> int:
        """Of its word, where others contradict it."""
        return _AGREES_WITH_LOCAL if self.is_confirmed else 1

    @property
    def step(self) -> timedelta:
        """By how much it came later than what landed before it, at least."""
        return SECOND if self.begins else SHORTLY


def believed_times(landings: Sequence[Landing], before: datetime | None = None) -> list[datetime]:
    """When each came, strictly increasing: `landings` in the order of their numbers; all came after `before` (UTC).

    A time that goes back by no more than a day is set a moment after the one before it. Where one goes back further, either
    what came before claims to be of the future or it claims to be of the past: the side with less weight gives way.
    """
    if all(one.at < other.at for one, other in pairwise(landings)) and not (
        before and landings and landings[0].at <= before
    ):
        return [one.at for one in landings]
    trusted = _trusted(landings)
    times: list[datetime] = []
    last, moved = before, False
    for place, one in enumerate(landings):
        if last is None:
            following = next((other.at for other in landings[place:] if other.number in trusted), one.at)
            last = one.at if one.number in trusted else min(one.at, following - SECOND)
        elif one.number in trusted and last + (one.step if moved else timedelta(0)) < one.at:
            last = one.at
        else:
            last += one.step
        moved = last != one.at
        times.append(last)
    return times


def _trusted(landings: Sequence[Landing]) -> set[int]:
    """The numbers of those whose times don't contradict each other by more than a day; the heavier side of a quarrel."""
    kept: list[Landing] = []
    challengers: list[Landing] = []
    latest: datetime | None = None  # of `kept`
    for one in landings:
        if latest is None or latest <= one.at + DAY:
            kept.append(one)
            latest = max(one.at, latest or one.at)
            challengers = []
            continue
        challengers = [*(other for other in challengers if other.at <= one.at + DAY), one]
        ahead = [other for other in kept if other.at > one.at + DAY]
        if sum(other.weight for other in challengers) >= sum(other.weight for other in ahead):
            kept = [*(other for other in kept if other.at <= one.at + DAY), *challengers]
            latest = max(other.at for other in kept)
            challengers = []
    return {one.number for one in kept}
