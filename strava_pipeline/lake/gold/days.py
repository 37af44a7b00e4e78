"""Days and nights in the warehouse: `day_values` as each source has them, `days` and `nights` of the first source.

Only answers that came since the last look are read; they replace what their source said of the same days. What imports brought
is read again when an import comes or goes.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo

import polars as pl

from strava_pipeline.core.providers import naming_order
from strava_pipeline.core.tables import DAY_VALUES
from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.core.wellness import EXPORTS
from strava_pipeline.lake.bronze.answers import items_of_kind, newest_of_kind
from strava_pipeline.lake.gold.insights import zone_of
from strava_pipeline.lake.gold.merge import stage, staging
from strava_pipeline.lake.gold.warehouse import Connection, mark_changed, note, notes, one_number
from strava_pipeline.lake.imports.days import days_of_imports, imports_with_days
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import days_statement, sql, views_version

_READ = "days:read"  # a note: the number of the newest answer of each source that `day_values` follows
_IMPORTED = "days:imported"  # a note: the imports and zones that `day_values` follows
_EXPORT = "export"  # the part of what imports have
Values = dict[tuple[str, str, str], Mapping[str, float]]
"""By source, day and part the numbers that it has now."""
_MADE = "days:made"  # a note: from what `days` and `nights` were made
_KEY = {"source": pl.String(), "day": pl.String(), "part": pl.String()}
_SCHEMA = {**_KEY, "measure": pl.String(), "value": pl.Float64()}


def sync_days(connection: Connection, lake: Lake) -> int:
    """Follow what came since the last time, within the caller's transaction; returns how many numbers changed."""
    changed, due = 0, _due(connection, lake)
    if _READ in due:
        known = json.loads(notes(connection, _READ).get(_READ, "{}"))
        changed += _merge(connection, lake, _answered(lake, known))
    if _IMPORTED in due:
        changed += _merge(connection, lake, _archived(connection, lake))
    if changed or _MADE in due:
        for table in (DAYS, NIGHTS):
            connection.execute(f"DELETE FROM {table.name}")
            connection.execute(days_statement(table), {"sources": _sources(lake)})
        due[_MADE] = _made_from(lake)
        mark_changed(connection)
    for name, value in due.items():
        note(connection, name, value)
    return changed


def differ(connection: Connection, lake: Lake) -> bool:
    """Whether `sync_days` would change something. Changes nothing."""
    return bool(_due(connection, lake))


def _due(connection: Connection, lake: Lake) -> dict[str, str]:
    """The notes that differ from what is there now. Without any number, `days` and `nights` need not be made."""
    held = {_READ: "{}", _IMPORTED: "[]"} | notes(connection, "days:")
    now = {_READ: json.dumps(newest_of_kind(lake, "wellness")), _IMPORTED: _imported(connection, lake)}
    if one_number(connection, f"SELECT count(*) FROM (FROM {DAY_VALUES.name} LIMIT 1)"):
        now[_MADE] = _made_from(lake)
    return {name: value for name, value in now.items() if held.get(name) != value}


def _imported(connection: Connection, lake: Lake) -> str:
    """The imports with days, and a hash of the zones by which a local day follows."""
    names = [one.name for one in imports_with_days(lake)]
    if not names:
        return "[]"
    zones = connection.execute(sql("zones_by_start")).fetchall()
    return json.dumps([*names, hashlib.blake2b(repr(zones).encode(), digest_size=8).hexdigest()])


def _made_from(lake: Lake) -> str:
    return json.dumps([_sources(lake), views_version()])


def _sources(lake: Lake) -> list[str]:
    """The order in which sources count: services by priority, then archives."""
    return [*naming_order(lake.sources_with("wellness"), lake.priorities), *EXPORTS]


def _answered(lake: Lake, after: Mapping[str, int]) -> Values:
    """What answers of services say."""
    found: Values = {}
    for source, key, _, numbers in items_of_kind(lake, "wellness", after):
        day, part = key.split(" ", 1)
        found[source, day, part] = numbers
    return found


def _archived(connection: Connection, lake: Lake) -> Values:
    """What imports say, and that they say nothing any more of the other days that they spoke of."""
    spoken = f"SELECT DISTINCT source, day::VARCHAR FROM {DAY_VALUES.name} WHERE part = '{_EXPORT}'"
    rows = connection.execute(sql("zones_by_start")).fetchall()
    starts, zones = [start for start, _ in rows], [zone for _, zone in rows]

    def zone_at(at: datetime) -> tzinfo:
        """The zone of the activity before an instant, or else of the first one."""
        return zone_of(zones[max(bisect_right(starts, at.timestamp()) - 1, 0)]) or UTC if zones else UTC

    said = days_of_imports(lake, zone_at)
    keys = said.keys() | {(source, day) for source, day in connection.execute(spoken).fetchall()}
    return {(source, day, _EXPORT): said.get((source, day), {}) for source, day in keys}


def _merge(connection: Connection, lake: Lake, found: Values) -> int:
    values = [(*key, measure, value) for key, numbers in found.items() for measure, value in numbers.items()]
    insert = sql("insert_day_values").format(owner=sql("owner"))
    with staging(lake) as folder:
        days = pl.DataFrame([*found], _KEY, orient="row")
        numbers = stage(folder, DAY_VALUES.name, pl.DataFrame(values, _SCHEMA, orient="row"))
        asked = {"days": stage(folder, "days", days), "numbers": numbers}
        gone = connection.execute(sql("delete_day_values"), asked).fetchall()[0][0]
        come = connection.execute(insert, {"numbers": numbers}).fetchall()[0][0]
        return int(gone) + int(come)


def newest_days(connection: Connection) -> dict[str, date]:
    """The newest local day of which each source has any number."""
    newest = "SELECT source, max(day) FROM day_values GROUP BY source ORDER BY source"
    return dict(connection.execute(newest).fetchall())


def days_by_year(connection: Connection, table: str) -> dict[int | None, int]:
    """Rows of `days`, `nights` or `day_values` by year."""
    return dict(connection.execute(f"SELECT year(day), count(*) FROM {table} GROUP BY ALL").fetchall())
