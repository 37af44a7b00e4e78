"""Dagster's SQLite databases through connections that stay open as long as the instance does (docs/adr/0032).

Dagster makes an engine for every look at them: each statement is compiled anew, each file opened, brought up to date with
its write-ahead log, and closed again. That was half the CPU of a small run. What is asked and kept is the same.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, inspect

_AT_ONCE = 8  # databases of one storage: the index, the run at work, and some that are read
_kept: WeakKeyDictionary[Any, dict[str, Engine]] = WeakKeyDictionary()  # by storage, by URL


@cache
def keep_connections() -> None:
    """Have every instance of this process keep its connections until it is disposed."""
    events: Any = SqliteEventLogStorage
    runs: Any = SqliteRunStorage
    events._connect, events.has_table, runs.connect = _shard_connection, _has_table, _run_connection
    for storage in (events, runs):
        storage.dispose = _closing_first(storage.dispose)


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
    engines = _kept.setdefault(storage, {})
    if url not in engines:
        if len(engines) >= _AT_ONCE:
            _forget(storage, next(iter(engines)))
        engines[url] = create_engine(url, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
    return engines[url]


def _forget(storage: Any, url: str) -> None:
    engine = _kept.get(storage, {}).pop(url, None)
    if engine is not None:
        engine.dispose()


def _closing_first(dispose: Callable[[Any], None]) -> Callable[[Any], None]:
    def closed(storage: Any) -> None:
        for engine in _kept.pop(storage, {}).values():
            engine.dispose()
        dispose(storage)

    return closed
