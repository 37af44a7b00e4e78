"""Expiry in the warehouse: which activities came before a moment, and how they leave its tables.

An import's values of an expired activity are merged in its place. Bronze, shards and tracks are lake/retention.py's.
"""

from collections.abc import Collection
from datetime import datetime

from strava_pipeline.core.tables import DETAIL_TABLES, QUARANTINE, TABLES
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.expired import LIMITED
from strava_pipeline.lake.gold.matches import match_activities
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.imports.merge import forget_merged_imports, merge_files, merge_fresh_details
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_HELD = "SELECT id, year FROM activities_all WHERE source = $source AND id IN (SELECT unnest($ids::BIGINT[]))"
_IMPORTED = "SELECT DISTINCT year FROM imported_activities WHERE id IN (SELECT unnest($ids::BIGINT[]))"
TOLD_BY_API = ("activities_all", "activity_history", *DETAIL_TABLES, QUARANTINE.name)
"""The tables whose rows of an activity, the first column of their key, leave with it."""


def landed_before(connection: Connection, until: datetime) -> set[int]:
    """The activities of the limited source that gold has from an answer that came before `until` (UTC)."""
    values = {"source": LIMITED, "until": until}
    return {key for (key,) in connection.execute(sql("landed_before"), values).fetchall()}


def held_years_of(connection: Connection, ids: Collection[int]) -> dict[int, int]:
    """The local years of those of `ids` that gold has from the limited source, by id."""
    return dict(connection.execute(_HELD, {"source": LIMITED, "ids": list(ids)}).fetchall())


def told_by_others(connection: Connection, ids: Collection[int]) -> int:
    """How many of `ids` an import or another service also has: they stay, with those values."""
    values = {"source": LIMITED, "ids": list(ids)}
    return int(connection.execute(sql("told_by_others"), values).fetchall()[0][0])


def remove_expired(connection: Connection, lake: Lake, ids: Collection[int], years: YearRange) -> list[int]:
    """Remove the limited source's rows of `ids`, within the caller's transaction, and merge the other sources' values.

    Returns the partitions that held them, and those of imports' rows of the same activities, whose year may be another
    one. Shards no longer hold any of the former.
    """
    values = {"source": LIMITED, "ids": list(ids)}
    held = held_years_of(connection, ids)
    imported = {year for (year,) in connection.execute(_IMPORTED, {"ids": list(held)}).fetchall()}
    touched = sorted({years.clamp(year) for year in {*held.values(), *imported}})
    for name in TOLD_BY_API:
        table = TABLES[name]
        connection.execute(sql("delete_expired").format(table=table.stored, key=table.key[0]), values)
    if imported:
        forget_merged_imports(connection)
    merge_activities(connection, lake, touched, force=True)
    merge_fresh_details(connection, lake)
    merge_files(connection, lake)
    match_activities(connection, lake)
    mark_changed(connection)
    return touched
