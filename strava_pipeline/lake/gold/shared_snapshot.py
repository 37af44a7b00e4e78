"""The snapshot for a program that answers many requests: opened once, a cursor per request, reopened after a replacement.

Opening it costs a hundred times as much as a cursor. By its path alone DuckDB would not open a new file while anybody
still reads the old one: within a process it hands out the database that it has open. So the file is attached to a
database in memory. After queries DuckDB keeps some 60 MB that it has freed, which are given back after a second without
requests. Open, it takes 20 MB, so it is closed after a minute without requests.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import duckdb

from strava_pipeline.core.errors import NothingPublishedError, PipelineError, UnusableSnapshotError
from strava_pipeline.lake.gold.insights import EVERYTHING
from strava_pipeline.lake.gold.publish import damage_named, damaged, refuse_other_version, snapshot_file
from strava_pipeline.lake.gold.sessions import WITHOUT_CACHE
from strava_pipeline.lake.gold.warehouse import NAME, Connection, attach, make_tables
from strava_pipeline.lake.paths import Lake

_REST = 1.0  # seconds without a reader until freed memory is given back, which takes 5 ms of CPU
_IDLE = 60.0  # seconds without a reader until it is closed; opening it again takes some 60 ms
File = tuple[int, int, int]
_COUNT = f"CREATE TABLE memory.main.counted AS SELECT * FROM {EVERYTHING}"
_COUNTED = "CREATE TEMP VIEW counted_activities AS SELECT * FROM memory.main.counted"
"""Planning the view of counted activities takes 30 ms in each query of each page, so it is made once for all cursors."""


class SharedSnapshot:
    """The snapshot of a data folder, for the threads of one process. A forked process makes its own."""

    def __init__(self, lake: Lake) -> None:
        self._lake, self._lock = lake, threading.Lock()
        self._open: tuple[File, Connection] | None = None
        self._empty: Connection | None = None
        self._refused: tuple[File, str] | None = None  # one of another version, and the error about it
        self._used_at = 0.0  # by the steady clock
        self._limit = ""  # of memory, DuckDB's own default
        self._is_watched = self._is_resting = False

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """The present snapshot, read-only and in UTC; it stays the same for the body. Raises as `insights_snapshot` does."""
        yield from self._used(self._cursor())

    @contextmanager
    def reader_or_empty(self) -> Iterator[Connection]:
        """The same; if nothing was published yet, all tables and views without a row. Raises UnusableSnapshotError."""
        try:
            connection = self._cursor()
        except NothingPublishedError:
            connection = self._empty_cursor()
        yield from self._used(connection)

    def _used(self, connection: Connection) -> Iterator[Connection]:
        try:
            with damage_named(self._lake):
                connection.execute(f"USE {NAME}")
                connection.execute("SET TimeZone = 'UTC'")
                with suppress(duckdb.CatalogException):  # of a damaged one: see `_attached`
                    connection.execute(_COUNTED)
                yield connection
        finally:
            connection.close()
            self._give_back_later()

    def _empty_cursor(self) -> Connection:
        with self._lock:
            self._watch()
            if self._empty is None:
                connection = duckdb.connect(":memory:", config={"threads": 1})
                connection.execute(f"ATTACH ':memory:' AS {NAME}")
                connection.execute(f"USE {NAME}")
                make_tables(connection)
                connection.execute(_COUNT)
                self._empty = connection
            return self._empty.cursor()

    def _cursor(self) -> Connection:
        with self._lock:
            self._watch()
            try:
                found = snapshot_file(self._lake).stat()
            except (PipelineError, FileNotFoundError):
                self._open = None  # what was purged is not kept on disk by a handle
                raise
            file = (found.st_dev, found.st_ino, found.st_mtime_ns)
            if self._refused is not None and self._refused[0] == file:
                raise UnusableSnapshotError(self._refused[1])
            if self._open is None or self._open[0] != file:
                # the old one is not closed here, which would close its cursors: it goes with the last of them
                self._open = (file, self._attached(file))
            return self._open[1].cursor()

    def _attached(self, file: File) -> Connection:
        connection = duckdb.connect(":memory:", config={"threads": 1})  # as `insights_snapshot`, for many small queries
        ((self._limit,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
        connection.execute(WITHOUT_CACHE)  # files of tracks are written again while this stays open
        try:
            attach(connection, self._lake.snapshot, NAME, "READ_ONLY")
            connection.execute(f"USE {NAME}")
            refuse_other_version(connection)
        except duckdb.Error as error:
            connection.close()
            raise damaged(self._lake, error) from error
        except UnusableSnapshotError as error:
            connection.close()
            self._refused = (file, str(error))
            raise
        with suppress(duckdb.Error):  # damage, which users of the view will meet
            connection.execute(_COUNT)
        return connection

    def _watch(self) -> None:
        self._used_at = time.monotonic()
        if not self._is_watched:
            self._is_watched = True
            _after(_IDLE, self._close_if_idle)

    def _close_if_idle(self) -> None:
        """Readers at work continue: a database closes with the last cursor on it."""
        with self._lock:
            if (left := self._used_at + _IDLE - time.monotonic()) > 0:
                _after(left, self._close_if_idle)
                return
            self._open = self._empty = None
            self._is_watched = False
        _trim()

    def _give_back_later(self) -> None:
        with self._lock:
            is_resting, self._is_resting = self._is_resting, True
        if not is_resting:
            _after(_REST, self._give_back)

    def _give_back(self) -> None:
        """Make DuckDB release freed memory, which it does when it gets a memory limit, even the present one."""
        with self._lock:
            if (left := self._used_at + _REST - time.monotonic()) > 0:
                _after(left, self._give_back)
                return
            self._is_resting = False
            if self._open is not None:
                with suppress(duckdb.Error):  # a query at work holds more
                    self._open[1].execute(f"SET memory_limit = '{self._limit}'")
        _trim()


def _trim() -> None:
    with suppress(AttributeError):  # only glibc has it, and keeps what was freed without it
        ctypes.CDLL(None).malloc_trim(0)


def _after(seconds: float, action: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
