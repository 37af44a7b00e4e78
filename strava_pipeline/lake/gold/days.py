"""Days and nights in the warehouse: `day_values` as each source has them, `days` and `nights` of the first source.

Only answers that came since the last look are read; they replace what their source said of the same days. What imports brought
is read again when an import comes or goes, or the zones change by which its days were cut.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, tzinfo
from zoneinfo import ZoneInfo

import polars as pl

from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.providers import naming_order
from strava_pipeline.core.start_times import zone_of
from strava_pipeline.core.tables import DAY_VALUES
from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.core.wellness import EXPORTS, DayClock, days_in_words
from strava_pipeline.lake.bronze.answers import items_of_kind, newest_of_kind
from strava_pipeline.lake.gold.making import make_rows, stage, staging
from strava_pipeline.lake.gold.notes import MADE, begin_change, mark_changed, note, noted, notes
from strava_pipeline.lake.gold.warehouse import Connection, one_number
from strava_pipeline.lake.imports.days import days_of_imports, imports_with_days
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import days_statement, sql, views_version

RULES = 2  # of what is believed, and whose day it is; raising it makes the next run read everything again
_READ = "answers"  # the number of the newest answer of each source, and the rules, that `day_values` follows
_IMPORTED = "imports"  # the imports, rules, and zones that it follows
_DAYS = "days"  # from what `days` and `nights` were made
_MADE = f"{MADE}days:"  # + one of these
_EXPORT = "export"  # the part of what imports have
Values = dict[tuple[str, str, str], Mapping[str, float]]
"""By source, day and part the numbers that it has now."""
_KEY = {"source": pl.String(), "day": pl.String(), "part": pl.String()}
_SCHEMA = {**_KEY, "measure": pl.String(), "value": pl.Float64()}


@dataclass(slots=True)
class DaysMerged(Numbers):
    """Numbers that changed, and days with a new one; of days that were cut here, how many by which zone, if imports were read."""

    rows_merged: int = 0
    days_merged: int = 0
    days_cut_by: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        cut = ", ".join(f"{count} by {zone}" for zone, count in self.days_cut_by.items())
        return "; ".join(
            filter(None, [days_in_words(self.days_merged), cut and f"days of Apple Health were cut: {cut}"])
        )


def sync_days(connection: Connection, lake: Lake) -> DaysMerged:
    """Follow what came since the last time, within the caller's transaction."""
    report, due = DaysMerged(), _due(connection, lake)
    if due:
        begin_change()
    if _READ in due:
        held = json.loads(noted(connection, f"{_MADE}{_READ}", "{}"))
        known = held["read"] if held.get("rules") == RULES else {}
        _merge(connection, lake, _answered(lake, known), report)
    if _IMPORTED in due:
        zones = _Zones(connection)
        clock = DayClock(zones.at, ZoneInfo(lake.zone))
        _merge(connection, lake, _archived(connection, lake, clock), report)
        report.days_cut_by = {by: len(days) for by, days in clock.cut_by.items()}
        due[_IMPORTED] = _imported(connection, lake, zones.span)
    if report.rows_merged or _DAYS in due:
        for table in (DAYS, NIGHTS):
            make_rows(connection, table, days_statement(table), {"sources": _sources(lake)}, all_of_it=True)
        due[_DAYS] = _made_from(lake)
        mark_changed(connection)
    for name, value in due.items():
        note(connection, f"{_MADE}{name}", value)
    return report


def _due(connection: Connection, lake: Lake) -> dict[str, str]:
    """The notes that differ from what is there now. Without any number, `days` and `nights` need not be made."""
    held = {_READ: json.dumps({"rules": RULES, "read": {}}), _IMPORTED: "[]"} | notes(connection, _MADE)
    imported = json.loads(held[_IMPORTED])
    span = imported["span"] if isinstance(imported, dict) else None
    now = {
        _READ: json.dumps({"rules": RULES, "read": newest_of_kind(lake, "wellness")}),
        _IMPORTED: _imported(connection, lake, span),
    }
    if one_number(connection, f"SELECT count(*) FROM (FROM {DAY_VALUES.name} LIMIT 1)"):
        now[_DAYS] = _made_from(lake)
    return {name: value for name, value in now.items() if held.get(name) != value}


def _imported(connection: Connection, lake: Lake, span: tuple[float, float] | None) -> str:
    """The imports with days, and a hash of the zones between the first and the last instant whose day follows from them."""
    names = [one.name for one in imports_with_days(lake)]
    if not names:
        return "[]"
    zones = None if span is None else _Zones(connection).between(*span) or lake.zone
    digest = hashlib.blake2b(repr(zones).encode(), digest_size=8).hexdigest()
    return json.dumps({"rules": RULES, "imports": names, "span": span, "zones": digest})


class _Zones:
    """The zones of the athlete's activities. `span`: the first and the last instant that was asked for."""

    def __init__(self, connection: Connection) -> None:
        rows = connection.execute(sql("zones_by_start")).fetchall()
        self._known = [(start, zone, label) for start, label in rows if (zone := zone_of(label))]
        self._starts = [start for start, *_ in self._known]
        self.span: tuple[float, float] | None = None

    def at(self, seconds: float) -> tzinfo | None:
        """The zone of the activity before an instant, or else of the first one."""
        first, last = self.span or (seconds, seconds)
        self.span = min(first, seconds), max(last, seconds)
        return self._known[self._before(seconds)][1] if self._known else None

    def between(self, first: float, last: float) -> list[tuple[float, str]]:
        """From when on which label held. The first one held before, too."""
        found = [(start, label) for start, _, label in self._known[self._before(first) : self._before(last) + 1]]
        return [(first, label) for _, label in found[:1]] + found[1:]

    def _before(self, seconds: float) -> int:
        return max(bisect_right(self._starts, seconds) - 1, 0)


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


def _archived(connection: Connection, lake: Lake, clock: DayClock) -> Values:
    """What imports say, and that they say nothing any more of the other days that they spoke of."""
    spoken = f"SELECT DISTINCT source, day::VARCHAR FROM {DAY_VALUES.name} WHERE part = '{_EXPORT}'"
    said = days_of_imports(lake, clock)
    keys = said.keys() | {(source, day) for source, day in connection.execute(spoken).fetchall()}
    return {(source, day, _EXPORT): said.get((source, day), {}) for source, day in keys}


def _merge(connection: Connection, lake: Lake, found: Values, report: DaysMerged) -> None:
    values = [(*key, measure, value) for key, numbers in found.items() for measure, value in numbers.items()]
    insert = sql("insert_day_values").format(owner=sql("owner"))
    with staging(lake) as folder:
        days = pl.DataFrame([*found], _KEY, orient="row")
        numbers = stage(folder, DAY_VALUES.name, pl.DataFrame(values, _SCHEMA, orient="row"))
        asked = {"days": stage(folder, "days", days), "numbers": numbers}
        gone = connection.execute(sql("delete_day_values"), asked).fetchall()[0][0]
        come = connection.execute(insert, {"numbers": numbers}).fetchall()
    report.rows_merged += int(gone) + len(come)
    report.days_merged += len({*come})


def newest_days(connection: Connection) -> dict[str, date]:
    """The newest local day of which each source has any number."""
    newest = "SELECT source, max(day) FROM day_values GROUP BY source ORDER BY source"
    return dict(connection.execute(newest).fetchall())


def days_by_year(connection: Connection, table: str) -> dict[int | None, int]:
    """Rows of `days`, `nights` or `day_values` by year."""
    return dict(connection.execute(f"SELECT year(day), count(*) FROM {table} GROUP BY ALL").fetchall())
