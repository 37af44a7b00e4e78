"""data/contributions: what each activity counted from which publish on. *What changed* reads it, and nothing else is made of it.

A file for each year of publishing, of rows of lake/sql/contributions.sql: only of activities that differ from the publish
before. A publish never fails by it; a file that can't be read is set aside. A purge and an expiry delete all of it.
"""

import logging
from datetime import datetime
from pathlib import Path

import duckdb

from strava_pipeline.environment.file_locks import sync_file, sync_folder
from strava_pipeline.lake.gold.warehouse import Connection, version
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal, sql

_NOTHING = """SELECT
    NULL::BIGINT AS publish, NULL::TIMESTAMPTZ AS published_at, NULL AS version, NULL::BIGINT AS activity_id,
    NULL::BIGINT AS athlete_id, false AS is_here, false AS counts, NULL::DATE AS on_day, NULL::TIMESTAMP AS start_date_local,
    NULL AS sport_type, NULL AS sport_group, NULL::DOUBLE AS distance_m, NULL::BIGINT AS moving_time_seconds,
    NULL::DOUBLE AS elevation_gain_m, NULL::BIGINT AS members, NULL::TIMESTAMPTZ AS edited_at, NULL AS said, NULL AS reason
LIMIT 0"""
log = logging.getLogger(__name__)


def contribution_files(lake: Lake) -> list[str]:
    """The files, the oldest first."""
    return sorted(str(path) for path in lake.contributions.glob("[0-9]*.parquet"))


def forget_contributions(lake: Lake) -> None:
    """Delete them all. Raises OSError."""
    for path in lake.contributions.glob("*"):
        path.unlink()


def note_contributions(connection: Connection, lake: Lake, at: datetime) -> None:
    """Append what counts otherwise than at the publish before. `connection`: to the snapshot that was published `at`."""
    try:
        for path in map(Path, contribution_files(lake)):
            if not _is_readable(connection, path):
                log.warning("%s can't be read, and is set aside: numbers of before are known less.", path)
                path.replace(path.with_suffix(".damaged"))
        _append(connection, lake, at)
    except (duckdb.Error, OSError) as error:  # the next publish appends it
        log.warning("What this publish changed could not be kept in data/contributions (%s).", type(error).__name__)


def _is_readable(connection: Connection, path: Path) -> bool:
    try:
        connection.execute(f"SELECT max(hash(each)), any_value(publish) FROM read_parquet({literal(path)}) AS each")
    except (duckdb.OutOfMemoryException, duckdb.IOException):  # which say nothing of its rows
        raise
    except duckdb.Error:
        return False
    return True


def _append(connection: Connection, lake: Lake, at: datetime) -> None:
    files = contribution_files(lake)
    known = (
        f"SELECT * FROM read_parquet([{', '.join(map(literal, files))}], union_by_name = true)" if files else _NOTHING
    )
    rows = sql("contributions").format(known=known)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {rows}", {"at": at, "version": version()})
    if connection.execute("FROM changed LIMIT 1").fetchall():
        lake.contributions.mkdir(exist_ok=True)
        path, temporary = lake.contributions / f"{at.year}.parquet", lake.contributions / ".appended.tmp"
        before = f"FROM read_parquet({literal(path)}) UNION ALL BY NAME " if path.exists() else ""
        connection.execute(f"COPY ({before}FROM changed) TO {literal(temporary)} (FORMAT parquet, COMPRESSION zstd)")
        with temporary.open("rb") as file:
            sync_file(file)
        temporary.replace(path)
        sync_folder(path.parent)
    connection.execute("DROP TABLE changed")
