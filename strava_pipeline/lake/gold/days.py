"""Answers about days and nights in the warehouse: `day_values` as each source has them, `days` and `nights` of the first source.

Only answers that came since the last look are read; they replace what their source said of the same days.
"""

import json

import polars as pl

from strava_pipeline.core.providers import naming_order
from strava_pipeline.core.tables import DAY_VALUES
from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.lake.bronze.answers import items_of_kind, newest_of_kind
from strava_pipeline.lake.gold.merge import stage, staging
from strava_pipeline.lake.gold.warehouse import Connection, mark_changed, note, notes
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import days_statement, sql, views_version

_READ = "days:read"  # a note: the number of the newest answer that `day_values` follows
_MADE = "days:made"  # a note: from what `days` and `nights` were made
_SCHEMA = {"source": pl.String(), "day": pl.Date(), "part": pl.String(), "measure": pl.String(), "value": pl.Float64()}


def sync_days(connection: Connection, lake: Lake) -> int:
    """Follow the answers that came since the last time, within the caller's transaction; how many numbers changed."""
    changed = 0
    if (newest := newest_of_kind(lake, "wellness")) > (known := _read_upto(connection)):
        changed = _merge(connection, lake, known)
        note(connection, _READ, str(newest))
    made = _made_from(connection, lake)
    if made is not None and (changed or made != notes(connection, _MADE).get(_MADE)):
        for table in (DAYS, NIGHTS):
            connection.execute(f"DELETE FROM {table.name}")
            connection.execute(days_statement(table), {"sources": _sources(lake)})
        note(connection, _MADE, made)
        mark_changed(connection)
    return changed


def differ(connection: Connection, lake: Lake) -> bool:
    """Whether `sync_days` would change something. Changes nothing."""
    is_read = newest_of_kind(lake, "wellness") <= _read_upto(connection)
    return not is_read or _made_from(connection, lake) not in (None, notes(connection, _MADE).get(_MADE))


def _read_upto(connection: Connection) -> int:
    return int(notes(connection, _READ).get(_READ, -1))


def _made_from(connection: Connection, lake: Lake) -> str | None:
    """None where nothing came, so that nothing is made."""
    return json.dumps([_sources(lake), views_version()]) if _read_upto(connection) >= 0 else None


def _sources(lake: Lake) -> list[str]:
    return naming_order(lake.sources_with("wellness"), lake.priorities)


def _merge(connection: Connection, lake: Lake, after: int) -> int:
    said, values = [], []
    for source, key, _, numbers in items_of_kind(lake, "wellness", after):
        day, part = key.split(" ", 1)
        said.append((source, day, part))
        values += [(source, day, part, measure, value) for measure, value in numbers.items()]
    insert = sql("insert_day_values").format(owner=sql("owner"))
    with staging(lake) as folder:
        days = pl.DataFrame(said, ["source", "day", "part"], orient="row")
        numbers_of = pl.DataFrame(values, {**_SCHEMA, "day": pl.String()}, orient="row")
        asked = {"days": stage(folder, "days", days), "numbers": stage(folder, DAY_VALUES.name, numbers_of)}
        gone = connection.execute(sql("delete_day_values"), asked).fetchall()[0][0]
        come = connection.execute(insert, {"numbers": asked["numbers"]}).fetchall()[0][0]
    return int(gone) + int(come)


def days_by_year(connection: Connection, table: str) -> dict[int | None, int]:
    """Rows of `days`, `nights` or `day_values` by year."""
    return dict(connection.execute(f"SELECT year(day), count(*) FROM {table} GROUP BY ALL").fetchall())
