"""Counts of the warehouse's rows, its deviations from the catalogue, and whether bronze, shards and gold agree. Reads only.

Only counts and column names leave this module, never a value, except `gold_activities` and its like, with which an
archive is compared. The caller decides what a fault means. A layer that lacks rows may be waiting for another run: the
caller first checks whether one is at work.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import duckdb

from strava_pipeline.core.files.agreement import GoldActivity, GoldFiles
from strava_pipeline.core.sources import IMPORTED, STRAVA
from strava_pipeline.core.tables import TABLES, Column, Table
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.bronze.answers import detail_files
from strava_pipeline.lake.bronze.listings import provider_listings
from strava_pipeline.lake.gold.merge_details import fetch_times_in_gold, is_newer
from strava_pipeline.lake.gold.warehouse import Connection, attach, is_of_this_catalogue
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.made.shards import LOCK, damage_reported, holdings, shard_files
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql

_OFFSET_COLUMNS = frozenset({"start_date", "start_date_local", "utc_offset"})
_KNOWN_GEAR = "SELECT gear_id FROM gear WHERE source = $source AND found IS NOT NULL ORDER BY gear_id"
_KEYS = 3  # columns before the values: id, athlete_id, deleted_at; after them come the names of the gear


def wrong_columns(connection: Connection, tables: Iterable[str]) -> dict[str, dict[str, str]]:
    """By table and column, what is wrong with each column that differs from the catalogue."""
    found = table_columns(connection)
    return {table: _differences(TABLES[table], found.get(TABLES[table].stored, {})) for table in tables}


def _differences(table: Table, found: Mapping[str, str]) -> dict[str, str]:
    wanted = {column.name: _type_name(column.kind.value) for column in table.columns}
    wrong = {name: "missing" for name in wanted if name not in found}
    wrong |= {name: "unknown" for name in found if name not in wanted}
    wrong |= {
        name: f"{found[name]} instead of {kind}" for name, kind in wanted.items() if found.get(name, kind) != kind
    }
    return wrong


@cache
def _type_name(kind: str) -> str:
    """A type as DuckDB writes it, which takes DuckDB 20 µs."""
    return str(duckdb.sqltype(kind))


def counted(connection: Connection, query: str, table: str) -> dict[str, int]:
    """The counts of a query of `lake/sql/`, by its columns; the query may name the table, its parent and its key."""
    key = TABLES[table].key
    names = {"key": ", ".join(key), "key_is_null": " OR ".join(f"{column} IS NULL" for column in key)}
    found = connection.execute(sql(query).format(table=table, parent=TABLES[table].parent, **names))
    return dict(zip((column[0] for column in found.description), found.fetchall()[0], strict=True))


def clocks_off_their_zone(connection: Connection, table: str) -> dict[str, int]:
    """The local starts computed here, from files and archives, that differ from the clocks of their zone.

    DuckDB's zones and Python's may be of different years: a start is right by either.
    """
    found = connection.execute(sql("clocks_off_their_zone").format(table=table)).fetchall()
    wrong = (local != at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0) for zone, at, local in found)
    return {"clocks_off_their_zone": sum(wrong)}


def out_of_bounds(connection: Connection, table: str) -> dict[str, int]:
    """Counts of implausible values, by column; columns without any are left out."""
    columns = bounded_columns(TABLES[table])
    counts = ", ".join(f"count(*) FILTER ({_beyond(column)})" for column in columns)
    row = connection.execute(f"SELECT {counts} FROM {table}").fetchall()[0]
    return {column.name: count for column, count in zip(columns, row, strict=True) if count}


def bounded_columns(table: Table) -> list[Column]:
    """The columns with bounds in the catalogue."""
    return [column for column in table.columns if column.low is not None or column.high is not None]


def has_offsets(table: Table) -> bool:
    """Whether the table has a start, a local start and the offset between them."""
    return {column.name for column in table.columns} >= _OFFSET_COLUMNS


@dataclass(frozen=True, slots=True)
class Loss:
    """The number of rows that readers have, and of those that the working warehouse no longer has."""

    published: int
    lost: int


def lost_rows(connection: Connection, lake: Lake, tables: Sequence[str]) -> dict[str, Loss]:
    """Per table, the published rows that the working warehouse has lost; empty if nothing comparable is published."""
    if not lake.snapshot.exists():
        return {}
    try:
        attach(connection, lake.snapshot, "published", "READ_ONLY")
    except duckdb.Error:  # an unreadable snapshot is replaced by publishing
        return {}
    try:
        return {table: _loss(connection, table) for table in tables} if _is_of_this_catalogue(connection) else {}
    finally:
        connection.execute("DETACH published")


def _is_of_this_catalogue(connection: Connection) -> bool:
    there = "SELECT 1 FROM duckdb_tables() WHERE database_name = 'published' AND table_name = 'lake_meta'"
    if not connection.execute(there).fetchall():
        return False
    made_by = connection.execute("SELECT value FROM published.lake_meta WHERE key = 'catalogue'").fetchall()
    return len(made_by) == 1 and is_of_this_catalogue(made_by[0][0])


def _loss(connection: Connection, table: str) -> Loss:
    same_key = " AND ".join(f"now.{key} = before.{key}" for key in TABLES[table].key)
    published, lost = connection.execute(
        sql("lost_rows").format(table=TABLES[table].stored, same_key=same_key)
    ).fetchall()[0]
    return Loss(published, lost)


def _beyond(column: Column) -> str:
    """The bounds as SQL; a column's name and bounds come from the catalogue alone."""
    bounds = [f'"{column.name}" < {column.low!r}'] if column.low is not None else []
    bounds += [f'"{column.name}" > {column.high!r}'] if column.high is not None else []
    return " OR ".join(bounds)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A comparison of two layers. `above`, `here`: how much each holds; `missing`: not merged yet; `only_here`: only in
    the lower.

    `behind`: the years that lack something.
    """

    above: int
    here: int
    missing: int
    only_here: int = 0
    behind: frozenset[int] = frozenset()


def shards_with_bronze(lake: Lake, wanted: Sequence[int], years: YearRange) -> Agreement:
    """Pages of listings with activities of the `wanted` years, compared with the pages that the shards hold."""
    with locked(lake, LOCK):
        held = {year: holdings(lake, year) for year in wanted}
    above = missing = 0
    behind: set[int] = set()
    for listing in provider_listings(lake):
        partitions = held.keys() & listing.manifest.years_within(years)
        if partitions and not listing.manifest.brought_nothing:  # else its pages wait for the next shards
            lacking = {
                year: listing.manifest.pages_for(year, years) - held[year].get(listing.name, 0) for year in partitions
            }
            above += listing.manifest.whole_pages
            missing += max(0, *lacking.values())
            behind |= {year for year, pages in lacking.items() if pages > 0}
    return Agreement(above, above - missing, missing, behind=frozenset(behind))


def gold_with_shards(connection: Connection, lake: Lake, years: Sequence[int]) -> Agreement:
    """Distinct activities of `years`, in the shards and in gold."""
    found = _shards_and_gold(connection, lake, years)
    if not found.missing:
        return found
    behind = (year for year in years if len(years) == 1 or _shards_and_gold(connection, lake, [year]).missing)
    return replace(found, behind=frozenset(behind))


def _shards_and_gold(connection: Connection, lake: Lake, years: Sequence[int]) -> Agreement:
    with locked(lake, LOCK):
        shards = [path for year in years for path in shard_files(lake, year)]
        if not shards:
            query = "SELECT count(*) FROM activities_all WHERE year IN (SELECT unnest($years))"
            here = connection.execute(query, {"years": list(years)}).fetchall()[0][0]
            return Agreement(0, here, 0, here)
        with damage_reported(shards):
            values = {"shards": [str(path) for path in shards], "years": list(years)}
            return Agreement(*connection.execute(sql("shards_and_gold"), values).fetchall()[0])


def history_with_gold(connection: Connection, years: Sequence[int]) -> Agreement:
    """Activities of `years` in gold, and in the history."""
    query = (
        "SELECT year, count(*), count(*) FILTER (id NOT IN (SELECT activity_id FROM activity_history)) FROM activities_all "
        "WHERE NOT list_contains($imported, source) AND year IN (SELECT unnest($years)) GROUP BY year"
    )
    found = connection.execute(query, {"imported": sorted(IMPORTED), "years": list(years)}).fetchall()
    above, missing = (sum(row[place] for row in found) for place in (1, 2))
    return Agreement(above, above - missing, missing, behind=frozenset(year for year, _, lacking in found if lacking))


def details_with_bronze(connection: Connection, lake: Lake, years: Sequence[int]) -> Agreement:
    """Activities with a detail in the folders of `years`, compared with gold: missing where gold's is older."""
    gold = fetch_times_in_gold(connection)
    on_disk = [
        (year, files) for year in years for files in detail_files(lake, year).values() if files.good_at is not None
    ]
    lacking = [year for year, files in on_disk if is_newer(files, gold.get(files.activity_id))]
    return Agreement(len(on_disk), len(on_disk) - len(lacking), len(lacking), behind=frozenset(lacking))


@dataclass(frozen=True, slots=True)
class YearCounts:
    """A local year in gold, None: activities without a date; distances in kilometres."""

    year: int | None
    activities: int
    kilometres: float
    details: int
    missing_details: int
    stale_details: int


def counts_by_year(connection: Connection) -> list[YearCounts]:
    return [YearCounts(*row) for row in connection.execute(sql("counts_by_year"), {"source": STRAVA}).fetchall()]


def row_counts(connection: Connection, tables: Iterable[str] = TABLES) -> dict[str, int]:
    """Rows of every existing table of the catalogue: a snapshot of an older version may lack some."""
    there = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    wanted = [name for name in tables if TABLES[name].stored in there]
    counts = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in wanted)
    found = dict(connection.execute(counts).fetchall()) if wanted else {}
    return {name: found[name] for name in wanted}


def newest_start(connection: Connection) -> datetime | None:
    """When the newest activity began (UTC), without deleted ones, or None."""
    found: datetime | None = connection.execute("SELECT max(start_date) FROM activities").fetchall()[0][0]
    return found


def rows_of_source(connection: Connection, source: str) -> dict[int, int]:
    """The number of a source's activities by year, without deleted ones."""
    text = "SELECT year, count(*) FROM activities_all WHERE source = $source AND deleted_at IS NULL GROUP BY year"
    return dict(connection.execute(text, {"source": source}).fetchall())


def rows_by_year(connection: Connection, table: str) -> dict[int | None, int]:
    """Rows of a table by the partition year of their activity; None if unknown."""
    key = TABLES[table].key[0]
    return dict(connection.execute(sql("rows_by_year").format(table=table, key=key)).fetchall())


def table_columns(connection: Connection) -> dict[str, dict[str, str]]:
    """The columns of each table, with their types. Views are left out: the user may have made one of a table's name."""
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns()"
        " SEMI JOIN duckdb_tables() USING (database_oid, table_oid) WHERE database_name = current_database()"
    ).fetchall():
        found.setdefault(table, {})[column] = kind
    return found


def table_keys(connection: Connection, table: str, columns: Mapping[str, Mapping[str, str]]) -> set[tuple[object, ...]]:
    """The keys of a table; empty if a snapshot of another version lacks the table or a key column.

    `columns`: the `table_columns` of the connection, which take as long as many tables' keys.
    """
    key = TABLES[table].key
    for name in {TABLES[table].stored: None, table: None}:
        if columns.get(name, {}).keys() >= set(key):
            keys = set(connection.execute(f"SELECT {', '.join(key)} FROM {name}").fetchall())
            if keys:
                return keys
    return set()


def unknown_gear(connection: Connection) -> list[str]:
    """The ids of gear that activities name and that was never fetched, without ids that can't be Strava's."""
    return [
        row[0] for row in connection.execute(sql("unknown_gear"), {"source": STRAVA}).fetchall() if is_gear_id(row[0])
    ]


def is_gear_id(gear_id: str) -> bool:
    return gear_id.isascii() and gear_id.isalnum()


def known_gear(connection: Connection) -> list[str]:
    return [row[0] for row in connection.execute(_KNOWN_GEAR, {"source": STRAVA}).fetchall()]


def unknown_ids(connection: Connection, ids: Iterable[int]) -> list[int]:
    """Those of `ids` that gold does not know."""
    known = {row[0] for row in connection.execute("SELECT id FROM activities_all").fetchall()}
    return sorted(set(ids) - known)


def gold_activities(connection: Connection) -> dict[int, GoldActivity]:
    """Every activity by its id, including deleted ones."""
    found = connection.execute(sql("compared_with_archives"))
    names = [column[0] for column in found.description][_KEYS:-1]
    return {
        row[0]: GoldActivity(row[0], row[1], row[2], dict(zip(names, row[_KEYS:-1], strict=True)), tuple(row[-1]))
        for row in found.fetchall()
    }


def stand_ins(connection: Connection) -> dict[int, int]:
    """By id, the activity that represents it."""
    return dict(connection.execute(sql("stand_ins")).fetchall())


def gold_files(connection: Connection) -> GoldFiles:
    """Everything that came by files, and all gear."""
    rows = connection.execute(sql("held_files")).fetchall()
    gear = connection.execute("SELECT name, nickname, brand_name, model_name FROM gear").fetchall()
    return GoldFiles(
        contents={sha256: content for sha256, content, _, _ in rows},
        names=frozenset(name.rpartition("/")[2] for _, _, names, _ in rows for name in names),
        of_activity=dict(connection.execute(sql("files_of_rows")).fetchall()),
        gear=[(tuple(name for name in names if name), brand, model) for *names, brand, model in gear],
        of_archives=any(of_archive for *_, of_archive in rows),
    )
