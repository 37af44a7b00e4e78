"""From what is known of all activities to which of them are one: the rows of `activity_matches` and `activity_members`. Pure."""

from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from strava_pipeline.core.matching.candidates import ACTIVITIES, candidates, numbered_by
from strava_pipeline.core.matching.evidence import CERTAIN, DOUBTFUL, NOTHING, weighed
from strava_pipeline.core.matching.groups import Decided, Groups, Known, Likeness, grouped
from strava_pipeline.core.matching.points import Compare
from strava_pipeline.core.matching.rules import WHOLE
from strava_pipeline.core.sources import FILE, SOURCES

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
class Matching:
    """`matches`: pairs that are joined, may be, or of which a person decided; `members`: of groups, the best source first."""

    matches: pl.DataFrame
    members: pl.DataFrame


NOTHING_MATCHED = Matching(pl.DataFrame(schema=MATCHES), pl.DataFrame(schema=MEMBERS))


def matched(activities: pl.DataFrame, decided: Decided, compare: Compare) -> Matching:
    """All activities (columns `ACTIVITIES`), and what a person decided; the same in whatever order either comes.

    `compare` looks at the points of the pairs that are near.
    """
    known = activities.select(pl.col(name).cast(kind) for name, kind in ACTIVITIES.items()).sort("id")
    known = known.with_columns(cs.float().fill_nan(None))
    there = set(known["id"])
    decided = Decided(
        tuple(pair for pair in decided.joined if there.issuperset(pair)),
        frozenset(pair for pair in decided.split if there.issuperset(pair)),
    )
    pairs = _with_decided(candidates(known), decided)
    if pairs.is_empty():  # as where all is the API's
        return NOTHING_MATCHED
    judged = weighed(pairs, known, compare)
    numbers = dict(known.select("id", numbered_by().alias("by")).iter_rows())
    known_of = Known(
        numbered_by=numbers,
        athletes=dict(known.select("id", "athlete_id").iter_rows()),
        contents=dict(known.filter(pl.col("source") == FILE).select("id", pl.col("contents").list.first()).iter_rows()),
    )
    groups = grouped(_likenesses(judged, known), _alike(judged), known_of, decided)
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


def _with_decided(pairs: pl.DataFrame, decided: Decided) -> pl.DataFrame:
    """What a person decided is judged too, so that it can be explained."""
    rows = sorted({*decided.joined, *decided.split})
    more = pl.DataFrame(
        {"id_a": [a for a, _ in rows], "id_b": [b for _, b in rows]}, schema={"id_a": pl.Int64, "id_b": pl.Int64}
    ).join(pairs, on=["id_a", "id_b"], how="anti")
    none = pl.lit(None, pl.String)
    more = more.with_columns(same_content=pl.lit(False), same_number=none, same_name=none)
    return pl.concat([pairs, more.select(pairs.columns)])


def _matches(judged: pl.DataFrame, groups: Groups, numbers: dict[int, str | None], decided: Decided) -> pl.DataFrame:
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
