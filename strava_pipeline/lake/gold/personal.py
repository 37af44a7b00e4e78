"""goals.toml, links of gear, a person's decisions, rules, and assumed starts as tables, so that SQL alone suffices.

An unusable goals.toml counts as empty here; `goals check`, `doctor` and the check of `insights` say what is wrong in
it.
"""

from functools import lru_cache
from typing import Any, ClassVar

from strava_pipeline.core.changes.linked_gear import LinkedGear
from strava_pipeline.core.changes.names import is_default_name
from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.tables.gear import CORRECTIONS, GEAR_ITEMS, GEAR_LINKS, GEAR_SERVICES
from strava_pipeline.core.tables.insights import (
    ASSUMED_STARTS,
    ATHLETE_BY_DATE,
    DEFAULT_NAMES,
    DISMISSED_BESTS,
    THRESHOLDS_BY_DATE,
)
from strava_pipeline.lake.decisions import Decision, decisions
from strava_pipeline.lake.gold.activity_list import name_places
from strava_pipeline.lake.gold.corrections import correction_rows
from strava_pipeline.lake.gold.gear import gear_pieces
from strava_pipeline.lake.gold.measured import note_unmeasured
from strava_pipeline.lake.gold.members import activities_of
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.rules import sync_rules
from strava_pipeline.lake.gold.warehouse import Connection, transaction
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of

Row = tuple[Any, ...]


class BestsDecision(Decision):
    """An activity must hold no best any more (`dismissed`), or may again."""

    kind: ClassVar[str] = "bests"
    activity_id: int
    dismissed: bool


def sync_goals(connection: Connection, lake: Lake) -> bool:
    """Update the tables from goals.toml, decisions and rules.toml; returns whether anything changed, which is then published."""
    with transaction(connection):
        name_places(connection)
    if due := differing_goals(connection, lake):
        with transaction(connection):
            for name, rows in due.items():
                if name == CORRECTIONS.name:
                    note_unmeasured(connection, _said_anew(connection, rows))
                connection.execute(f"DELETE FROM {name}")
                if rows:
                    connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
            mark_changed(connection)
    return sync_rules(connection, lake) or bool(due)


def _said_anew(connection: Connection, rows: list[Row]) -> list[int]:
    """The activities of which the new rows of `corrections` say something else than the present ones."""
    held = {row[0]: row for row in connection.execute(f"SELECT * FROM {CORRECTIONS.name}").fetchall()}
    said = {row[0]: row for row in rows}
    return [one for one in held.keys() | said.keys() if held.get(one) != said.get(one)]


def differing_goals(connection: Connection, lake: Lake) -> dict[str, list[Row]]:
    """The new rows of each table that differs."""
    try:
        goals = goals_of(lake)
    except UnusableGoalsError:
        goals = Goals()
    others = {
        DISMISSED_BESTS.name: [(one,) for one in dismissed_activities(connection, lake)],
        **linked_gear(connection, lake),
        **correction_rows(connection, lake),
        DEFAULT_NAMES.name: _default_names(connection, lake),
        ASSUMED_STARTS.name: connection.execute(sql("assumed_starts").format(owner=sql("owner"))).fetchall(),
    }
    return {
        name: rows
        for name, rows in (_rows(goals) | others).items()
        if connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() != rows
    }


def _default_names(connection: Connection, lake: Lake) -> list[Row]:
    """The rows of DEFAULT_NAMES."""
    rows = connection.execute(sql("names_of_several")).fetchall()
    by_hand = frozenset(name for name in lake.listed_sources if spec_of(name).by_hand)
    return _given_by_services(
        tuple((*row, tuple(places or ()), tuple(towns or ())) for *row, places, towns in rows), by_hand
    )


@lru_cache(maxsize=2)  # of a run, which asks several times: each name takes some 10 µs
def _given_by_services(rows: tuple[Row, ...], by_hand: frozenset[str]) -> list[Row]:
    return [
        (key,)
        for key, source, name, place, places, towns in rows
        if is_default_name(name, places=places, towns=towns, can_be_any=not place and source not in by_hand)
    ]


def linked_gear(connection: Connection, lake: Lake) -> dict[str, list[Row]]:
    """The rows of GEAR_LINKS, if the links are known; a link to a piece that no source has is left out."""
    if lake.gear_links is None:
        return {}
    sources = {source for linked in lake.gear_links.values() for source in linked}
    texts = {source for source in sources if spec_of(source).by_hand}
    gear = LinkedGear(lake.gear_links, gear_pieces(connection, sorted(sources)) if sources else (), texts)
    pieces = connection.execute(f"SELECT source, piece, gear_id FROM {GEAR_ITEMS.name} ORDER BY ALL").fetchall()
    items = [(source, piece, gear.item(source, gear_id)) for source, piece, gear_id in pieces]
    return {GEAR_LINKS.name: [row for row in items if row[2] is not None]}


def dismissed_activities(connection: Connection, lake: Lake) -> list[int]:
    """The activities that hold no best by their last decisions, in order, without deleted ones.

    A decision names an activity by its id at that time; it may have been matched with others since.
    """
    decided = decisions(lake, BestsDecision).all
    present = activities_of(connection, (each.activity_id for each in decided))
    last = {present[each.activity_id]: each.dismissed for each in decided}
    return sorted(one for one, is_dismissed in last.items() if is_dismissed)


def _rows(goals: Goals) -> dict[str, list[Row]]:
    """The rows of each table, in order of their keys."""
    weights = [(each.since, each.until, each.weight_kg, each.usual_weight_kg) for each in goals.athlete]
    thresholds = [
        (
            each.since,
            each.until,
            group,
            of.ftp,
            of.threshold_heartrate,
            of.threshold_pace,
            of.max_heartrate,
            of.resting_heartrate,
            of.usual_resting_heartrate,
            [*of.power_zones] or None,
            [*of.heartrate_zones] or None,
        )
        for each in goals.athlete
        for group, of in sorted(each.groups.items())
    ]
    services = [
        (each.gear, each.service, each.every_m, each.every_seconds, each.done_on)
        for each in goals.services  # in order
    ]
    return {ATHLETE_BY_DATE.name: weights, THRESHOLDS_BY_DATE.name: thresholds, GEAR_SERVICES.name: services}
