"""Which activities of several sources are one: what is known of them out of gold, what a person decided, and the tables of it.

How two are told to be one is core/matching's. The tables follow from gold and from decisions alone: what is matched twice
changes nothing, and what is split again is as it was, because every source's rows are kept by their own ids.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from strava_pipeline.core.matching.match import NOTHING_MATCHED, Decisions, Pair, find_matches, ordered_pair
from strava_pipeline.core.matching.rules import VERSION
from strava_pipeline.lake.compared_points import PointComparison, any_on_disk
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.listings import sources_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.staging import staged, staging
from strava_pipeline.lake.warehouse import Connection, changed, note, notes

_SEEN = "matched"  # a note of what was known and decided when the tables were made
_LACKING = "matched_without"  # a note of the points that were to be compared and were not on disk
_TRACKS_DUE = "tracks_due"  # a note of the years in which tracks belong to other activities than they did


class MatchDecision(Decision):
    """Two activities are one (`joined`), or are two, whatever the evidence; the last one about a pair counts."""

    kind: ClassVar[str] = "matches"
    id: int
    other_id: int
    joined: bool


@dataclass(frozen=True, slots=True)
class MatchReport:
    """How many activities come from several ids, how many pairs a person may decide, and how many ids belong to another
    activity than before, or stand in another place of it."""

    activities: int = 0
    proposed: int = 0
    changed: int = 0


def decided(lake: Lake) -> Decisions:
    """What a person last decided of each pair."""
    last: dict[Pair, bool] = {}
    for each in decisions(lake, MatchDecision).all:
        pair = ordered_pair(each.id, each.other_id)
        last.pop(pair, None)  # its place is that of the last word
        last[pair] = each.joined
    return Decisions(
        tuple(pair for pair, joined in last.items() if joined),
        frozenset(pair for pair, joined in last.items() if not joined),
    )


def match_activities(connection: Connection, lake: Lake) -> MatchReport:
    """Make the tables what gold and decisions say, within the caller's transaction."""
    said = decided(lake)
    sources = sources_of(lake)
    seen = _signature(connection, said, sources)
    noted = notes(connection, _SEEN)
    if noted.get(_SEEN) == seen and not any_on_disk(lake, json.loads(noted.get(_LACKING, "[]"))):
        return match_counts(connection)
    compare = PointComparison(lake, is_kept=True)
    with staging(lake) as folder:
        alone = not (said.joined or said.split or _has_others(connection))
        found = (
            NOTHING_MATCHED
            if alone
            else find_matches(_known(connection, folder / "known.parquet"), said, compare, sources)
        )
        connection.execute(sql("forget_matches"))
        for name, rows in (("members", found.members), ("matches", found.matches)):
            connection.execute(sql(f"insert_{name}"), {"rows": staged(folder, name, rows)})
    note(connection, _SEEN, seen)
    note(connection, _LACKING, json.dumps(sorted(compare.lacking)))
    changed(connection)
    moved = dict(connection.execute(sql("moved_members")).fetchall())
    _note_due(connection, tracks_due(connection).union(moved))
    return match_counts(connection, sum(moved.values()))


def tracks_due(connection: Connection) -> set[int]:
    """The years whose tracks are to be looked at, because activities became one or two there."""
    return set(json.loads(notes(connection, _TRACKS_DUE).get(_TRACKS_DUE, "[]")))


def note_tracks_made(connection: Connection, years: Iterable[int]) -> None:
    """The tracks of these years are as they should be, within the caller's transaction."""
    due = tracks_due(connection)
    if due.intersection(years):
        _note_due(connection, due.difference(years))


def _has_others(connection: Connection) -> bool:
    """Whether there is an activity that is not the API's own: no two of those are ever one by themselves."""
    return bool(connection.execute("SELECT 1 FROM activities_all WHERE id <= 0 LIMIT 1").fetchall())


def _known(connection: Connection, path: Path) -> pl.DataFrame:
    quoted = str(path).replace("'", "''")
    connection.execute(f"COPY ({sql('matching')}) TO '{quoted}' (FORMAT parquet)")
    return pl.read_parquet(str(path))


def _signature(connection: Connection, said: Decisions, sources: list[str]) -> str:
    """What the tables follow from: every activity as far as it is looked at, the decisions, the rules and the sources."""
    query = f"SELECT count(*), bit_xor(hash(known)), sum(hash(known)) FROM ({sql('matching')}) AS known"
    counted = connection.execute(query).fetchall()[0]
    follows = (counted, said.joined, sorted(said.split), VERSION, sources)
    return hashlib.blake2b(repr(follows).encode(), digest_size=16).hexdigest()


def _note_due(connection: Connection, years: set[int]) -> None:
    note(connection, _TRACKS_DUE, json.dumps(sorted(years)))


def match_counts(connection: Connection, moved: int = 0) -> MatchReport:
    """What the tables say, working or published."""
    query = (
        "SELECT (SELECT count(DISTINCT activity_id) FROM activity_members), "
        "(SELECT count(*) FROM activity_matches WHERE NOT joined AND decided IS NULL)"
    )
    activities, proposed = connection.execute(query).fetchall()[0]
    return MatchReport(activities, proposed, moved)
