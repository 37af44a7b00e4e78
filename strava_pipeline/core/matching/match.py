"""Which activities are one: the rows of `activity_matches` and `activity_members`, from all activities. Pure.

Candidate pairs are judged by their evidence and joined into groups (groups.py), never against a person's decision.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import polars.selectors as cs

from strava_pipeline.core.matching.candidates import ACTIVITY_COLUMNS, candidate_pairs, numbering_source
from strava_pipeline.core.matching.evidence import CERTAIN, DOUBTFUL, NOTHING, ComparePoints, judge_pairs
from strava_pipeline.core.matching.groups import (
    Decisions,
    Groups,
    Identities,
    Likeness,
    Pair,
    group_activities,
    ordered_pair,
    split_between,
    values_of,
)
from strava_pipeline.core.matching.parts import PART, legs_of_wholes
from strava_pipeline.core.matching.rules import DOUBTFUL_TOGETHER, PROBABLE_TOGETHER, WHOLE
from strava_pipeline.core.sources import FILE, SOURCES

_FORMATS = ["fit", "tcx", "gpx", "kml"]  # of two files the one that holds more stands first
MATCHES = {
    "id": pl.Int64(),
    "other_id": pl.Int64(),
    "verdict": pl.String(),
    "joined": pl.Boolean(),
    "score": pl.Float64(),
    "reasons": pl.List(pl.String()),
    "decided": pl.String(),
    "part_id": pl.Int64(),
    "waiting_id": pl.Int64(),
    "counted_id": pl.Int64(),
}
MEMBERS = {"id": pl.Int64(), "activity_id": pl.Int64(), "place": pl.Int32()}


@dataclass(frozen=True, slots=True)
class Matching:
    """The result. `matches`: pairs that are joined, possible, or decided by a person; `members`: the members of groups,
    the best source first.
    """

    matches: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MATCHES))
    members: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MEMBERS))


def find_matches(
    activities: pl.DataFrame,
    decided: Decisions,
    compare: ComparePoints,
    sources: Sequence[str] = SOURCES,
) -> Matching:
    """The matches among all activities (columns `ACTIVITY_COLUMNS`), in any order, under a person's decisions.

    `compare` compares the points of pairs that are near; `sources`: best first.
    """
    prepared = activities.select(pl.col(name).cast(kind) for name, kind in ACTIVITY_COLUMNS.items()).sort("id")
    prepared = prepared.with_columns(cs.float().fill_nan(None))
    ids = set(prepared["id"])
    decided = Decisions(
        tuple(pair for pair in decided.joined if ids.issuperset(pair)),
        frozenset(pair for pair in decided.split if ids.issuperset(pair)),
    )
    pairs = _with_decided(candidate_pairs(prepared), decided)
    if pairs.is_empty():  # as in a folder with activities of the API alone
        return Matching()
    judged = judge_pairs(pairs, prepared, compare)
    legs = legs_of_wholes(judged, ())
    numbers = dict(prepared.select("id", numbering_source().alias("by")).iter_rows())
    identities = Identities(
        numbered_by=numbers,
        athletes=dict(prepared.select("id", "athlete_id").iter_rows()),
        contents=dict(
            prepared.filter(pl.col("source") == FILE).select("id", pl.col("contents").list.first()).iter_rows()
        ),
        by_hand=frozenset(prepared.filter("by_hand")["id"]),
    )
    groups = group_activities(_likenesses(judged, prepared, legs), _alike(judged), identities, decided)
    members = _members(prepared, groups, sources)
    hidden = set(members.filter(pl.col("place") > 0)["id"])
    parts = {
        pair: leg for pair, leg in legs_of_wholes(judged, hidden).items() if not split_between(groups, pair, decided)
    }
    found = _matches(judged, groups, numbers, decided, parts)
    recorded = [~pl.col(f"by_hand_{one}").fill_null(False) & pl.col(f"has_time_{one}").fill_null(True) for one in "ab"]
    overlap = (pl.col("within") >= DOUBTFUL_TOGETHER.value).fill_null(False)
    at_once = {*judged.filter(overlap, *recorded).select("id_a", "id_b").iter_rows()}
    return Matching(_with_waiting(found, at_once, prepared, members, sources), members)


def _likenesses(judged: pl.DataFrame, activities: pl.DataFrame, legs: Collection[Pair]) -> list[Likeness]:
    """The pairs that are one; a leg and its whole are two, though both begin at one second."""
    gone = set(activities.filter(pl.col("deleted").fill_null(False))["id"])
    sure = judged.filter(~pl.col("verdict").is_in([DOUBTFUL, NOTHING]))
    return [  # a loop, since groups are built of pairs one after the other
        Likeness((one, other), score, verdict == CERTAIN, by_itself, link is not None, one in gone or other in gone)
        for one, other, score, verdict, by_itself, link in sure.select(
            "id_a", "id_b", "score", "verdict", pl.col("same_content") | pl.col("one_service"), "same_link"
        ).iter_rows()
        if verdict == CERTAIN or (one, other) not in legs
    ]


def _alike(judged: pl.DataFrame) -> set[tuple[int, int]]:
    """Pairs without a difference, which may be in one group even if they alone would not be joined."""
    alike = judged.filter(pl.col("alike") | (pl.col("verdict") == CERTAIN))
    return set(alike.select("id_a", "id_b").iter_rows())


def _with_decided(pairs: pl.DataFrame, decided: Decisions) -> pl.DataFrame:
    """The candidate pairs and those that a person decided, so that these are judged and can be explained, too."""
    rows = sorted({*decided.joined, *decided.split})
    more = pl.DataFrame(
        {"id_a": [a for a, _ in rows], "id_b": [b for _, b in rows]}, schema={"id_a": pl.Int64, "id_b": pl.Int64}
    ).join(pairs, on=["id_a", "id_b"], how="anti")
    none = pl.lit(None, pl.String)
    more = more.with_columns(
        same_content=pl.lit(False),
        same_day=pl.lit(False),
        fits_alone=pl.lit(None, pl.Boolean),
        same_link=none,
        same_number=none,
        same_name=none,
    )
    return pl.concat([pairs, more.select(pairs.columns)])


def _matches(
    judged: pl.DataFrame,
    groups: Groups,
    numbers: dict[int, str | None],
    decided: Decisions,
    parts: Mapping[Pair, int],
) -> pl.DataFrame:
    """Joined pairs, decided pairs, parts and their wholes, and other pairs that may be one. If two groups share a
    source, only pairs of that source.
    """
    rows, by_person = [], set(decided.joined)
    # a loop, since groups are Python's sets
    for one, other, verdict in judged.select("id_a", "id_b", "verdict").iter_rows():
        pair = (one, other)
        decision = "split" if pair in decided.split else "joined" if pair in by_person else None
        joined, part = groups.together(pair), parts.get(pair)
        if decision or part or (verdict != NOTHING and (joined or _have_room(groups, pair, numbers))):
            rows.append((one, other, joined, decision, part))
    told = {name: MATCHES[name] for name in ("id", "other_id", "joined", "decided", "part_id")}
    found = pl.DataFrame(rows, schema=told, orient="row").join(
        judged.select("score", "reasons", "verdict", id="id_a", other_id="id_b"), on=["id", "other_id"]
    )
    verdict = pl.when(pl.col("part_id").is_null()).then("verdict").otherwise(pl.lit(PART))
    none = pl.lit(None, pl.Int64())
    return found.with_columns(verdict=verdict, waiting_id=none, counted_id=none).select(*MATCHES).sort("id", "other_id")


def _with_waiting(
    matches: pl.DataFrame,
    at_once: Collection[Pair],
    activities: pl.DataFrame,
    members: pl.DataFrame,
    sources: Sequence[str],
) -> pl.DataFrame:
    """The pairs, of several about the same two activities one alone where a person is asked; with the activity that
    waits for the answer, and that which counts meanwhile: that of the better source, unless the other one is much longer. Of two
    that were not recorded `at_once` both count.
    """
    is_plain = pl.col("joined") & pl.col("decided").is_null()  # of these are thousands
    head = dict(members.select("id", "activity_id").iter_rows())
    place = {name: number for number, name in enumerate(sources)}
    known = {
        one: (gone or False, place.get(source, len(place)), one)
        for one, gone, source in activities.select("id", "deleted", "source").iter_rows()
    }
    length = dict(activities.select("id", pl.col("elapsed").fill_null(0.0)).iter_rows())
    is_led = pl.any_horizontal(pl.col("id", "other_id").is_in([one for one, first in head.items() if one != first]))
    likeliest = matches.filter(~is_plain).sort(
        pl.col("decided").is_null(), is_led, "score", "id", descending=(False, False, True, False)
    )
    seen, waiting, leading, rows = set[Pair](), set[int](), set[int](), []
    for row in likeliest.iter_rows(named=True):
        counted, waits = sorted((head.get(row[name], row[name]) for name in ("id", "other_id")), key=known.__getitem__)
        if length[counted] < PROBABLE_TOGETHER.value * length[waits] and not known[waits][0]:
            counted, waits = waits, counted  # else the hours that the other one lacks are lost
        if not row["decided"] and not row["part_id"]:
            if ordered_pair(counted, waits) in seen:
                continue
            is_chain = counted in waiting or waits in leading
            if not is_chain and not known[waits][0] and (row["id"], row["other_id"]) in at_once:
                waiting.add(waits)
                leading.add(counted)
                row |= {"waiting_id": waits, "counted_id": counted}
        seen.add(ordered_pair(counted, waits))
        rows.append(row)
    return pl.concat([matches.filter(is_plain), pl.DataFrame(rows, schema=MATCHES)]).sort("id", "other_id")


def _have_room(groups: Groups, pair: tuple[int, int], numbers: dict[int, str | None]) -> bool:
    sources = [values_of(groups.of(each), numbers) for each in pair]
    by, other = (numbers[one] for one in pair)
    return not sources[0] & sources[1] or (by is not None and by == other)


def _members(activities: pl.DataFrame, groups: Groups, sources: Sequence[str]) -> pl.DataFrame:
    """The members of each group by source; the first one stands for the group. Complete ones come first, of files then by format,
    then those that measured more.

    An activity deleted at its source stays deleted though its files remain, unless that source has it under another id.
    """
    of = {one: first for first, group in groups.members.items() for one in group}
    schema = {"id": pl.Int64, "group": pl.Int64}
    rank = pl.col("source").replace_strict(
        {name: place for place, name in enumerate(sources)}, default=len(sources), return_dtype=pl.Int32
    )
    form = pl.col("format").replace_strict(
        {name: place for place, name in enumerate(_FORMATS)}, default=len(_FORMATS), return_dtype=pl.Int32
    )
    lacks = pl.when(pl.col("source") == FILE).then(-pl.col("quantities"))  # as the device wrote it
    longest = pl.col("elapsed").max().over("group", "rank")
    whole = (
        pl.when(pl.col("source") == FILE).then(WHOLE.value).otherwise(PROBABLE_TOGETHER.value)
    )  # as while a person is asked
    ordered = (
        pl.DataFrame({"id": list(of), "group": list(of.values())}, schema=schema)
        .join(activities, on="id")
        .with_columns(rank=rank, form=form, lacks=lacks, gone=pl.col("deleted").fill_null(False), by=numbering_source())
        .with_columns(cut=(pl.col("elapsed") < whole * longest).fill_null(False))
        .with_columns(_there=(~pl.col("gone")).any().over("group", "by"))
        .sort("group", pl.col("gone") & pl.col("_there"), "rank", "cut", "form", "lacks", "id")
    )
    return ordered.select(
        "id",
        activity_id=pl.col("id").first().over("group"),
        place=pl.int_range(pl.len(), dtype=pl.Int32).over("group"),
    ).sort("id")
