"""Dagster's SQLite databases through connections that stay open as long as the instance does (docs/adr/0032).

Dagster makes an engine for every look at them: each statement is compiled anew, each file opened, brought up to date with
its write-ahead log, and closed again. That was half the CPU of a small run. What is asked and kept is the same.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS as _PATIENCE
from sqlalchemy import Connection, Engine, create_engine, inspect

_AT_ONCE = 8  # databases of one storage: the index, the run at work, and some that are read
_one_at_a_time = threading.RLock()  # again in a thread: what is collected within may dispose of its own
# by storage, by URL; last looked at last
_kept: "WeakKeyDictionary[Any, OrderedDict[str, _Database]]" = WeakKeyDictionary()


@cache
def keep_connections() -> None:
    """Have every instance of this process keep its connections until it is disposed."""
    events: Any = SqliteEventLogStorage
    runs: Any = SqliteRunStorage
    events._connect, events.has_table, runs.connect = _shard_connection, _has_table, _run_connection
    for storage in (events, runs):
        storage.dispose = _and_close(storage.dispose)


@contextmanager
def _shard_connection(storage: Any, shard: str) -> Iterator[Connection]:
    with storage._db_lock:
        url = storage.conn_string_for_shard(shard)
        if shard not in storage._initialized_dbs:  # new to this process, or wiped: a file of that name may be gone
            _forget(storage, url)
            storage._initdb(_engine(storage, url))
            storage._initialized_dbs.add(shard)
        with _engine(storage, url).begin() as connection:
            yield connection


def _has_table(storage: Any, name: str) -> bool:
    return inspect(_engine(storage, storage.conn_string_for_shard(INDEX_SHARD_NAME))).has_table(name)


@contextmanager
def _run_connection(storage: Any) -> Iterator[Connection]:
    with _engine(storage, storage._conn_string).begin() as connection:
        yield connection


def _engine(storage: Any, url: str) -> Engine:
    """The one that is kept, unless another file stands in its database's place by now, or none: then a new one."""
    with _one_at_a_time:
        kept = _kept.setdefault(storage, OrderedDict())
        if url in kept and kept[url].is_elsewhere():
            _forget(storage, url)
        if url not in kept:
            if len(kept) >= _AT_ONCE:
                _forget(storage, next(iter(kept)))  # whose last look is the longest ago
            # no limit of its own: an interrupt can cost a place in the pool
            kept[url] = _Database(create_engine(url, connect_args={"timeout": _PATIENCE}, max_overflow=-1))
        kept.move_to_end(url)
        return kept[url].engine


def _forget(storage: Any, url: str) -> None:
    with _one_at_a_time:
        found = _kept.get(storage, OrderedDict()).pop(url, None)
    if found is not None:
        found.engine.dispose()


@dataclass(slots=True)
class _Database:
    """An engine, and which file it has open: device and inode, once there is one."""

    engine: Engine
    file: tuple[int, int] | None = None

    def is_elsewhere(self) -> bool:
        """Whether the file was moved away, deleted or replaced: nobody would find again what is written to it."""
        try:
            there = Path(str(self.engine.url.database)).stat()
        except OSError:
            return self.file is not None
        now = (there.st_dev, there.st_ino)
        self.file = self.file or now
        return self.file != now


def _and_close(dispose: Callable[[Any], None]) -> Callable[[Any], None]:
    def closed(storage: Any) -> None:
        dispose(storage)  # first: who watches a run's events looks until then
        with _one_at_a_time:
            for each in _kept.pop(storage, OrderedDict()).values():
                each.engine.dispose()

    return closed
