"""Pairs of activities that may be one, each side's row, and what the athlete said of pairs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from strava_pipeline.core.matching.groups import Pair
from strava_pipeline.lake.gold.matches import ActivityPair, activity_pairs, decided_pairs
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import has_time
from strava_pipeline.lookups.rows import Values, rows_of

MOST = 30  # pairs that are open: who has decided sees the next


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs that may be one, the likeliest first.

    Args:
        open: nobody said anything of them.
        decided: the athlete did, whether readers see it already or not, the newest decision first.
        left: how many more are open.
        said: what the athlete said, in the order of the decisions: whether the two are one.
        rows: each source's row, by id, with the `activity_id` that it is.
        counted: the ids of `rows` that are in totals, by themselves or as another's part.
    """

    open: Sequence[ActivityPair]
    decided: Sequence[ActivityPair]
    left: int
    said: Mapping[Pair, bool]
    rows: Mapping[int, Values]
    counted: Collection[int]


def pairs_here(connection: Connection, lake: Lake, also: Collection[int] = ()) -> Pairs:
    """The first pairs; `also`: ids of further rows."""
    found, said = activity_pairs(connection), decided_pairs(lake)
    decided = {pair.ids for pair in found if pair.decided} | said.keys()
    of: dict[str, list[ActivityPair]] = {"open": [], "decided": []}
    for pair in found:
        of["decided" if pair.ids in decided else "open"].append(pair)
    opened, left = of["open"][:MOST], max(len(of["open"]) - MOST, 0)
    ids = {*also, *(one for pair in (*opened, *of["decided"]) for one in pair.ids)}
    newest = {pair: place for place, pair in enumerate(said)}
    of["decided"].sort(key=lambda pair: newest.get(pair.ids, -1), reverse=True)
    rows = _rows(connection, sorted(ids))
    query = "SELECT activity_id FROM counted_activities WHERE list_contains($ids, activity_id)"
    heads = {one: row["activity_id"] for one, row in rows.items()}
    counting = {one for (one,) in connection.execute(query, {"ids": [*heads.values()]}).fetchall()}
    counted = [one for one, head in heads.items() if head in counting]
    return Pairs(opened, of["decided"], left, said, rows, counted)


def pair_of(connection: Connection, one: int, other: int) -> ActivityPair | None:
    """The pair of these two, if they may be one, or somebody decided about them."""
    return next((pair for pair in activity_pairs(connection, one) if other in pair.ids), None)


def _rows(connection: Connection, ids: Sequence[int]) -> dict[int, Values]:
    asked = {"id": None, "ids": ids}
    rows = rows_of(connection, "sources_of_activity", asked, has_time=has_time("said")) if ids else []
    return {row["id"]: row for row in rows}
