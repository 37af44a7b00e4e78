"""Dagster's records in SQLite: its own storage with connections that stay open and batches that are one transaction.

dagster.yaml names `PipelineStorage` (docs/adr/0034), so every process that opens the instance loads this module: commands, runs,
Dagster's daemon and web server. It must not import the definitions, Polars or DuckDB. Statements, tables and files are
Dagster's: stock Dagster reads what this writes, and the other way round. Opening the instance is verbs/instance.py's.

Storage in Dagster: https://docs.dagster.io/deployment/oss/dagster-yaml
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from inspect import getfile
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster import DagsterEventType, EventLogEntry
from sqlalchemy import Connection, Engine, NullPool, create_engine, inspect
from sqlalchemy.exc import DatabaseError

from strava_pipeline.core.process import keep_files_private
from strava_pipeline.orchestrate.dagster_private import (
    AssetCheckExecutionsTable,
    ConfigurableClassData,
    DagsterSqliteStorage,
    SqlEventLogStorageMetadata,
    SqliteEventLogStorage,
    SqliteRunStorage,
    SqliteScheduleStorage,
    get_alembic_config,
)

_BATCH_SIZE = 1000  # events; more than any run plans
_PAGE = 512  # bytes, the fewest: a quiet run writes 1.3 MB, with SQLite's own 4096 3.2 MB
_LIMIT = 8  # open databases: runs, schedules, the index, the run at work, and some that are read
_BUSY_TIMEOUT = {"timeout": 30}  # seconds to wait for another writer: what Dagster gives its events (its runs only 5)
_LOCK = threading.RLock()  # reentrant: the garbage collector may dispose of an engine inside
_OPEN: dict[tuple[str, int, int], Engine] = {}  # by URL, device and inode; the one unused for longest comes first


def _engine(url: str) -> Engine:
    """The engine of this process for a database: one that stays open, until another file, or none, is at its path.

    A new one per use would compile each statement again, open the file, bring it up to date with its write-ahead log,
    and close it: half the CPU of a small run.
    """
    try:
        status = Path(url.removeprefix("sqlite:///")).stat()
    except OSError:
        return create_engine(url, poolclass=NullPool, connect_args=_BUSY_TIMEOUT)
    key = url, status.st_dev, status.st_ino
    with _LOCK:
        kept = _OPEN.pop(key, None)  # no limit on connections: an interrupt can cost a place in the pool
        _OPEN[key] = kept or create_engine(url, connect_args=_BUSY_TIMEOUT, max_overflow=-1)
        _close_but(_LIMIT)
        return _OPEN[key]


def _close_but(kept: int) -> None:
    """Close all open databases except the most recently used."""
    with _LOCK:
        while len(_OPEN) > kept:
            _OPEN.pop(next(iter(_OPEN))).dispose()


class PipelineStorage(DagsterSqliteStorage):
    """The three storages of one instance, named in dagster.yaml.

    Args:
        base_dir: Dagster's home.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        keep_files_private()  # also in a daemon or web server that no command of ours started
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(_BATCH_SIZE))  # Dagster reads it there at each event
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]  # its own names its own classes
        home = Path(base_dir).expanduser()  # as Dagster expands DAGSTER_HOME itself
        self.base_dir = str(home)
        self._inst_data = inst_data
        self._run_storage = PipelineRuns.from_local(str(home / "history"))
        self._event_log_storage = PipelineEventLog(str(home / "history" / "runs"))
        self._schedule_storage = PipelineSchedules.from_local(str(home / "schedules"))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PipelineStorage":
        """Called by Dagster with the section `config` of dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)


_ENDS = {DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}


class PipelineEventLog(SqliteEventLogStorage):
    """The event log: a database for each run and an index of all. Nested uses of one database join its transaction."""

    def __init__(self, base_dir: str) -> None:
        self._turn = threading.RLock()  # of one thread; Dagster's own lock can't be taken twice
        self._joinable: dict[str, Connection] = {}
        super().__init__(base_dir)

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event in the run's database and what belongs to it in the index: both, or neither."""
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events by Dagster's statements, those of one run in one transaction of each database: all, or none.

        A check that a run did not reach keeps its last result: Dagster would show it as failed, or as skipped.
        """
        checks = AssetCheckExecutionsTable
        for run_id, of_one_run in groupby(events, key=attrgetter("run_id")):
            with self.index_connection() as index, self.run_connection(run_id):
                for event in of_one_run:
                    super().store_event(event)
                    if event.dagster_event_type in _ENDS:
                        unreached = (checks.c.run_id == run_id) & (checks.c.execution_status == "PLANNED")
                        index.execute(checks.delete().where(unreached))
            os.utime(self.path_for_shard(run_id))  # the UI waits for it: the output is in the log next to it

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._turn:
            outer = self._joinable.get(shard)
            if outer is not None and not outer.closed:
                yield outer
                return
            url = self.conn_string_for_shard(shard)
            if shard not in self._initialized_dbs:
                self._initdb(_engine(url))
                self._initialized_dbs.add(shard)
            with _engine(url).begin() as connection:
                try:
                    self._joinable[shard] = connection
                    yield connection
                finally:
                    self._joinable.pop(shard, None)

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Create a new database's contents in one transaction. A database with tables but no revision is Dagster's to judge.

        One that names its revision is not checked for a newer one: that takes Dagster 20 ms each time.
        """
        with suppress(DatabaseError), engine.connect() as connection:  # Dagster then tries again, some ten times
            if not inspect(connection).get_table_names():
                # a commit writes whole pages, most of them for a row
                connection.exec_driver_sql(f"PRAGMA page_size={_PAGE}")
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # another process may be about to do the same
                if not inspect(connection).get_table_names():
                    SqlEventLogStorageMetadata.create_all(connection)
                    MigrationContext.configure(connection).stamp(_migrations(), "head")
                connection.commit()
            if connection.exec_driver_sql("SELECT 1 FROM alembic_version").first():
                return
        super()._initdb(engine, for_index_shard)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has it, which Dagster asks at each event of an asset."""
        with self.index_connection() as connection:
            return inspect(connection).has_table(table_name)

    def dispose(self) -> None:
        """Close every database: Dagster disposes of the event log last, and never of the schedules."""
        super().dispose()  # first: watchers of a run's events query the databases until then
        _close_but(0)


@cache
def _migrations() -> ScriptDirectory:
    """The migrations of Dagster's event log."""
    return ScriptDirectory.from_config(get_alembic_config(getfile(SqliteEventLogStorage)))


class _OnKeptEngine:
    """The connections of a storage that is one database."""

    _conn_string: str

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection inside a transaction."""
        with _engine(self._conn_string).begin() as connection:
            yield connection


class PipelineRuns(_OnKeptEngine, SqliteRunStorage):
    """Runs, their tags, backfills and the daemon's heartbeats, in one database."""


class PipelineSchedules(_OnKeptEngine, SqliteScheduleStorage):
    """Ticks and states of schedules and sensors, in one database."""
