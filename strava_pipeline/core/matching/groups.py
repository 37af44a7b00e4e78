"""Which activities are one: pairs joined into groups, the surest first, none against a person's word. Pure.

A group holds at most one activity of those that a source numbers itself, and only probable pairs are joined where each
matches each, so that a chain of likenesses never joins two ends that differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")
Pair = tuple[int, int]  # ids, the smaller one first


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two activities that may be one. `by_content`: they hold the same file; `gone`: one is deleted at its source."""

    pair: Pair
    score: float
    certain: bool
    by_content: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """By id: which source numbers an activity (None: files), whose it is, and what a file by itself holds; where known."""

    numbered_by: Mapping[int, str | None]
    athletes: Mapping[int, int | None]
    contents: Mapping[int, str | None]


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person last decided of pairs; `joined`: in the order in which they did, as a later one gives way."""

    joined: tuple[Pair, ...] = ()
    split: frozenset[Pair] = frozenset()


@dataclass(slots=True)
class Groups:
    """Each activity's group, by the smallest id in it; those that stand alone are in none."""

    members: dict[int, set[int]] = field(default_factory=dict)
    _of: dict[int, int] = field(default_factory=dict)

    def of(self, one: int) -> set[int]:
        return self.members.get(self._of.get(one, one), {one})

    def together(self, pair: Pair) -> bool:
        return pair[1] in self.of(pair[0])

    def unite(self, pair: Pair) -> None:
        whole = self.of(pair[0]) | self.of(pair[1])
        for one in whole:
            self.members.pop(self._of.get(one, one), None)
        self.members[min(whole)] = whole
        for one in whole:
            self._of[one] = min(whole)


def grouped(likenesses: Iterable[Likeness], alike: set[Pair], known: Known, decided: Decided) -> Groups:
    """The groups: what a person joined, then the likenesses, those of deleted activities last.

    `alike`: pairs that may stand in one group.
    """
    groups = Groups()
    for pair in decided.joined:
        if not forbidding(groups, pair, decided):
            groups.unite(pair)
    for each in sorted(likenesses, key=lambda each: (each.gone, not each.certain, -each.score, each.pair)):
        if not groups.together(each.pair) and _agree(groups, each, alike, known, decided):
            groups.unite(each.pair)
    return groups


def _agree(groups: Groups, each: Likeness, alike: set[Pair], known: Known, decided: Decided) -> bool:
    left, right = groups.of(each.pair[0]), groups.of(each.pair[1])
    if _told(left, known.numbered_by) & _told(right, known.numbered_by) or forbidding(groups, each.pair, decided):
        return False
    if len(_told(left, known.athletes) | _told(right, known.athletes)) > 1:
        return False
    if each.by_content:
        return True
    if _told(left, known.contents) & _told(right, known.contents):
        return False  # two sessions of one file
    return _match_each_other(left, right, alike, decided)


def _match_each_other(left: set[int], right: set[int], alike: set[Pair], decided: Decided) -> bool:
    """Each is like each; of those that a person joined with others it is enough that one is."""
    spoken = {one for pair in decided.joined for one in pair}

    def fits(one: int, others: set[int]) -> bool:
        like = [ordered_pair(one, other) in alike for other in others]
        needed = [fit for fit, other in zip(like, others, strict=True) if other not in spoken]
        return any(like) and all(needed)

    return all(fits(one, right) for one in left - spoken) and all(fits(one, left) for one in right - spoken)


def _told(group: set[int], by_id: Mapping[int, T | None]) -> set[T]:
    return {value for one in group if (value := by_id.get(one)) is not None}


def forbidding(groups: Groups, pair: Pair, decided: Decided) -> Pair | None:
    """Two that a person split and that would come together, if there are any."""
    if not decided.split:
        return None
    left, right = groups.of(pair[0]), groups.of(pair[1])
    pairs = (ordered_pair(one, other) for one in sorted(left) for other in sorted(right))
    return next((each for each in pairs if each in decided.split), None)


def ordered_pair(one: int, other: int) -> Pair:
    """The pair as it is kept."""
    return (one, other) if one < other else (other, one)
