"""What goals.toml says, as tables of the warehouse: so that SQL alone suffices, and a rebuild gives the same.

A file that can't be used counts as none here; `goals check`, `doctor` and the check of `insights` say what is wrong in it.
"""

from typing import Any

from strava_pipeline.core.insights.goals import Goals
from strava_pipeline.core.tables.insights import ATHLETE_BY_DATE, GEAR_SERVICES, THRESHOLDS_BY_DATE
from strava_pipeline.lake.gold.warehouse import Connection, mark_changed, transaction
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.user_files import UnusableGoalsError, goals_of

Row = tuple[Any, ...]


def sync_goals(connection: Connection, lake: Lake) -> bool:
    """Let the tables say what goals.toml says; returns whether anything changed, which is then published."""
    if due := differing_goals(connection, lake):
        with transaction(connection):
            for name, rows in due.items():
                connection.execute(f"DELETE FROM {name}")
                if rows:
                    connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
            mark_changed(connection)
    return bool(due)


def differing_goals(connection: Connection, lake: Lake) -> dict[str, list[Row]]:
    """What goals.toml says of each table that does not say it."""
    try:
        goals = goals_of(lake)
    except UnusableGoalsError:
        goals = Goals()
    return {
        name: rows
        for name, rows in _rows(goals).items()
        if connection.execute(f"SELECT * FROM {name} ORDER BY ALL").fetchall() != rows
    }


def _rows(goals: Goals) -> dict[str, list[Row]]:
    """The rows of each table, in order of their keys."""
    weights = [(each.since, each.until, each.weight_kg) for each in goals.athlete]
    thresholds = [
        (each.since, each.until, group, of.ftp, of.threshold_heartrate, [*of.power_zones] or None, [*of.heartrate_zones] or None)
        for each in goals.athlete
        for group, of in sorted(each.groups.items())
    ]
    services = [
        (each.gear, each.service, each.every_m, each.every_seconds, each.done_on)
        for each in goals.services  # in order
    ]
    return {ATHLETE_BY_DATE.name: weights, THRESHOLDS_BY_DATE.name: thresholds, GEAR_SERVICES.name: services}
