"""Gear with its maintenance, records, segments, and a year's summary, for the dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from strava_pipeline.core.insights.documents import YearSummary
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.lake.gold.insights import (
    EVERYTHING,
    Athlete,
    athlete_of,
    insight_sources,
    newest_year,
    year_summary,
)
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of
from strava_pipeline.lookups.rows import Cursor, Page, Values, rows_of, sorted_page

WEEKS = (52, 26, 12, 4)  # of the last ones that have records


@dataclass(frozen=True, slots=True)
class Owner:
    """The athlete whose insights are shown, with goals and local day; `fault`: why goals.toml can't be used, in which
    case no goals are shown.
    """

    athlete: Athlete
    goals: Goals
    today: date
    fault: str | None = None


def owner_of(connection: Connection, lake: Lake, now: datetime, default_zone: str) -> Owner | None:
    """The athlete of the insights and the goals in goals.toml, or None if the warehouse has no activity yet.

    `default_zone`: of an athlete whose activities name none.
    """
    fault = None
    try:
        goals = goals_of(lake)
    except UnusableGoalsError as error:
        goals, fault = Goals(), str(error)
    athlete = athlete_of(connection, goals, now)
    return None if athlete is None else Owner(athlete, goals, athlete.today(now, default_zone), fault)


def summary_of(connection: Connection, owner: Owner, year: int) -> YearSummary | None:
    """The summary of a local year, as `insights` shows it, or None for a year before the first activity."""
    if is_before_all(connection, owner.athlete, owner.today, year):
        return None
    return year_summary(connection, owner.athlete, owner.goals, owner.today, year)


def is_before_all(connection: Connection, athlete: Athlete, today: date, number: int) -> bool:
    """Whether a year is before the first activity, also of those that the connection's limits hide."""
    return all(  # to count all of them again costs more, and is seldom needed
        number < min(insight_sources(connection, athlete, today, counted).years, default=number)
        for counted in ("counted_activities", EVERYTHING)
    )


def shown_year(connection: Connection, owner: Owner) -> int:
    """The newest local year with an activity, at most the present one; the present one if there is no activity."""
    return newest_year(connection, owner.athlete, owner.today)


def month_sums(connection: Connection, athlete_id: int) -> dict[str, Values]:
    """`activities`, `distance_m` and `moving_time_seconds` of each local month (2026-10) with an activity, the newest first."""
    return {row["month"]: row for row in rows_of(connection, "months", {"athlete_id": athlete_id})}


@dataclass(frozen=True, slots=True)
class GearUse:
    """Gear by service and by its id there, with the totals of that service's own rows (m, s).

    `things`: by item (`gear_items`), with the totals of all activities; linked gear is one.
    `maintenance`: by gear and service (a chain, tyres) the service intervals of goals.toml, and the distance since.
    """

    things: Mapping[str, Values]
    gear: Mapping[tuple[str, str], Values]
    maintenance: Mapping[tuple[str, str], Values]


def gear_use(connection: Connection) -> GearUse:
    """All gear, the most used first, and its maintenance, the most due first."""
    return GearUse(
        {row.pop("item"): row for row in rows_of(connection, "gear_things", {}, owner=sql("whose"))},
        {(row.pop("source"), row.pop("gear_id")): row for row in rows_of(connection, "gear", {})},
        {(row.pop("gear"), row.pop("service")): row for row in rows_of(connection, "gear_services", {})},
    )


@dataclass(frozen=True, slots=True)
class Record:
    """The best of a kind and group of sports: of all years, of one, and of the last weeks by their number, 52, 26, 12 and 4.

    Each is None, or has `record`, `value`, `unit` (m or s), `activity_id`, `on_day`, `told_by`, `measured_by` and
    `at_most`, as in `records`. `stands_apart`: it is virtual, or its distance is from the device alone.
    """

    sport_group: str
    record: str
    stands_apart: bool
    of_all: Values
    of_year: Values | None
    of_weeks: Mapping[int, Values | None]


def records_of(connection: Connection, athlete_id: int, year: int, today: date) -> list[Record]:
    """The records of all time, of a local year, and of the last weeks up to today."""
    found = []
    for row in rows_of(connection, "records", {"athlete_id": athlete_id, "year": year, "today": today}):
        kind = {name: row[name] for name in ("record", "unit")}
        held = {name: _best(kind, row[name]) for name in ("of_year", *map("weeks_{}".format, WEEKS))}
        of_weeks = {number: held[f"weeks_{number}"] for number in WEEKS}
        of_all = _best(kind, row["of_all"])
        assert of_all is not None
        found.append(Record(row["sport_group"], row["record"], row["stands_apart"], of_all, held["of_year"], of_weeks))
    return found


def _best(kind: Values, held: dict[str, Any] | None) -> Values | None:
    if held is None:
        return None
    return {**kind, **held, "value": abs(held["rank"]), "measured_by": held["measured_by"] or None}


def bests_of(connection: Connection, activity_id: int) -> list[Values]:
    """The fastest times of an activity, from short to long; and whether a person dismissed them."""
    return list(rows_of(connection, "bests_of_activity", {"id": activity_id}))


def too_fast(connection: Connection, activity_id: int) -> Values | None:
    """The implausibly fast stretches of an activity: `is_flagged` at Strava, `too_fast_m` of the track, `holds_none`;
    None if none.
    """
    return next(iter(rows_of(connection, "too_fast_activity", {"id": activity_id})), None)


def longest_streaks(connection: Connection, athlete_id: int) -> dict[str, Values]:
    """By unit, day and week, the longest streak with an activity in each; among equals the latest.

    `length`, `starts_on`, `ends_on`.
    """
    return {row.pop("unit"): row for row in rows_of(connection, "streaks", {"athlete_id": athlete_id})}


def segment_page(connection: Connection, athlete_id: int, *, limit: int = 50, after: Cursor | None = None) -> Page:
    """A page of the segments, the most ridden first, with the best, the first and the last effort on each."""
    return sorted_page(connection, "segments_page", {"athlete_id": athlete_id}, ("efforts", "segment_id"), limit, after)


def segment_efforts(connection: Connection, athlete_id: int, segment_id: int, *, limit: int = 500) -> list[Values]:
    """The newest own efforts on a segment, the newest first; `efforts`: how many there are in all."""
    return [*rows_of(connection, "segment_efforts", {"athlete_id": athlete_id, "id": segment_id, "most": limit})]
