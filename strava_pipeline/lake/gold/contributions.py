"""data/contributions: since when each activity has counted, and with what, as each publish left it. *What changed* reads it.

A file for each year of publishing, of rows of lake/sql/contributions.sql: only of activities that differ from the publish
before. Nothing is made of it, so a file that can't be read is begun again. A purge and an expiry delete all of it.
"""

import logging
from contextlib import suppress
from datetime import datetime

import duckdb

from strava_pipeline.lake.files import sync_folder
from strava_pipeline.lake.gold.warehouse import Connection, version
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal, sql

_NOTHING = """SELECT
    NULL::TIMESTAMPTZ AS published_at, NULL AS version, NULL::BIGINT AS activity_id, NULL::BIGINT AS athlete_id, false AS counts,
    NULL::DATE AS on_day, NULL::TIMESTAMP AS start_date_local, NULL AS sport_type, NULL AS sport_group,
    NULL::DOUBLE AS distance_m, NULL::BIGINT AS moving_time_seconds, NULL::DOUBLE AS elevation_gain_m,
    NULL::TIMESTAMPTZ AS edited_at, NULL AS said, NULL AS reason
LIMIT 0"""
log = logging.getLogger(__name__)


def contribution_files(lake: Lake) -> list[str]:
    """The files, the oldest first."""
    return sorted(str(path) for path in lake.contributions.glob("[0-9]*.parquet"))


def note_contributions(connection: Connection, lake: Lake, at: datetime) -> int:
    """Append what counts otherwise than at the publish before; returns of how many activities. `connection`: to the warehouse."""
    try:
        return _note(connection, lake, at)
    except duckdb.Error as error:  # damaged: what was known before is lost, and nothing else
        log.warning(
            "What numbers were before is known from now on: data/contributions can't be read (%s).",
            type(error).__name__,
        )
        for path in contribution_files(lake):
            with suppress(FileNotFoundError):
                (lake.contributions / path).unlink()
        return _note(connection, lake, at)


def _note(connection: Connection, lake: Lake, at: datetime) -> int:
    files = contribution_files(lake)
    known = f"SELECT * FROM read_parquet([{', '.join(map(literal, files))}])" if files else _NOTHING
    rows = sql("contributions").format(known=known)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE changed AS {rows}", {"at": at, "version": version()})
    ((count,),) = connection.execute("SELECT count(*) FROM changed").fetchall()
    if count:
        lake.contributions.mkdir(exist_ok=True)
        path = lake.contributions / f"{at.year}.parquet"
        before = f"FROM read_parquet({literal(path)}) UNION ALL " if path.exists() else ""
        temporary = path.with_name(f".{path.name}.tmp")
        connection.execute(f"COPY ({before}FROM changed) TO {literal(temporary)} (FORMAT parquet, COMPRESSION zstd)")
        temporary.replace(path)
        sync_folder(path.parent)
    connection.execute("DROP TABLE changed")
    return int(count)
