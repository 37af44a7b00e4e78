"""The order in which answers arrived, and the believed arrival time of each. Pure.

The order is that of the numbers that answers get as they land (lake/bronze/landing.py), never that of a server's Date
headers: a false header must neither hide a later answer nor make an earlier one look newer. Times follow the order: a
time that contradicts it is replaced by a moment between its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

DAY = timedelta(days=1)
SHORTLY = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)  # a listing's beginning is compared to the second
_AGREES_WITH_LOCAL = 3  # how many times a time that this machine's clock confirms weighs as much as another


@dataclass(frozen=True, slots=True)
class Landing:
    """An answer that landed: its number, and when it arrived by the server's clock and by this machine's (UTC).

    `begins`: the answer is the first of its listing.
    """

    number: int
    at: datetime
    local_at: datetime
    begins: bool = False

    @property
    def is_confirmed(self) -> bool:
        """Whether this machine's clock agrees to within a day."""
        return abs(self.at - self.local_at) <= DAY

    @property
    def weight(self) -> int:
        """The weight of its time where others contradict it."""
        return _AGREES_WITH_LOCAL if self.is_confirmed else 1

    @property
    def step(self) -> timedelta:
        """The smallest time between the landing before and this one."""
        return SECOND if self.begins else SHORTLY


def believed_times(landings: Sequence[Landing], before: datetime | None = None) -> list[datetime]:
    """The arrival time of each landing, strictly increasing.

    `landings` are in the order of their numbers; all arrived after `before` (UTC). A time that goes back by at most a
    day becomes a moment after the one before it. If a time goes back further, either the earlier landings claim a time
    in the future or this one a time in the past: the side with less weight gives way.
    """
    if all(earlier.at < later.at for earlier, later in pairwise(landings)) and not (
        before and landings and landings[0].at <= before
    ):
        return [landing.at for landing in landings]
    trusted = _trusted(landings)
    times: list[datetime] = []
    last, moved = before, False
    for place, landing in enumerate(landings):
        if last is None:
            following = next((other.at for other in landings[place:] if other.number in trusted), landing.at)
            last = landing.at if landing.number in trusted else min(landing.at, following - SECOND)
        elif landing.number in trusted and last + (landing.step if moved else timedelta(0)) < landing.at:
            last = landing.at
        else:
            last += landing.step
        moved = last != landing.at
        times.append(last)
    return times


def _trusted(landings: Sequence[Landing]) -> set[int]:
    """The numbers of the landings whose times agree to within a day; in a contradiction, those of the heavier side."""
    kept: list[Landing] = []
    challengers: list[Landing] = []
    latest: datetime | None = None  # of `kept`
    for landing in landings:
        if latest is None or latest <= landing.at + DAY:
            kept.append(landing)
            latest = max(landing.at, latest or landing.at)
            challengers = []
            continue
        challengers = [*(other for other in challengers if other.at <= landing.at + DAY), landing]
        ahead = [other for other in kept if other.at > landing.at + DAY]
        if sum(other.weight for other in challengers) >= sum(other.weight for other in ahead):
            kept = [*(other for other in kept if other.at <= landing.at + DAY), *challengers]
            latest = max(other.at for other in kept)
            challengers = []
    return {landing.number for landing in kept}
