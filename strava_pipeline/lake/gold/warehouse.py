"""The working warehouse: one DuckDB file, one writer at a time, opened once for each hold of the lock.

Opening costs 10 ms of CPU, the first time 30: a nested `reading` or `writing` in the same thread uses the open
connection. Readers of the snapshot never come here. A file of another catalogue is not written, but rebuilt from bronze.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.tables import TABLES, catalogue_version
from strava_pipeline.environment.file_locks import is_open_in_duckdb
from strava_pipeline.lake.gold.notes import (
    ASKING,
    DUE,
    MADE,
    HasWorkError,
    mark_changed,
    note,
    noted,
)
from strava_pipeline.lake.gold.notes import Connection as Connection
from strava_pipeline.lake.gold.sessions import (
    IN_USE,
    INTERRUPTIBLE,
    STORAGE_VERSION,
    WITHOUT_CACHE,
    another_program,
    first_line,
    instance,
    interruptible,
    is_of_a_file,
)
from strava_pipeline.lake.locks import locked, try_locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import literal, view_statements, views_version

T = TypeVar("T")
REBUILDING = f"{DUE}everything"  # the mark of a warehouse that does not hold everything in bronze
_VIEWS = f"{MADE}views"  # of their version
_NOTES = 2  # the version of the names of notes
_LOCK = "warehouse"
_PATIENCE = 20  # seconds to wait for a program that holds the file without our lock, such as DuckDB's shell
NAME = "strava"  # of an attached warehouse: what readers' sessions call the published one, by its file's name
_ROW_GROUP = 30_720  # rows that are compressed together, in memory; DuckDB's own is 122,880, five of them at once
NEW_FILE = (f"STORAGE_VERSION '{STORAGE_VERSION}'", f"ROW_GROUP_SIZE {_ROW_GROUP}")  # options, if the file is a new one
_HELD = 32_000_000  # bytes that a transaction may hold in memory: 25,000 activities of 1.3 KB
_KEPT = "32MB"  # of it when it was put on disk


class OtherCatalogueError(PipelineError):
    """The warehouse has other tables than the catalogue: it has to be rebuilt from bronze."""


class DamagedWarehouseError(PipelineError):
    """The warehouse's file isn't a valid database: it has to be rebuilt from bronze."""


class _Open(threading.local):
    """The connection of each file that is open in this thread; by thread, because a working warehouse's lock is held by one."""

    def __init__(self) -> None:
        self.connections: dict[Path, Connection] = {}


_OPEN = _Open()


@contextmanager
def shared_by_thread(path: Path, opening: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
    """The connection to a file: the one that this thread has open in an outer body, or else a new one from `opening`."""
    if (connection := _OPEN.connections.get(path)) is not None:
        yield connection
        return
    with opening() as connection:
        _OPEN.connections[path] = connection
        try:
            yield connection
        finally:
            del _OPEN.connections[path]


@contextmanager
def writing(lake: Lake) -> Iterator[Connection]:
    """A transaction on the working warehouse: committed when the body ends, rolled back when it raises."""
    with reading(lake) as connection:
        lake.was_made.touch()
        with transaction(connection):
            yield connection


@contextmanager
def transaction(connection: Connection, *, is_kept: bool = True) -> Iterator[None]:
    """All of the body or nothing: rolled back if it raises, as the connection may stay in use.

    Without `is_kept` it is always rolled back: the body only finds out what it would do.
    """
    if ASKING.is_on:  # within the question's own
        yield
        return
    connection.execute("BEGIN TRANSACTION")
    try:
        with interruptible(connection):  # inside: an interrupted connection can't roll back yet
            yield
            connection.execute("COMMIT" if is_kept else "ROLLBACK")
    except BaseException:
        with suppress(duckdb.Error):  # what DuckDB has rolled back itself
            connection.execute("ROLLBACK")
        raise


def is_due(connection: Connection, step: Callable[[], object]) -> bool:
    """Whether a step would change the warehouse. It is run up to its first change, and nothing of it is kept."""
    with suppress(HasWorkError), transaction(connection, is_kept=False):
        was_on, ASKING.is_on = ASKING.is_on, True
        try:
            step()
        finally:
            ASKING.is_on = was_on
        return False
    return True


@contextmanager
def reading(lake: Lake) -> Iterator[Connection]:
    """The working warehouse, for reading. Holds the same lock, because DuckDB admits no other process during a write."""
    with shared_by_thread(lake.working, partial(_opened_exclusively, lake)) as connection:
        yield connection


@contextmanager
def _opened_exclusively(lake: Lake) -> Iterator[Connection]:
    with exclusively(lake), opened(lake) as connection:
        yield connection


@contextmanager
def opened(lake: Lake) -> Iterator[Connection]:
    """The working warehouse, for a caller that holds it `exclusively` and needs the closed file afterwards."""
    try:
        with instance(spill_folder(lake.working)) as own:
            connection = connect(lake.working, own, after_another=has_ever_existed(lake))
            with closing(connection), interruptible(connection):
                yield connection
    except duckdb.Error as error:
        if not (is_of_a_file(error) or isinstance(error, duckdb.TransactionException)):
            raise
        raise PipelineError(
            f"The working warehouse {lake.working} can't be read or written ({first_line(error)}). Nothing of the step "
            "at hand was kept, everything before it was. If the disk is full, free some space and run the same command "
            f"again. If that does not help, delete {lake.working.parent}: it is rebuilt from bronze, without a call."
        ) from error


def has_ever_existed(lake: Lake) -> bool:
    """Whether there was ever a working warehouse, or something that requires one: a snapshot, details on disk."""
    return lake.was_made.exists() or lake.snapshot.exists() or lake.details.exists()


@contextmanager
def exclusively(lake: Lake) -> Iterator[None]:
    """Hold the working warehouse while nobody has it open: for copying or replacing the file."""
    with locked(lake, _LOCK):
        yield


@contextmanager
def at_rest(lake: Lake, *, patience: float) -> Iterator[bool]:
    """`exclusively`, or not at all: yields False if a run still holds it after `patience` seconds."""
    with try_locked(lake, _LOCK, patience=patience) as free:
        yield free


def connect(path: Path, own: Connection | None = None, *, after_another: bool = False) -> Connection:
    """Open a warehouse file, and create it if needed. Sessions run in UTC, whatever the host's zone.

    `own`: the instance to which it is attached, else a new one that ends with the connection. `after_another`: an
    earlier one was lost or set aside, so a new file is marked as incomplete until the rebuild has ended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.exists() and _is_held(path)):
        # Left by a killed process. Before opening: what its log holds is replayed then, and DuckDB may put it there.
        shutil.rmtree(spill_folder(path), ignore_errors=True)
    connection = _open(path, own)
    try:
        _prepare(connection, path, after_another=after_another)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Connection, path: Path, *, after_another: bool) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET write_buffer_row_group_count = 1")  # a full one is written at once
    try:
        known = _notes_of(connection)
    except duckdb.Error as error:  # it opened, because its pages are read when they are asked for
        raise _damaged(path, error) from error
    if not known:
        with transaction(connection):
            if known is None:
                make_tables(connection)
            _begin(connection, after_another=after_another)
    elif known.get("catalogue") != version():
        raise OtherCatalogueError(
            f"The working warehouse {path} was made by another version of the tables. The next run rebuilds it from "
            "what is on disk, without a call: `strava-pipeline flow`, or `compact` for that alone."
        )
    elif known.get(_VIEWS) != views_version():
        with transaction(connection):
            make_views(connection)
            note(connection, _VIEWS, views_version())
            mark_changed(connection)


def _open(path: Path, own: Connection | None = None) -> Connection:
    try:
        for attempt in Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, duckdb.Error) and _is_in_use(path, error)),
            stop=stop_after_delay(_PATIENCE),
            wait=wait_random(0.1, 0.5),
            reraise=True,
        ):
            with attempt:
                return _attached(path, own)
    except duckdb.Error as error:
        if _is_in_use(path, error):
            raise PipelineError(
                f"The working warehouse {path} can't be opened. If {another_program(error)} has it open, close it there: the "
                "published snapshot one folder up is the one to query."
            ) from error
        _judge(path, error)
    raise AssertionError("tenacity either returns or raises")


def _attached(path: Path, own: Connection | None) -> Connection:
    """The file attached to an instance in memory: only ATTACH takes the size of row groups."""
    connection = duckdb.connect() if own is None else own.cursor()
    try:
        connection.execute(WITHOUT_CACHE)
        connection.execute(INTERRUPTIBLE)
        connection.execute("SET temp_directory = $folder", {"folder": str(spill_folder(path))})
        attach(connection, path, NAME, *NEW_FILE)
        connection.execute(f"USE {NAME}")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_in_use(path: Path, error: duckdb.Error) -> bool:
    """Whether a file did not open because it is open: in this process, or in another."""
    return isinstance(error, IN_USE) or _is_held(path)


def _is_held(path: Path) -> bool:
    """Whether another process has the file open in DuckDB; OSError if there is no file."""
    return is_open_in_duckdb(path, for_writing=False)


def _judge(path: Path, error: duckdb.Error) -> NoReturn:
    """Raise the right error for a file that nobody holds and that did not open: read-only, or damaged."""
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error as second:
        raise _damaged(path, second) from second
    raise PipelineError(
        f"The working warehouse {path} can be read but not written ({first_line(error)}). "
        "Free some space or fix the folder's permissions, and run the same command again."
    ) from error


def _damaged(path: Path, error: duckdb.Error) -> DamagedWarehouseError:
    return DamagedWarehouseError(
        f"The working warehouse {path} is damaged ({first_line(error)}). The next `strava-pipeline flow` rebuilds "
        "it from what is on disk, without a call."
    )


def attach(connection: Connection, path: Path, name: str, *options: str) -> None:
    """Attach another database file as `name`."""
    connection.execute(f"ATTACH {literal(path)} AS {name}" + (f" ({', '.join(options)})" if options else ""))


def read_if_usable(lake: Lake, read: Callable[[Connection], T]) -> T | None:
    """The result of `read` on the working warehouse, or None if it doesn't exist or has to be rebuilt."""
    if not lake.working.exists() or not is_a_database(lake.working):
        return None
    with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
        return read(connection)
    return None


def is_a_database(path: Path) -> bool:
    """Whether a file begins like a DuckDB file: a checksum of 8 bytes, then `DUCK`."""
    with path.open("rb") as file:
        return file.read(12)[8:] == b"DUCK"


def version() -> str:
    """The version of a warehouse: of its catalogue, and of its notes, without which a working one is not gone on with."""
    return f"{catalogue_version()}.{_NOTES}"


def version_of(connection: Connection) -> str | None:
    """The version that made this file, or None without tables."""
    return (_notes_of(connection) or {}).get("catalogue")


def _notes_of(connection: Connection) -> dict[str, str] | None:
    """Every note of the file, or None without tables."""
    try:
        return dict(connection.execute("SELECT key, value FROM lake_meta").fetchall())
    except duckdb.CatalogException:
        return None


def is_outdated(connection: Connection) -> bool:
    """Whether this file has the tables of another version, so that some may be missing."""
    return not is_of_this_catalogue(version_of(connection))


def is_of_this_catalogue(made_by: str | None) -> bool:
    """Whether a file of this version has the tables of the present catalogue."""
    return (made_by or "").partition(".")[0] == catalogue_version()


def has_other_views(connection: Connection) -> bool:
    """Whether this file has the views of another version, possibly with the present tables."""
    return noted(connection, _VIEWS) != views_version()


def one_number(connection: Connection, text: str) -> int:
    """The single number that a statement returns: a count, or how many rows it changed."""
    return int(connection.execute(text).fetchall()[0][0])


def make_views(connection: Connection) -> None:
    """Make all views of the catalogue, in the place of those of any version; within the caller's transaction."""
    ours = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = current_schema()"
    for (name,) in connection.execute(ours).fetchall():
        connection.execute(f"DROP VIEW {name}")
    for statement in view_statements():
        connection.execute(statement)


def make_tables(connection: Connection) -> None:
    """Make all tables and views of the catalogue, without notes; within the caller's transaction. It takes 0.3 s of CPU."""
    for table in TABLES.values():
        connection.execute(f"CREATE TABLE {table.stored} ({table.ddl})")
    connection.execute("CREATE TABLE lake_meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL)")
    make_views(connection)


def _begin(connection: Connection, *, after_another: bool) -> None:
    """The first notes of a new warehouse: its identity, its catalogue, and whether it holds everything."""
    connection.execute(
        "INSERT INTO lake_meta VALUES ('catalogue', $version), ('revision', '0'), ('identity', uuid()::VARCHAR)",
        {"version": version()},
    )
    note(connection, _VIEWS, views_version())
    if after_another:
        note(connection, REBUILDING)


def spill_folder(path: Path) -> Path:
    """DuckDB's folder for data that exceeds its memory; it is emptied when the file is closed."""
    return path.with_name(f"{path.name}.tmp")


def spill(connection: Connection) -> None:
    """Move a large transaction's rows from memory to disk, between two statements.

    The limit holds for this moment only: during a statement it would stop one that needs more memory.
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
