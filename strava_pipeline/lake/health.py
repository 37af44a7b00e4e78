"""What `doctor` looks at in the warehouse, working and published: is it whole, is it current. Reads only.

The working file is opened for a moment, read-only and under the writer's lock; where a run is at work on it, the look is
given up after seconds, and the run is not disturbed.
"""

import stat
from pathlib import Path

import duckdb

from strava_pipeline.core.errors import Finding, PipelineError, ok, problem, skipped, warning
from strava_pipeline.core.tables import TABLES, catalogue_version
from strava_pipeline.file_locks import is_open_in_duckdb
from strava_pipeline.lake.counts import faulty_keys
from strava_pipeline.lake.paths import Lake, log_of
from strava_pipeline.lake.publish import READ_ONLY, snapshot
from strava_pipeline.lake.warehouse import (
    REBUILDING,
    Connection,
    at_rest,
    catalogue_of,
    is_a_database,
    is_marked,
    revision,
    was_ever_made,
)

WORKING, KEYS, PUBLISHED = "working warehouse", "keys", "published warehouse"
PATIENCE = 2  # seconds; a merge of one year takes less, and a person waits
_AGAIN = "strava-pipeline compact      # makes it anew from bronze, without a call"
_AT_WORK = "a run is at work on it; look again when it is done"


def warehouse_health(lake: Lake) -> list[Finding]:
    """The working warehouse and its keys, and the published one beside it."""
    found, current = _working(lake)
    return [*found, *_published(lake, current)]


def _working(lake: Lake) -> tuple[list[Finding], str | None]:
    """What is the case, and the revision if it could be read."""
    path = lake.working
    if not path.exists():
        if was_ever_made(lake):
            return [warning(WORKING, f"{path} is not there any more.", _AGAIN)], None
        return [skipped(WORKING, "none yet; the first pull makes it")], None
    if not is_a_database(path):
        return [problem(WORKING, f"{path} is damaged: not a DuckDB file any more.", _AGAIN)], None
    with at_rest(lake, patience=PATIENCE) as free:
        if not free:
            return [skipped(WORKING, _AT_WORK), skipped(KEYS, _AT_WORK)], None
        if is_open_in_duckdb(path, for_writing=True):  # by a program that does not know our lock
            why = f"another program has {path} open, so runs can't work."
            return [problem(WORKING, why, f"Close it there; query {lake.snapshot} instead.")], None
        try:
            with duckdb.connect(str(path), read_only=True) as connection:
                return _look(lake, connection)
        except duckdb.Error as error:
            why = f"{path} is damaged ({type(error).__name__})."
            return [problem(WORKING, why, _aside(path))], None


def _look(lake: Lake, connection: Connection) -> tuple[list[Finding], str | None]:
    made_by = catalogue_of(connection)
    if made_by is None:
        return [warning(WORKING, "it has no tables yet.", _AGAIN)], None
    if made_by != catalogue_version():
        return [warning(WORKING, "it was made by another version of the tables.", _AGAIN)], None
    log = log_of(lake.working)
    rest = f"; what a run did at last is in {log} (keep it, the next run takes it in)" if log.exists() else ""
    if is_marked(connection, REBUILDING):
        state = warning(WORKING, f"the last rebuild did not come to its end{rest}.", _AGAIN)
    else:
        state = ok(WORKING, f"opens, with the present tables{rest}")
    return [state, _keys(connection, lake.working)], revision(connection)


def _keys(connection: Connection, path: Path) -> Finding:
    faulty = []
    for table in TABLES:
        doubled, nulls = faulty_keys(connection, table)
        faulty += [f"{table}: {doubled} keys stand twice"] if doubled else []
        faulty += [f"{table}: {nulls} rows without a key"] if nulls else []
    if not faulty:
        return ok(KEYS, f"unique and never NULL in all {len(TABLES)} tables")
    return problem(KEYS, "; ".join(faulty) + ".", _aside(path))


def _aside(path: Path) -> str:
    return f"mv '{path}' '{path.with_suffix('.damaged')}'\n{_AGAIN}"


def _published(lake: Lake, current: str | None) -> list[Finding]:
    path = lake.snapshot
    if not path.exists():
        if current is None:
            return [skipped(PUBLISHED, "none yet")]
        return [warning(PUBLISHED, f"{path} is not there.", "strava-pipeline compact      # publishes it")]
    try:
        with snapshot(lake) as connection:
            held = revision(connection)
    except (duckdb.Error, PipelineError):
        return [problem(PUBLISHED, f"{path} can't be read.", f"rm -f '{path}'\nstrava-pipeline compact")]
    found = []
    if stat.S_IMODE(path.stat().st_mode) != READ_ONLY:
        found.append(
            warning(PUBLISHED, f"{path} can be written to, though it is replaced whole.", f"chmod 444 '{path}'")
        )
    if current is not None and current != held:
        found.append(warning(PUBLISHED, "it is behind the working one.", "strava-pipeline compact      # publishes it"))
    return found or [ok(PUBLISHED, "readable" + (", equal to the working one" if current else ""))]
