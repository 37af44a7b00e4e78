"""Which activities are one: pairs joined into groups, the surest first, none against a person's word. Pure.

A group holds at most one activity of those that a source numbers itself, and only probable pairs are joined where each
matches each, so that a chain of likenesses never joins two ends that differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Pair = tuple[int, int]  # ids, the smaller one first


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two activities that may be one. `certain`: no need to match each other of the group."""

    pair: Pair
    score: float
    certain: bool


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person decided of pairs."""

    joined: frozenset[Pair] = frozenset()
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


def grouped(
    likenesses: Iterable[Likeness],
    numbered_by: Mapping[int, str | None],
    athletes: Mapping[int, int | None],
    decided: Decided,
) -> Groups:
    """The groups. `numbered_by`: which source numbers an activity, None for files; `athletes`: whose it is, where known."""
    groups = Groups()
    for pair in sorted(decided.joined - decided.split):
        if not _forbidden(groups, pair, decided):
            groups.unite(pair)
    ordered = sorted(likenesses, key=lambda each: (not each.certain, -each.score, each.pair))
    likely = {each.pair for each in ordered}
    for each in ordered:
        if not groups.together(each.pair) and _agree(groups, each, likely, numbered_by, athletes, decided):
            groups.unite(each.pair)
    return groups


def _agree(
    groups: Groups,
    each: Likeness,
    likely: set[Pair],
    numbered_by: Mapping[int, str | None],
    athletes: Mapping[int, int | None],
    decided: Decided,
) -> bool:
    left, right = groups.of(each.pair[0]), groups.of(each.pair[1])
    if _sources(left, numbered_by) & _sources(right, numbered_by) or _forbidden(groups, each.pair, decided):
        return False
    if len(_known(left, athletes) | _known(right, athletes)) > 1:
        return False
    spoken = {one for pair in decided.joined for one in pair}  # a person knows why these differ
    return each.certain or all(ordered_pair(one, other) in likely for one in left - spoken for other in right - spoken)


def _sources(group: set[int], numbered_by: Mapping[int, str | None]) -> set[str]:
    return {source for one in group if (source := numbered_by.get(one)) is not None}


def _known(group: set[int], athletes: Mapping[int, int | None]) -> set[int]:
    return {athlete for one in group if (athlete := athletes.get(one)) is not None}


def _forbidden(groups: Groups, pair: Pair, decided: Decided) -> bool:
    """Whether a person split any two that would come together."""
    if not decided.split:
        return False
    left, right = groups.of(pair[0]), groups.of(pair[1])
    return any(ordered_pair(one, other) in decided.split for one in left for other in right)


def ordered_pair(one: int, other: int) -> Pair:
    """The pair as it is kept."""
    return (one, other) if one < other else (other, one)
