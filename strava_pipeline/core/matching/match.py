"""Which activities are one: the rows of `activity_matches` and `activity_members`, from what is known of all
activities. Pure.

Candidate pairs are judged by their evidence, and joined into groups, the surest first, none against a person's
decision. A group holds at most one activity of each source that numbers its own. Probable pairs are joined only
where each member matches each, so that a chain of likenesses never joins two ends that differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl
import polars.selectors as cs

from strava_pipeline.core.matching.candidates import ACTIVITY_COLUMNS, candidate_pairs, numbering_source
from strava_pipeline.core.matching.evidence import CERTAIN, DOUBTFUL, NOTHING, ComparePoints, judge_pairs
from strava_pipeline.core.matching.rules import WHOLE
from strava_pipeline.core.sources import FILE, SOURCES

T = TypeVar("T")
Pair = tuple[int, int]  # ids, the smaller one first
_FORMATS = ["fit", "tcx", "gpx"]  # of two files the one that holds more stands first
MATCHES = {
    "id": pl.Int64(),
    "other_id": pl.Int64(),
    "verdict": pl.String(),
    "joined": pl.Boolean(),
    "score": pl.Float64(),
    "reasons": pl.List(pl.String()),
    "decided": pl.String(),
}
MEMBERS = {"id": pl.Int64(), "activity_id": pl.Int64(), "place": pl.Int32()}


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two activities that may be one. `by_content`: they hold the same file; `gone`: one is deleted at its source."""

    pair: Pair
    score: float
    certain: bool
    by_content: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Identities:
    """By id: which source numbers an activity (None: files), whose it is, and what a file by itself holds; where known."""

    numbered_by: Mapping[int, str | None]
    athletes: Mapping[int, int | None]
    contents: Mapping[int, str | None]


@dataclass(frozen=True, slots=True)
class Decisions:
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


@dataclass(frozen=True, slots=True)
class Matching:
    """`matches`: pairs that are joined, may be, or of which a person decided; `members`: of groups, the best source first."""

    matches: pl.DataFrame
    members: pl.DataFrame


NOTHING_MATCHED = Matching(pl.DataFrame(schema=MATCHES), pl.DataFrame(schema=MEMBERS))


def find_matches(activities: pl.DataFrame, decided: Decisions, compare: ComparePoints) -> Matching:
    """All activities (columns `ACTIVITY_COLUMNS`), and what a person decided; the same in whatever order either comes.

    `compare` looks at the points of the pairs that are near.
    """
    known = activities.select(pl.col(name).cast(kind) for name, kind in ACTIVITY_COLUMNS.items()).sort("id")
    known = known.with_columns(cs.float().fill_nan(None))
    there = set(known["id"])
    decided = Decisions(
        tuple(pair for pair in decided.joined if there.issuperset(pair)),
        frozenset(pair for pair in decided.split if there.issuperset(pair)),
    )
    pairs = _with_decided(candidate_pairs(known), decided)
    if pairs.is_empty():  # as where all is the API's
        return NOTHING_MATCHED
    judged = judge_pairs(pairs, known, compare)
    numbers = dict(known.select("id", numbering_source().alias("by")).iter_rows())
    known_of = Identities(
        numbered_by=numbers,
        athletes=dict(known.select("id", "athlete_id").iter_rows()),
        contents=dict(known.filter(pl.col("source") == FILE).select("id", pl.col("contents").list.first()).iter_rows()),
    )
    groups = group_activities(_likenesses(judged, known), _alike(judged), known_of, decided)
    return Matching(_matches(judged, groups, numbers, decided), _members(known, groups))


def _likenesses(judged: pl.DataFrame, known: pl.DataFrame) -> list[Likeness]:
    gone = set(known.filter(pl.col("deleted").fill_null(False))["id"])
    sure = judged.filter(~pl.col("verdict").is_in([DOUBTFUL, NOTHING]))
    return [
        Likeness((one, other), score, verdict == CERTAIN, by_content, one in gone or other in gone)
        for one, other, score, verdict, by_content in sure.select(
            "id_a", "id_b", "score", "verdict", "same_content"
        ).iter_rows()
    ]


def _alike(judged: pl.DataFrame) -> set[tuple[int, int]]:
    """Pairs that don't differ, though two files alone would not be joined for that."""
    alike = judged.filter(pl.col("alike") | (pl.col("verdict") == CERTAIN))
    return set(alike.select("id_a", "id_b").iter_rows())


def _with_decided(pairs: pl.DataFrame, decided: Decisions) -> pl.DataFrame:
    """What a person decided is judged too, so that it can be explained."""
    rows = sorted({*decided.joined, *decided.split})
    more = pl.DataFrame(
        {"id_a": [a for a, _ in rows], "id_b": [b for _, b in rows]}, schema={"id_a": pl.Int64, "id_b": pl.Int64}
    ).join(pairs, on=["id_a", "id_b"], how="anti")
    none = pl.lit(None, pl.String)
    more = more.with_columns(same_content=pl.lit(False), same_number=none, same_name=none)
    return pl.concat([pairs, more.select(pairs.columns)])


def _matches(judged: pl.DataFrame, groups: Groups, numbers: dict[int, str | None], decided: Decisions) -> pl.DataFrame:
    """Joined pairs, decided ones, and of the others those that a person could join: whose groups have room for each other."""
    rows = []
    for one, other, verdict, score, reasons in judged.select("id_a", "id_b", "verdict", "score", "reasons").iter_rows():
        pair = (one, other)
        said = "split" if pair in decided.split else "joined" if pair in decided.joined else None
        joined = groups.together(pair)
        if said or (verdict != NOTHING and (joined or _have_room(groups, pair, numbers))):
            rows.append((one, other, verdict, joined, score, reasons, said))
    return pl.DataFrame(rows, schema=MATCHES, orient="row").sort("id", "other_id")


def _have_room(groups: Groups, pair: tuple[int, int], numbers: dict[int, str | None]) -> bool:
    sources = [{numbers[one] for one in groups.of(each)} - {None} for each in pair]
    return not sources[0] & sources[1]


def _members(known: pl.DataFrame, groups: Groups) -> pl.DataFrame:
    """Each group's members in order: by source, of files the whole first, by format, then by id; the first one stands for all.

    What is deleted at Strava stays so by its files, but not where Strava has the same activity under another id.
    """
    of = {one: first for first, group in groups.members.items() for one in group}
    schema = {"id": pl.Int64, "group": pl.Int64}
    rank = pl.col("source").replace_strict({name: place for place, name in enumerate(SOURCES)}, return_dtype=pl.Int32)
    form = pl.col("format").replace_strict(
        {name: place for place, name in enumerate(_FORMATS)}, default=len(_FORMATS), return_dtype=pl.Int32
    )
    longest = pl.col("elapsed").max().over("group", "rank")
    ordered = (
        pl.DataFrame({"id": list(of), "group": list(of.values())}, schema=schema)
        .join(known, on="id")
        .with_columns(rank=rank, form=form, gone=pl.col("deleted").fill_null(False))
        .with_columns(cut=((pl.col("source") == FILE) & (pl.col("elapsed") < WHOLE.value * longest)).fill_null(False))
        .with_columns(_there=((pl.col("id") > 0) & ~pl.col("gone")).any().over("group"))
        .sort("group", pl.col("gone") & pl.col("_there"), "rank", "cut", "form", "id")
    )
    return ordered.select(
        "id",
        activity_id=pl.col("id").first().over("group"),
        place=pl.int_range(pl.len(), dtype=pl.Int32).over("group"),
    ).sort("id")


def group_activities(likenesses: Iterable[Likeness], alike: set[Pair], known: Identities, decided: Decisions) -> Groups:
    """The groups: what a person joined, then the likenesses, those of deleted activities last.

    `alike`: pairs that may stand in one group.
    """
    groups = Groups()
    for pair in decided.joined:
        if not split_between(groups, pair, decided):
            groups.unite(pair)
    for each in sorted(likenesses, key=lambda each: (each.gone, not each.certain, -each.score, each.pair)):
        if not groups.together(each.pair) and _agree(groups, each, alike, known, decided):
            groups.unite(each.pair)
    return groups


def _agree(groups: Groups, each: Likeness, alike: set[Pair], known: Identities, decided: Decisions) -> bool:
    left, right = groups.of(each.pair[0]), groups.of(each.pair[1])
    if _told(left, known.numbered_by) & _told(right, known.numbered_by) or split_between(groups, each.pair, decided):
        return False
    if len(_told(left, known.athletes) | _told(right, known.athletes)) > 1:
        return False
    if each.by_content:
        return True
    if _told(left, known.contents) & _told(right, known.contents):
        return False  # two sessions of one file
    return _match_each_other(left, right, alike, decided)


def _match_each_other(left: set[int], right: set[int], alike: set[Pair], decided: Decisions) -> bool:
    """Each is like each; of those that a person joined with others it is enough that one is."""
    spoken = {one for pair in decided.joined for one in pair}

    def fits(one: int, others: set[int]) -> bool:
        like = [ordered_pair(one, other) in alike for other in others]
        needed = [fit for fit, other in zip(like, others, strict=True) if other not in spoken]
        return any(like) and all(needed)

    return all(fits(one, right) for one in left - spoken) and all(fits(one, left) for one in right - spoken)


def _told(group: set[int], by_id: Mapping[int, T | None]) -> set[T]:
    return {value for one in group if (value := by_id.get(one)) is not None}


def split_between(groups: Groups, pair: Pair, decided: Decisions) -> Pair | None:
    """Two that a person split and that would come together, if there are any."""
    if not decided.split:
        return None
    left, right = groups.of(pair[0]), groups.of(pair[1])
    pairs = (ordered_pair(one, other) for one in sorted(left) for other in sorted(right))
    return next((each for each in pairs if each in decided.split), None)


def ordered_pair(one: int, other: int) -> Pair:
    """The pair as it is kept."""
    return (one, other) if one < other else (other, one)
