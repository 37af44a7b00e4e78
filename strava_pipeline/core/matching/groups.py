"""Groups of activities that are one, of the likenesses of pairs, the surest first, and a person's decisions. Pure.

Probable pairs are joined only if each member matches each, so that a chain of likenesses never joins two ends that differ; two
that one source numbers are joined only by their own likeness. A group stays joined when a person adds more to it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

T = TypeVar("T")
Pair = tuple[int, int]  # ids, the smaller one first


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two activities that may be one.

    Args:
        by_itself: they hold the same file, or one service has them twice: nothing else has to agree.
        by_link: a source says that they are one.
        gone: one of them is deleted at its source.
    """

    pair: Pair
    score: float
    certain: bool
    by_itself: bool = False
    by_link: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Identities:
    """Known facts about activities, by id.

    Args:
        numbered_by: the source that numbers an activity; None for a file.
        athletes: its athlete.
        contents: the content of a file without a row.
        by_hand: handwritten, hence rounded: two activities that are alike need not both be like it.
    """

    numbered_by: Mapping[int, str | None]
    athletes: Mapping[int, int | None]
    contents: Mapping[int, str | None]
    by_hand: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Decisions:
    """A person's last decisions about pairs; `joined` in the order of the decisions, since a later one gives way."""

    joined: tuple[Pair, ...] = ()
    split: frozenset[Pair] = frozenset()


@dataclass(slots=True)
class Groups:
    """Groups of activities, by each of their ids; a single activity is in no group."""

    _of: dict[int, set[int]] = field(default_factory=dict)

    @property
    def members(self) -> dict[int, set[int]]:
        """The groups by the smallest id in each."""
        return {min(group): group for group in self._of.values()}

    def of(self, one: int) -> set[int]:
        return self._of.get(one) or {one}

    def together(self, pair: Pair) -> bool:
        return pair[1] in self._of.get(pair[0], ())

    def unite(self, pair: Pair) -> None:
        whole = self.of(pair[0]) | self.of(pair[1])
        self._of |= dict.fromkeys(whole, whole)


def group_activities(
    likenesses: Iterable[Likeness], alike: set[Pair], identities: Identities, decided: Decisions
) -> Groups:
    """The groups of the pairs that a person joined, then of the likenesses, those of deleted activities last.

    `alike`: pairs that may be in one group.
    """
    groups = Groups()
    ordered = sorted(likenesses, key=_surest_first)
    if decided.joined:  # what was one without them stays so
        near = _reached({one for pair in decided.joined for one in pair}, ordered)
        before = group_activities(near, alike, identities, replace(decided, joined=()))
        kept = [
            ordered_pair(one, twin)
            for pair in decided.joined
            for one in pair
            for twin in sorted(before.of(one) - {one})
        ]
        for pair in (*decided.joined, *kept):
            if not split_between(groups, pair, decided):
                groups.unite(pair)
    linked = {one for likeness in ordered if likeness.by_link for one in likeness.pair}
    spared = linked.union(identities.by_hand, *decided.joined)
    for likeness in ordered:
        if not groups.together(likeness.pair) and _agree(groups, likeness, alike, spared, identities, decided):
            groups.unite(likeness.pair)
    return groups


def _reached(ids: set[int], likenesses: Sequence[Likeness]) -> list[Likeness]:
    """The likenesses that lead to `ids`, over any number of others: no other one decides about their groups."""
    reached = Groups()
    for likeness in likenesses:
        if not reached.together(likeness.pair):
            reached.unite(likeness.pair)
    wanted = {twin for one in ids for twin in reached.of(one)}
    return [likeness for likeness in likenesses if likeness.pair[0] in wanted]


def _surest_first(likeness: Likeness) -> tuple[bool, bool, bool, float, Pair]:
    return likeness.gone, not likeness.by_link, not likeness.certain, -likeness.score, likeness.pair


def _agree(
    groups: Groups,
    likeness: Likeness,
    alike: set[Pair],
    spared: set[int],
    identities: Identities,
    decided: Decisions,
) -> bool:
    left, right = groups.of(likeness.pair[0]), groups.of(likeness.pair[1])
    if split_between(groups, likeness.pair, decided):
        return False
    if len(values_of(left, identities.athletes) | values_of(right, identities.athletes)) > 1:
        return False
    by, by_other = (identities.numbered_by.get(one) for one in likeness.pair)
    if _are_two_at_a_service(left, right, alike, identities, only=by if by == by_other else None):
        return False
    if likeness.by_itself:
        return True
    if values_of(left, identities.contents) & values_of(right, identities.contents):
        return False  # two sessions of one file
    return _match_each_other(left, right, alike, spared, identities.by_hand)


def _are_two_at_a_service(
    left: set[int], right: set[int], alike: set[Pair], identities: Identities, only: str | None
) -> bool:
    """Whether a service has one of each group, and the two differ. `only`: the service that has both; None for any."""
    return any(
        by == identities.numbered_by.get(other) and ordered_pair(one, other) not in alike
        for one in left
        if (by := identities.numbered_by.get(one)) is not None and only in (by, None)
        for other in right
    )


def _match_each_other(
    left: set[int], right: set[int], alike: set[Pair], spared: set[int], by_hand: frozenset[int]
) -> bool:
    """Whether each member is like each of the other group.

    For the `spared` members, which a person or a source joined or somebody wrote by hand, one likeness is enough. For rows
    `by_hand` none is needed: two members are alike, or this would not be called.
    """

    def fits(one: int, others: set[int]) -> bool:
        if others <= by_hand:
            return True
        like = [ordered_pair(one, other) in alike for other in others]
        needed = [fit for fit, other in zip(like, others, strict=True) if other not in spared]
        return any(like) and all(needed)

    return all(fits(one, right) for one in left - spared) and all(fits(one, left) for one in right - spared)


def values_of(group: set[int], by_id: Mapping[int, T | None]) -> set[T]:
    return {value for one in group if (value := by_id.get(one)) is not None}


def split_between(groups: Groups, pair: Pair, decided: Decisions) -> Pair | None:
    """A pair that a person split and that this pair would join again, or None."""
    if not decided.split:
        return None
    left, right = groups.of(pair[0]), groups.of(pair[1])
    pairs = (ordered_pair(one, other) for one in sorted(left) for other in sorted(right))
    return next((each for each in pairs if each in decided.split), None)


def ordered_pair(one: int, other: int) -> Pair:
    """The pair with the smaller id first."""
    return (one, other) if one < other else (other, one)
