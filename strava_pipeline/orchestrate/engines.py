"""SQLAlchemy engines of SQLite databases that stay open between two uses. Knows nothing of Dagster.

An engine for each use would compile each statement again, open each file, bring it up to date with its write-ahead log,
and close it: half the CPU of a small run.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine

_LIMIT = 8  # open databases: runs, schedules, the index, the run at work, and some that are read
_PATIENCE = 30  # seconds to wait for another writer: what Dagster gives its event log (its runs only have 5)


class Engines:
    """The engines of one Dagster instance, by URL, until `dispose`; the longest unused goes first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: the garbage collector may dispose of an engine inside
        self._databases: OrderedDict[str, _Database] = OrderedDict()

    def engine(self, url: str) -> Engine:
        """The open engine, or a new one where another file stands in the database's place by now, or none."""
        with self._lock:
            if url in self._databases and self._databases[url].has_moved():
                self.forget(url)
            if url not in self._databases:
                if len(self._databases) >= _LIMIT:
                    self.forget(next(iter(self._databases)))
                # no limit on connections: an interrupt can cost a place in the pool
                self._databases[url] = _Database(
                    create_engine(url, connect_args={"timeout": _PATIENCE}, max_overflow=-1)
                )
            self._databases.move_to_end(url)
            return self._databases[url].engine

    def forget(self, url: str) -> None:
        """Close a database, whatever stands in its place by now."""
        with self._lock:
            database = self._databases.pop(url, None)
        if database is not None:
            database.engine.dispose()

    def dispose(self) -> None:
        """Close all of them. The next use opens again what it needs."""
        with self._lock:
            while self._databases:
                self._databases.popitem()[1].engine.dispose()


@dataclass(slots=True)
class _Database:
    """An engine, and which file it has open: device and inode, once there is one."""

    engine: Engine
    file: tuple[int, int] | None = None

    def has_moved(self) -> bool:
        """Whether the file was moved away, deleted or replaced: nobody would find again what is written to it."""
        try:
            status = Path(str(self.engine.url.database)).stat()
        except OSError:
            return self.file is not None
        present = (status.st_dev, status.st_ino)
        self.file = self.file or present
        return self.file != present
