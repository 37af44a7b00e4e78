"""Within a test the working warehouse is opened once, not for each look: to open and close it costs more than most looks.

It is closed as soon as somebody locks it to copy or replace its file, or opens it otherwise; when a process is started; when its file
was changed from outside; and with a body that fails. Another process or thread can't open it meanwhile: tests of these, and of damage
to an open file, are marked `closed`.
"""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from strava_pipeline.lake.gold import warehouse
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake

Opening = Callable[[], AbstractContextManager[Connection]]


class Held(NamedTuple):
    """A warehouse that no body has open at the moment."""

    opened: AbstractContextManager[Connection]
    connection: Connection
    file: tuple[int, int, int] | None


@contextmanager
def opened_once() -> Iterator[None]:
    """Within the body."""
    held: dict[Path, Held] = {}
    shared_by_thread, connect, thread = warehouse.shared_by_thread, warehouse.connect, threading.current_thread()
    start = subprocess.Popen.__init__

    def close(path: Path) -> None:
        if path in held:
            held.pop(path).opened.__exit__(None, None, None)

    @contextmanager
    def shared(path: Path, opening: Opening) -> Iterator[Connection]:
        if threading.current_thread() is not thread or path in warehouse._OPEN.connections:
            with shared_by_thread(path, opening) as connection:
                yield connection
            return
        if path in held and held[path].file != _state(path):
            close(path)
        if path in held:
            opened, connection, _ = held.pop(path)
        else:
            opened = opening()
            connection = opened.__enter__()
        warehouse._OPEN.connections[path] = connection
        try:
            yield connection
        except BaseException as error:
            del warehouse._OPEN.connections[path]
            if not opened.__exit__(type(error), error, error.__traceback__):
                raise
        else:
            del warehouse._OPEN.connections[path]
            held[path] = Held(opened, connection, _state(path))

    def closing_first(lock: Callable[..., AbstractContextManager[Any]]) -> Callable[..., AbstractContextManager[Any]]:
        def locked(lake: Lake, name: str, **options: Any) -> AbstractContextManager[Any]:
            close(lake.working)
            return lock(lake, name, **options)

        return locked

    def connecting(path: Path, *own: Connection | None, **options: Any) -> Connection:
        close(path)
        return connect(path, *own, **options)

    def starting(process: Any, *arguments: Any, **options: Any) -> None:
        for path in list(held):
            close(path)
        start(process, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", starting)
        patch.setattr(warehouse, "shared_by_thread", shared)
        patch.setattr(warehouse, "connect", connecting)
        patch.setattr(warehouse, "locked", closing_first(warehouse.locked))
        patch.setattr(warehouse, "try_locked", closing_first(warehouse.try_locked))
        try:
            yield
        finally:
            for path in list(held):
                if not path.exists():  # it went with the test's folder: nothing is written there, no instance kept
                    held[path].connection.execute("PRAGMA disable_checkpoint_on_shutdown; SET memory_limit = '1GB'")
                close(path)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What differs where somebody has replaced or changed the file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
