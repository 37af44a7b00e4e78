"""A comparison of two published warehouses by their rows."""

from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake

# notes about the runs that made it; states that follow the clock and a yes since
_OWN = ("lake_meta", "proposed_changes")
_TABLES = "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY table_name"


def differing_tables(one: Lake, other: Lake) -> list[str]:
    """The tables whose rows differ, in any order, apart from when they were written."""
    with snapshot(one) as first, snapshot(other) as second:
        contents, others = _contents(first), _contents(second)
    return sorted(name for name in contents.keys() | others.keys() if contents.get(name) != others.get(name))


def _contents(connection: Connection) -> dict[str, tuple[object, ...] | None]:
    names = [name for (name,) in connection.execute(_TABLES).fetchall() if name not in _OWN]
    connection.execute("SET threads = 1")  # with several, the last digits of a sum differ from time to time
    rows = "SELECT COLUMNS(lambda name: name <> 'ingestion_ts') FROM"
    hashed = "SELECT count(*), sum(hash(held)::HUGEINT)"
    return {name: connection.execute(f'{hashed} FROM ({rows} "{name}") AS held').fetchone() for name in names}
