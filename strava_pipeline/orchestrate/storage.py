"""Dagster's records in SQLite: its own storage with connections that stay open and batches that are one transaction.

dagster.yaml names `PipelineStorage` (docs/adr/0034), so every process that opens the instance loads this module: commands, runs,
Dagster's daemon and web server. It must not import the definitions, Polars or DuckDB. Statements, tables and files are
Dagster's: stock Dagster reads what this writes, and the other way round. Opening the instance is verbs/instance.py's.

Storage in Dagster: https://docs.dagster.io/deployment/oss/dagster-yaml
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster import DagsterInstance, EventLogEntry
from sqlalchemy import Connection, Engine, create_engine, inspect
from sqlalchemy.exc import DatabaseError
from watchdog.events import FileSystemEvent
from watchdog.observers import Observer

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.process import keep_files_private
from strava_pipeline.orchestrate.dagster_private import (
    INDEX_SHARD_NAME,
    ConfigurableClassData,
    DagsterSqliteStorage,
    EventHandlerFn,
    SqlEventLogStorageMetadata,
    SqliteEventLogStorage,
    SqliteEventLogStorageWatchdog,
    SqliteRunStorage,
    SqliteScheduleStorage,
    create_db_conn_string,
    get_alembic_config,
    sqlite_event_log,
)

BATCH_SIZE = 1000  # events; more than any run plans
_SETTLING = 0.2  # seconds: a write-ahead log is written, then flushed to the disk, and only then read by others


class OtherHomeError(PipelineError):
    """An instance is opened whose records would be kept in another folder."""


class PipelineStorage(DagsterSqliteStorage):
    """What dagster.yaml names: the three storages of one instance, which share their open databases.

    Args:
        base_dir: Dagster's home. It must exist.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        home = Path(base_dir).expanduser().absolute()  # as Dagster expands DAGSTER_HOME itself
        if not home.is_dir():
            raise OtherHomeError(
                f"Dagster's home {home} is no folder. Set DAGSTER_HOME to the folder that holds dagster.yaml."
            )
        keep_files_private()  # in a daemon or web server, too, that no command of ours started
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(BATCH_SIZE))  # Dagster reads it there at each event
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]  # its own names its own classes
        engines = Engines()
        self.base_dir = str(home)
        self._inst_data = inst_data
        self._run_storage = PipelineRuns(home / "history", engines)
        self._event_log_storage = PipelineEventLog(home, engines)
        self._schedule_storage = PipelineSchedules(home / "schedules", engines)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "PipelineStorage":
        """For Dagster, which calls this with what dagster.yaml says under `config`."""
        return cls(inst_data=inst_data, **config_value)


class PipelineEventLog(SqliteEventLogStorage):
    """The event log: a database for each run and an index of all. Nested uses of one database join its transaction."""

    def __init__(self, home: Path, engines: "Engines") -> None:
        self._home = home
        self._engines = engines
        self._turn = threading.RLock()  # of one thread; Dagster's own lock can't be taken twice
        self._joinable: dict[str, Connection] = {}
        self._in_shard: dict[int, EventLogEntry] = {}  # by id(): the run's database has them, the index does not
        super().__init__(str(home / "history" / "runs"))

    def register_instance(self, instance: DagsterInstance) -> None:
        """Refuse to keep the records of another home: DAGSTER_HOME decides where we are, and it may name the wrong one."""
        home = Path(
            instance.root_directory
        )  # a user's own local_artifact_storage may lie anywhere, without a dagster.yaml
        if (home / "dagster.yaml").exists() and not home.samefile(self._home):
            raise OtherHomeError(
                f"The Dagster instance in {home} would keep its records in {self._home}, because DAGSTER_HOME or its "
                f"dagster.yaml names that folder. Set DAGSTER_HOME={home}, or leave base_dir in dagster.yaml as it was."
            )
        super().register_instance(instance)

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event in the run's database and what belongs to it in the index: both, or neither."""
        self._store([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events, those of one run in one transaction of each database: all of them, or none."""
        for _, of_one_run in groupby(events, key=attrgetter("run_id")):
            self._store(list(of_one_run))

    def _store(self, events: Sequence[EventLogEntry]) -> None:
        """Dagster's statements for each event, inside a transaction of both databases.

        Where only the second commit fails, Dagster stores the same events again, one by one: the run's database is then
        left as it is, so that nothing is there twice.
        """
        with self.index_connection():
            with self.run_connection(events[0].run_id) as shard:
                for event in events:
                    super().store_event(event)
                if id(events[0]) in self._in_shard:
                    shard.rollback()
            self._in_shard.update((id(event), event) for event in events)
        for event in events:
            self._in_shard.pop(id(event), None)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._turn:
            outer = self._joinable.get(shard)
            if outer is not None and not outer.closed:
                yield outer
                return
            url = self.conn_string_for_shard(shard)
            if shard not in self._initialized_dbs:  # new to this process, or wiped: a file of that name may be gone
                self._engines.forget(url)
                self._initdb(self._engines.engine(url))
                self._initialized_dbs.add(shard)
            with self._engines.engine(url).begin() as connection:
                try:
                    self._joinable[shard] = connection
                    yield connection
                finally:
                    self._joinable.pop(shard, None)

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Create what a new database needs in one transaction. What has tables and no revision is Dagster's to judge."""
        if _is_stamped(engine):
            return
        with suppress(DatabaseError), engine.connect() as connection:  # Dagster then tries again, some ten times
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # another process may be about to do the same
            if not inspect(connection).get_table_names():
                SqlEventLogStorageMetadata.create_all(connection)
                MigrationContext.configure(connection).stamp(_migrations(), "head")
            connection.commit()
        if not _is_stamped(engine):
            super()._initdb(engine, for_index_shard)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has it."""
        return inspect(self._engines.engine(self.conn_string_for_shard(INDEX_SHARD_NAME))).has_table(table_name)

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """Call back with each new event of a run, as the UI's page of it does."""
        observer: Any = self._obs or Observer()
        if self._obs is None:
            self._obs = observer
            observer.start()
        watcher = _Watcher(self, run_id, callback, cursor)
        self._watchers[run_id][callback] = (watcher, observer.schedule(watcher, self._base_dir, recursive=True))

    def dispose(self) -> None:
        """Close every database of the instance: Dagster disposes of the event log last, and never of the schedules."""
        super().dispose()  # first: who watches a run's events looks until then
        self._engines.dispose()


class _Watcher(SqliteEventLogStorageWatchdog):
    """Looks also when the write-ahead log grows: where connections stay open, the database's own file seldom changes."""

    @property
    def patterns(self) -> list[str]:
        """The files whose changes are looked at."""
        return [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, event: FileSystemEvent) -> None:
        """Pass the new events on."""
        if event.src_path != self._log_path:
            time.sleep(_SETTLING)
        self._process_log()


class _OnKeptEngine:
    """The connections of a storage that is one database."""

    _engines: "Engines"
    _conn_string: str

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection inside a transaction."""
        with self._engines.engine(self._conn_string).begin() as connection:
            yield connection


class PipelineRuns(_OnKeptEngine, SqliteRunStorage):
    """Runs, their tags, backfills and the daemon's heartbeats, in one database."""

    def __init__(self, folder: Path, engines: "Engines") -> None:
        url = create_db_conn_string(str(folder), "runs")
        if not (folder / "runs.db").exists() or not _is_stamped(engines.engine(url), "runs", "instance_info"):
            SqliteRunStorage.from_local(str(folder))
        self._engines = engines
        super().__init__(url)


class PipelineSchedules(_OnKeptEngine, SqliteScheduleStorage):
    """Ticks and states of schedules and sensors, in one database."""

    def __init__(self, folder: Path, engines: "Engines") -> None:
        url = create_db_conn_string(str(folder), "schedules")
        if not (folder / "schedules.db").exists() or not _is_stamped(engines.engine(url), "job_ticks"):
            SqliteScheduleStorage.from_local(str(folder))
        self._engines = engines
        super().__init__(url)


def _is_stamped(engine: Engine, *tables: str) -> bool:
    """Whether a database has these tables and names a revision. Which one is the newest takes Dagster 20 ms to find out."""
    with engine.connect() as connection:
        if not {"alembic_version", *tables} <= set(inspect(connection).get_table_names()):
            return False
        return connection.exec_driver_sql("SELECT 1 FROM alembic_version").first() is not None


@cache
def _migrations() -> ScriptDirectory:
    """Those of Dagster's event log."""
    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


_LIMIT = 8  # open databases: runs, schedules, the index, the run at work, and some that are read
_BUSY_TIMEOUT = 30  # seconds to wait for another writer: what Dagster gives its event log (its runs only have 5)


class Engines:
    """The SQLAlchemy engines of one Dagster instance, by URL, until `dispose`. The one unused for longest is closed first.

    An engine per use would compile each statement again, open each file, bring it up to date with its write-ahead log, and
    close it: half the CPU of a small run.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: the garbage collector may dispose of an engine inside
        self._databases: OrderedDict[str, _Database] = OrderedDict()

    def engine(self, url: str) -> Engine:
        """The open engine; a new one where another file, or none, is at the database's path by now."""
        with self._lock:
            if url in self._databases and self._databases[url].has_moved():
                self.forget(url)
            if url not in self._databases:
                if len(self._databases) >= _LIMIT:
                    self.forget(next(iter(self._databases)))
                # no limit on connections: an interrupt can cost a place in the pool
                self._databases[url] = _Database(
                    create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT}, max_overflow=-1)
                )
            self._databases.move_to_end(url)
            return self._databases[url].engine

    def forget(self, url: str) -> None:
        """Close a database, whatever is at its path by now."""
        with self._lock:
            database = self._databases.pop(url, None)
        if database is not None:
            database.engine.dispose()

    def dispose(self) -> None:
        """Close all of them. The next use opens what it needs."""
        with self._lock:
            while self._databases:
                self._databases.popitem()[1].engine.dispose()


@dataclass(slots=True)
class _Database:
    """An engine, and which file it has open: device and inode, once there is one."""

    engine: Engine
    file: tuple[int, int] | None = None

    def has_moved(self) -> bool:
        """Whether the file was moved, deleted or replaced: nobody would find what is written to it."""
        try:
            status = Path(str(self.engine.url.database)).stat()
        except OSError:
            return self.file is not None
        present = (status.st_dev, status.st_ino)
        self.file = self.file or present
        return self.file != present
