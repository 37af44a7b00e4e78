"""What DuckDB's connections need from us: interrupts that end a query, what a statement may reach, memory given back in between.

Opening the warehouse and its transactions stand in warehouse.py.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb

Connection = duckdb.DuckDBPyConnection
_HELD = 64_000_000  # bytes that a transaction may hold in memory: 50,000 activities of 1.3 KB
_KEPT = "32MB"  # of it when it was put on disk


@contextmanager
def interruptible(connection: Connection) -> Iterator[None]:
    """An interrupt during a query ends the body as what it is. DuckDB 1.5.5 raises a RuntimeError in its place.

    It also keeps the file locked after `close`, and the next connection to it in this process waits for ever, until
    one more statement has been executed.
    """
    try:
        yield
    except RuntimeError as error:
        interrupt = error.__cause__
        if interrupt is None or isinstance(interrupt, Exception):
            raise
        connection.interrupt()
        with suppress(duckdb.Error):
            connection.execute("SELECT 1")
        raise interrupt from None


def confine(connection: Connection) -> None:
    """For statements of a person or of a page: no file, no network, no variable of this process, and no setting changes that.

    Without external access DuckDB 1.5.5 still writes over the file that is open, read-only or not, and over its log: so no
    file system either, which a query that is larger than memory would need.
    """
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false")  # first: it can't be set without a file system
    connection.execute("SET disabled_filesystems = 'LocalFileSystem'")
    connection.execute("SET lock_configuration = true")


def spilled(path: Path) -> Path:
    """Where DuckDB puts what it has no memory for, and takes it away again when the file is closed."""
    return path.with_name(f"{path.name}.tmp")


def spill(connection: Connection) -> None:
    """Between two statements of a transaction that writes much: have what it holds in memory put on disk, if that is a lot.

    The limit stands for this moment only: in force during a statement, it would stop one that needs more than it.
    """
    held, limit = connection.execute(
        "SELECT sum(memory_usage_bytes), current_setting('memory_limit') FROM duckdb_memory()"
    ).fetchall()[0]
    if held < _HELD:
        return
    with closing(connection.cursor()) as beside:  # what fails here ends no transaction of the connection's
        with suppress(duckdb.OutOfMemoryException, duckdb.IOException):  # a full disk: it stays in memory
            beside.execute(f"SET memory_limit = '{_KEPT}'")
        beside.execute(f"SET memory_limit = '{limit}'")
        # What is read above is cut to a tenth of a GiB, so that each time would lower it. DuckDB 1.5.5 shows its own limit
        # again after RESET, and keeps to the one that was set: RESET instead of SET would leave 32 MB in force.
        beside.execute("RESET memory_limit")
