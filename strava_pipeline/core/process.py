"""Interrupts, garbage collection and umask of this Python process. No I/O.

Interrupts (Ctrl-C, SIGTERM) can wait for the end of a piece of work; their handlers decide what an interrupt does.
Garbage collection skips long-lived objects (docs/adr/0037).
"""

import atexit
import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PRIVATE = 0o077  # the umask of our own processes (docs/adr/0084)
INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_interrupts() -> Iterator[None]:
    """The first interrupt during the body takes effect at its end, a second one at once.

    Signals that end the process by default, or are ignored, stay as they are. Only the main thread handles signals: in other
    threads nothing changes. Blocking signals (sigmask) would not help: any other thread could receive them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: handler for number in INTERRUPTS if callable(handler := signal.getsignal(number))}
    waiting: list[int] = []

    def defer(number: int, frame: FrameType | None) -> None:
        if not waiting:
            waiting.append(number)
            return
        waiting.clear()
        handlers[signal.Signals(number)](number, frame)

    for number in handlers:
        signal.signal(number, defer)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if waiting:
            signal.raise_signal(waiting[0])


# importing Dagster makes 250,000 objects that stay; with Python's own 700 they would be searched 500 times
_YOUNGEST, _MIDDLE = 20_000, 50


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """No garbage collection during the body.

    For work on a hundred thousand JSON objects without cycles: looking for cycles takes a sixth of a merge's time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def importing() -> Iterator[None]:
    """For a body that imports: no garbage collection during it, and never of the objects that exist at its end."""
    with without_garbage_collection():
        yield
        gc.freeze()


def collect_seldom() -> None:
    """Collect garbage only after tens of thousands of new objects, and not at the end of the process."""
    gc.set_threshold(_YOUNGEST, _MIDDLE)
    atexit.register(gc.freeze)


@contextmanager
def private_files() -> Iterator[None]:
    """Within the body, new files are made as by `keep_files_private`; for a process that isn't ours."""
    before = os.umask(PRIVATE)
    try:
        yield
    finally:
        os.umask(before)


def keep_files_private() -> None:
    """Create new folders as 0700 and new files as 0600 from now on, in this process and its children (docs/adr/0084)."""
    os.umask(PRIVATE)
