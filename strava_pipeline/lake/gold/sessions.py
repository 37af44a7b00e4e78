"""Common parts of every DuckDB session, whichever file it has open: an instance, settings, interrupts, and errors.

Written for DuckDB 1.5.6 and 2.0.1. No file is opened here.
"""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

WITHOUT_CACHE = "SET enable_external_file_cache = false"
"""DuckDB 1.5.6 caches parts of the files that it reads, and used them for a file written in the same place a moment
later: rows on their way into the warehouse (merge.py) were not those that had been staged.
"""
INTERRUPTIBLE = "SET scheduler_process_partial = true"
"""DuckDB 2.0.1 notices Ctrl-C only between two parts of a query that the main thread itself works on: never, if its
other threads got all of it. This cuts the work into small parts, at no measurable cost in CPU.
"""
STORAGE_VERSION = "v1.0.0"
"""For new files; a file keeps its own. DuckDB 1.5.6 does the same by itself, 2.0.1 would write files that only 2.0 opens."""
IN_USE = (duckdb.BinderException, getattr(duckdb, "ResourceInUseException", duckdb.BinderException))
"""Raised by DuckDB 1.5.6, and 2.0.1, if this process has the file open already."""
_SETTINGS = ", ".join(
    f"current_setting('{name}')" for name in ("threads", "memory_limit", "wal_autocheckpoint", "lock_configuration")
)  # settings of an instance, not of a connection: those that our code changes
_ATTACHED = "SELECT database_name FROM duckdb_databases() WHERE NOT internal AND database_name <> 'memory'"
_IDLE: list[duckdb.DuckDBPyConnection] = []
os.register_at_fork(before=_IDLE.clear)  # a child would have the instance without its threads
_OF_A_FILE = (duckdb.IOException, duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)


@contextmanager
def instance(spills: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory instance of DuckDB, for a body that attaches files by a cursor of it, which it closes.

    Creating one takes 18 ms of CPU, attaching a file 2. So the process keeps the last one whose body ended well,
    detached from every file, if its settings are the same and it did not use `spills`, its temporary folder, which
    lives as long as it.
    """
    try:
        own = _IDLE.pop()
    except IndexError:
        own = duckdb.connect()
    is_kept = False
    try:
        before = own.execute(f"SELECT {_SETTINGS}").fetchall()
        yield own
        with suppress(duckdb.Error), interruptible(own):  # such as a full disk: committed data stand in the file's log
            for (name,) in own.execute(_ATTACHED).fetchall():
                own.execute(f'DETACH "{name}"')
            is_kept = not spills.exists() and own.execute(f"SELECT {_SETTINGS}").fetchall() == before
    finally:
        if is_kept:
            _IDLE[:] = [own]
        else:
            own.close()


@contextmanager
def interruptible(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Raise an interrupt during a query as itself. DuckDB raises a RuntimeError in its place; 2.0.1 without the cause.

    DuckDB 1.5.6 also keeps the file locked after `close`, and the next connection in this process waits for ever, until another
    statement has been executed.
    """
    try:
        yield
    except RuntimeError as error:
        if type(error) is not RuntimeError or str(error) != "Query interrupted":
            raise
        connection.interrupt()
        with suppress(duckdb.Error):
            connection.execute("SELECT 1")
        if error.__cause__ is None:
            signal.raise_signal(signal.SIGINT)  # its handler raises the right exception again
        raise error.__cause__ or KeyboardInterrupt from None


def confine(connection: duckdb.DuckDBPyConnection) -> None:
    """Confine a person's or a page's statements: no file, no network, no variable of this process, and no way to change that.

    Without external access DuckDB 1.5.6 can still overwrite the open file, read-only or not, and its log. So the file
    system is disabled, too, which a query larger than memory would need.
    """
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")  # first: it can't be set without a file system
    connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
    connection.execute("SET lock_configuration = true")


def is_of_a_file(error: duckdb.Error) -> bool:
    """Whether an error is about a file (damaged, cut off, a full disk) and not about a statement.

    DuckDB 2.0.1 has no own type for a page with a wrong checksum.
    """
    return isinstance(error, _OF_A_FILE) or type(error) is duckdb.Error


def another_program(error: duckdb.Error) -> str:
    """What may have a file open, by its number where DuckDB names one."""
    found = re.search(r"PID \d+", str(error))
    return f"another program ({found[0] if found else 'DuckDB’s shell, a notebook'})"


def first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
