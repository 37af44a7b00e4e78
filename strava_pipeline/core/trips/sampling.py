"""Of a track's points the few that a router is asked about: its address has to hold them all. No router here."""

from collections.abc import Sequence
from typing import TypeVar

ALL, FEWER = 25, 24  # up to 25 points go as they are, of more 24: routers limit the length of an address
_Point = TypeVar("_Point")


def sampled(points: Sequence[_Point]) -> list[_Point]:
    """The first, the last, and what lies evenly between by number."""
    count = len(points)
    if count <= ALL:
        return list(points)
    between = FEWER - 2
    return [points[0], *(points[place * (count - 2) // between] for place in range(1, between + 1)), points[-1]]
