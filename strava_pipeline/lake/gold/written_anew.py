"""Rewriting a warehouse's file without deleted data: DuckDB keeps the bytes of deleted rows in free blocks.

A permanent deletion first records that on disk. The next publish then rewrites the working file, copies it to its
readers, and removes the record last. If a process dies in between, the next publish continues.
"""

import os
import stat
from pathlib import Path

from strava_pipeline.lake.files import sync_folder, write_whole
from strava_pipeline.lake.gold.activity_list import LIST_NOTE, LIST_TABLES
from strava_pipeline.lake.gold.notes import is_noted
from strava_pipeline.lake.gold.warehouse import NAME, NEW_FILE, REBUILDING, Connection, attach, opened, transaction
from strava_pipeline.lake.paths import Lake, log_of

_ANEW = "anew"  # the new file, attached
_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = $database"


def note_deletion_for_good(lake: Lake) -> None:
    """Make the next publish rewrite the files. Hold the warehouse from here until the deletion is committed."""
    write_whole(lake.deleted_for_good, b"")


def write_anew(lake: Lake) -> None:
    """Replace the working warehouse by a copy of its tables, views, macros, sequences and comments, durably.

    Hold it `exclusively`. The tables that each publish fills are left empty. A half rebuilt warehouse stays as it is,
    because nobody will see it. If copying fails, the warehouse stays as it is, too, and PipelineError is raised.
    """
    old, new = lake.working, lake.working.with_name(f".{lake.working.name}.tmp")
    _discard(new)
    try:
        with opened(lake) as connection:
            if is_noted(connection, REBUILDING):
                return
            attach(connection, new, _ANEW, *NEW_FILE)
            _copy(connection)
        new.chmod(stat.S_IMODE(old.stat().st_mode))
        with new.open("rb") as file:
            os.fsync(file.fileno())
        log_of(old).unlink(missing_ok=True)  # the old file's log must never be replayed into the new one
        new.replace(old)
    finally:
        _discard(new)
    sync_folder(old.parent)


def _copy(connection: Connection) -> None:
    for setting in ("threads = 1", "preserve_insertion_order = true", "wal_autocheckpoint = '1KB'"):
        connection.execute(f"SET {setting}")  # several threads, or a log of the new file, would take a third more CPU
    connection.execute(f"COPY FROM DATABASE {NAME} TO {_ANEW} (SCHEMA)")
    with transaction(connection):
        for (table,) in connection.execute(_TABLES, {"database": NAME}).fetchall():
            if table not in LIST_TABLES:
                connection.execute(f'INSERT INTO {_ANEW}."{table}" FROM {NAME}."{table}"')
        connection.execute(f"DELETE FROM {_ANEW}.lake_meta WHERE key = $note", {"note": LIST_NOTE})


def _discard(new: Path) -> None:
    """Delete the remains of a new file after a dead process or a full disk."""
    for left in (new, log_of(new)):
        left.unlink(missing_ok=True)
