"""Matching activities of several sources or of one: the evidence in gold, a person's decisions, and the resulting tables.

core/matching decides whether two activities are the same. The tables depend on gold and decisions alone. Matching twice
changes nothing, and a match that is split again leaves both as they were: every source's rows are kept under their own
ids. The points of imported files are compared pair by pair, and the results kept in a cache next to the readings.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from strava_pipeline.core.matching.candidates import ACTIVITY_COLUMNS, candidate_pairs
from strava_pipeline.core.matching.evidence import WEIGHTS, judge_pairs
from strava_pipeline.core.matching.groups import Decisions, Pair, ordered_pair
from strava_pipeline.core.matching.match import Matching, find_matches
from strava_pipeline.core.matching.rules import HIDDEN, LONGEST, NOON, VERSION
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import FILE, RUNNING_PAGE, STRAVA, STRAVA_JSON
from strava_pipeline.core.tables import ACTIVITY_MATCHES, ACTIVITY_MEMBERS
from strava_pipeline.lake.bronze.listings import naming_sources, ranked_sources
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.gold.compared_points import PointComparison, streams_fetched
from strava_pipeline.lake.gold.making import make_rows, stage, staging
from strava_pipeline.lake.gold.notes import (
    DUE,
    MADE,
    TOLD,
    begin_change,
    mark_changed,
    note,
    note_made,
    noted,
    notes,
    stands,
    unmark,
)
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.files import has_points, is_read, reading_of
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import provider_files
from strava_pipeline.lake.sql import literal, matching_statement, sql

# what the view `activities` reads: the sources in the order in which names and gear count, and by source the time of day
# that is no time
_NAMING, _NO_TIMES = f"{TOLD}naming", f"{TOLD}no_times"
_TRACKS_DUE = f"{DUE}tracks:"  # + year in which tracks now belong to other activities


class MatchDecision(Decision):
    """Two activities are the same (`joined`) or not, whatever the evidence; None: the evidence decides again. The last
    decision about a pair counts.
    """

    kind: ClassVar[str] = "matches"
    id: int
    other_id: int
    joined: bool | None


@dataclass(frozen=True, slots=True)
class MatchReport:
    """`activities` with several ids; `proposed`: pairs for a person to decide; `changed`: ids that moved to another
    activity, or to another place in it, or that became or ceased to be parts of a whole.
    """

    activities: int = 0
    proposed: int = 0
    changed: int = 0


def decided_pairs(lake: Lake) -> dict[Pair, bool]:
    """A person's last decision about each pair, in the order of the decisions."""
    last: dict[Pair, bool] = {}
    for each in decisions(lake, MatchDecision).all:
        pair = ordered_pair(each.id, each.other_id)
        last.pop(pair, None)  # the last decision determines its place
        if each.joined is not None:
            last[pair] = each.joined
    return last


def pair_decisions(lake: Lake) -> Decisions:
    """The same by what was decided."""
    last = decided_pairs(lake)
    return Decisions(
        tuple(pair for pair, joined in last.items() if joined),
        frozenset(pair for pair, joined in last.items() if not joined),
    )


def match_activities(connection: Connection, lake: Lake) -> MatchReport:
    """Bring the tables of matches up to date with gold and decisions, within the caller's transaction.

    Also updates whose names and gear count: a new order of sources for these needs no matching.
    """
    about = _about_sources(lake)
    if any(noted(connection, name) != told for name, told in about.items()):
        for name, told in about.items():
            note(connection, name, told)
        mark_changed(connection)
    decided, fetched = pair_decisions(lake), _files_read(lake)
    seen = _signature(connection, lake, decided, fetched)
    if stands(connection, ACTIVITY_MATCHES.name, _now(connection, lake, seen)):
        return match_counts(connection)
    begin_change()
    compare = PointComparison(lake, is_kept=True)
    connection.execute(sql("remember_matches"))
    found = Matching()
    with staging(lake) as folder:
        if decided.joined or decided.split or _may_be_one(connection):
            known = _completed(_activities(connection, folder / "known.parquet"), lake, fetched)
            found = find_matches(known, decided, compare, ranked_sources(lake))
        for table, rows in ((ACTIVITY_MEMBERS, found.members), (ACTIVITY_MATCHES, found.matches)):
            values = {"rows": stage(folder, table.name, rows)}
            make_rows(connection, table, sql(f"{table.name}_found"), values, all_of_it=True)
    key = {"seen": seen, "lacking": sorted(compare.lacking), "streams": compare.streams}
    note_made(connection, ACTIVITY_MATCHES.name, json.dumps(key, sort_keys=True))
    mark_changed(connection)
    moved = dict(connection.execute(sql("moved_members")).fetchall())
    for year in moved:
        note(connection, f"{_TRACKS_DUE}{year}")
    return match_counts(connection, sum(moved.values()))


def _now(connection: Connection, lake: Lake, seen: str) -> str:
    """The key of the tables: their inputs, which of the points that lacked on disk still do, and when streams were fetched that
    were compared.
    """
    before = json.loads(noted(connection, f"{MADE}{ACTIVITY_MATCHES.name}", '{"lacking": [], "streams": {}}'))
    lacking = [[digest, place] for digest, place in before["lacking"] if not has_points(lake, digest, place)]
    streams = streams_fetched(lake, map(int, before["streams"]))
    return json.dumps({"seen": seen, "lacking": lacking, "streams": streams}, sort_keys=True)


def _about_sources(lake: Lake) -> dict[str, str]:
    """The notes about sources. Where Strava hides a start, it shows a second; who has a table may write noon for every day."""
    no_times = dict.fromkeys((STRAVA_JSON, RUNNING_PAGE), str(HIDDEN))
    for spec in map(spec_of, lake.listed_sources):
        if "hides_starts" in spec.capabilities or spec.by_hand:
            no_times[spec.name] = str(NOON if spec.by_hand else HIDDEN)
    return {_NAMING: json.dumps(naming_sources(lake)), _NO_TIMES: json.dumps(no_times)}


def tracks_due(connection: Connection) -> set[int]:
    """The years whose tracks have to be checked, because activities were joined or split there."""
    return {int(year) for year in notes(connection, _TRACKS_DUE)}


def note_tracks_current(connection: Connection, years: Iterable[int]) -> None:
    """Note that the tracks of these years are up to date, within the caller's transaction."""
    for year in tracks_due(connection).intersection(years):
        unmark(connection, f"{_TRACKS_DUE}{year}")


def _may_be_one(connection: Connection) -> bool:
    """Whether several sources or files have activities, or two activities share a moment; otherwise evidence matches none."""
    known = {"file": FILE, "strava": STRAVA, "longest": LONGEST.value}
    return bool(connection.execute(sql("may_be_one"), known).fetchall()[0][0])


def _activities(connection: Connection, path: Path) -> pl.DataFrame:
    connection.execute(f"COPY ({matching_statement()}) TO {literal(path)} (FORMAT parquet)")
    return pl.read_parquet(str(path))


def _files_read(lake: Lake) -> dict[int, str]:
    """The hashes of providers' files that were read, by their activities' ids."""
    return {file.activity_id: file.record.sha256 for file in provider_files(lake) if is_read(lake, file.record.sha256)}


def _completed(known: pl.DataFrame, lake: Lake, fetched: Mapping[int, str]) -> pl.DataFrame:
    """The activities with data that gold lacks: whose list a person wrote, and the contents of providers' files.

    `fetched`: hashes of these files, by id.
    """
    by_hand = [spec.name for spec in map(spec_of, lake.listed_sources) if spec.by_hand]
    known = known.with_columns(pl.col("by_hand") | pl.col("source").is_in(by_hand))
    contents = {key: read.content for key, digest in fetched.items() if (read := reading_of(lake, digest)) is not None}
    if not contents:
        return known
    schema = {"id": pl.Int64(), "of_provider": pl.List(pl.String())}
    given = pl.DataFrame({"id": list(contents), "of_provider": [[content] for content in contents.values()]}, schema)
    joined = known.join(given, on="id", how="left")
    return joined.with_columns(contents=pl.coalesce("of_provider", "contents")).drop("of_provider")


def _signature(connection: Connection, lake: Lake, decided: Decisions, fetched: Mapping[int, str]) -> str:
    """The inputs of the tables: every activity as far as it is compared, the decisions, the rules, the sources and files."""
    query = f"SELECT count(*), bit_xor(hash(known)), sum(hash(known)) FROM ({matching_statement()}) AS known"
    counted = connection.execute(query).fetchall()[0]
    follows = (counted, decided.joined, sorted(decided.split), VERSION, ranked_sources(lake), sorted(fetched.items()))
    return hashlib.blake2b(repr(follows).encode(), digest_size=16).hexdigest()


def waiting_activities(connection: Connection) -> set[int]:
    """The activities that wait until a person says whether they are one with another that counts."""
    rows = connection.execute(
        "SELECT DISTINCT waiting_id FROM activity_matches WHERE waiting_id IS NOT NULL"
    ).fetchall()
    return {one for (one,) in rows}


def match_counts(connection: Connection, moved: int = 0) -> MatchReport:
    """The counts of the tables, working or published."""
    activities, proposed = connection.execute(sql("match_counts")).fetchall()[0]
    return MatchReport(activities, proposed, moved)


@dataclass(frozen=True, slots=True)
class Member:
    """One id of an activity, and its source."""

    id: int
    source: str
    name: str | None
    start_date: datetime | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class MatchedActivity:
    """An activity with several ids; the row of the first source represents it."""

    activity_id: int
    sources: list[Member] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ActivityPair:
    """Two activities that are or may be the same, or about which a person decided.

    `waiting_id`: the activity that is in no total until then, while `counted_id` counts; None: both do.
    """

    ids: tuple[int, int]
    sources: tuple[str, str]
    names: tuple[str | None, str | None]
    start_dates: tuple[datetime | None, datetime | None]
    verdict: str
    joined: bool
    score: float
    reasons: list[str]
    decided: str | None
    waiting_id: int | None = None
    counted_id: int | None = None


@dataclass(frozen=True, slots=True)
class PairEvidence:
    """The evidence for any two activities. `points` by kind: `points` (None: not known for both) `of` the possible ones."""

    verdict: str
    score: float
    points: dict[str, dict[str, float | None]]
    reasons: list[str]


def matched_activities(connection: Connection, activity: int | None = None) -> list[MatchedActivity]:
    """The activities with several ids, newest first; or only that with the id `activity`."""
    found: dict[int, MatchedActivity] = {}
    for head, _, one, source, name, start, deleted in connection.execute(
        sql("members_listed"), {"id": activity}
    ).fetchall():
        matched = found.setdefault(head, MatchedActivity(head))
        matched.sources.append(Member(one, source, name, _utc(start), deleted))
    return list(found.values())


def activity_pairs(connection: Connection, activity: int | None = None) -> list[ActivityPair]:
    """Proposed and decided pairs, the likeliest first; or every pair with the id `activity`."""
    return [
        ActivityPair((a, b), (one, other), (name, other_name), (_utc(start), _utc(other_start)), *rest)
        for a, b, one, other, name, other_name, start, other_start, *rest in connection.execute(
            sql("matches_listed"), {"id": activity}
        ).fetchall()
    ]


def years_of_ids(connection: Connection, ids: list[int]) -> dict[int, int]:
    """The partition of each of `ids` that gold has."""
    query = "SELECT id, year FROM activities_all WHERE id IN (SELECT unnest($ids::BIGINT[]))"
    return dict(connection.execute(query, {"ids": ids}).fetchall())


def pair_evidence(connection: Connection, lake: Lake, one: int, other: int) -> PairEvidence:
    """The evidence for two activities of gold being the same, computed now."""
    known = pl.DataFrame(connection.execute(matching_statement()).fetchall(), schema=ACTIVITY_COLUMNS, orient="row")
    known = _completed(known, lake, _files_read(lake))
    pair = pl.DataFrame({"id_a": [min(one, other)], "id_b": [max(one, other)]})
    # a name says little if many have it
    found = pair.join(candidate_pairs(known), on=["id_a", "id_b"], how="left").with_columns(
        pl.col("same_content").fill_null(False)
    )
    judged: dict[str, Any] = judge_pairs(
        found, known.filter(pl.col("id").is_in([one, other])), PointComparison(lake, is_kept=False)
    ).row(0, named=True)
    points = {kind: {"points": judged[f"{kind}_points"], "of": rule.value} for kind, rule in WEIGHTS.items()}
    return PairEvidence(judged["verdict"], judged["score"], points, judged["reasons"])


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
