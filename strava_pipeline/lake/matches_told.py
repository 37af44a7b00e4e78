"""What the published warehouse tells of activities that are one: their members, and pairs with their evidence. Reads only."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from strava_pipeline.core.matching.candidates import ACTIVITY_COLUMNS, candidate_pairs
from strava_pipeline.core.matching.evidence import WEIGHTS, judge_pairs
from strava_pipeline.lake.compared_points import PointComparison
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.warehouse import Connection


@dataclass(frozen=True, slots=True)
class Member:
    """One id of an activity, and who gave it. `place` 0: its row is the activity's."""

    id: int
    source: str
    place: int
    name: str | None
    start_date: datetime | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity that comes from several ids."""

    activity_id: int
    members: list[Member] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two activities that are one, may be, or of which a person decided."""

    ids: tuple[int, int]
    sources: tuple[str, str]
    names: tuple[str | None, str | None]
    starts: tuple[datetime | None, datetime | None]
    verdict: str
    joined: bool
    score: float
    reasons: list[str]
    decided: str | None


@dataclass(frozen=True, slots=True)
class Weighed:
    """The evidence for any two, compared before or not. `points`: reached (None: not told by both) and possible, by kind."""

    verdict: str
    score: float
    points: dict[str, tuple[float | None, float]]
    reasons: list[str]


def members(connection: Connection, activity: int | None = None) -> list[Activity]:
    """The activities of several ids, newest first; or the one that has the id `activity`, if it is of several."""
    found: dict[int, Activity] = {}
    for head, place, one, source, name, start, deleted in connection.execute(
        sql("members_listed"), {"id": activity}
    ).fetchall():
        told = found.setdefault(head, Activity(head))
        told.members.append(Member(one, source, place, name, _utc(start), deleted))
    return list(found.values())


def pairs(connection: Connection, activity: int | None = None) -> list[Pair]:
    """Proposed and decided pairs, the likeliest first; or every pair with the id `activity`."""
    return [
        Pair((a, b), (one, other), (name, other_name), (_utc(start), _utc(other_start)), *rest)
        for a, b, one, other, name, other_name, start, other_start, *rest in connection.execute(
            sql("matches_listed"), {"id": activity}
        ).fetchall()
    ]


def present(connection: Connection, ids: list[int]) -> dict[int, int]:
    """Those of `ids` that gold has, with their partition."""
    query = "SELECT id, year FROM activities_all WHERE id IN (SELECT unnest($ids::BIGINT[]))"
    return dict(connection.execute(query, {"ids": ids}).fetchall())


def evidence(connection: Connection, lake: Lake, one: int, other: int) -> Weighed:
    """What speaks for two activities of gold being one, weighed now."""
    known = pl.DataFrame(connection.execute(sql("matching")).fetchall(), schema=ACTIVITY_COLUMNS, orient="row")
    pair = pl.DataFrame({"id_a": [min(one, other)], "id_b": [max(one, other)]})
    found = pair.join(
        candidate_pairs(known), on=["id_a", "id_b"], how="left"
    ).with_columns(  # a name says little if many have it
        pl.col("same_content").fill_null(False)
    )
    told: dict[str, Any] = judge_pairs(
        found, known.filter(pl.col("id").is_in([one, other])), PointComparison(lake, is_kept=False)
    ).row(0, named=True)
    points = {kind: (told[f"{kind}_points"], rule.value) for kind, rule in WEIGHTS.items()}
    return Weighed(told["verdict"], told["score"], points, told["reasons"])


def _utc(moment: datetime | None) -> datetime | None:
    return moment and moment.replace(tzinfo=UTC)
