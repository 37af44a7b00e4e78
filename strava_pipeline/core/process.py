"""What this Python process does with interrupts and garbage. No I/O; nothing is collected here.

Interrupts (Ctrl-C, SIGTERM) can wait for the end of a piece of work; their handlers decide what an interrupt does.
The garbage collector is kept away from objects that are no garbage (docs/adr/0037).
"""

import atexit
import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_interrupts() -> Iterator[None]:
    """The first interrupt within the body takes effect at its end, a second one at once.

    Signals that end the process by default, or are ignored, are left alone. Only the main thread handles signals: in another
    one nothing changes. Blocking them (sigmask) would not do: any other thread could take them.
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
_YOUNG, _MIDDLE = 20_000, 50


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """A hundred thousand objects of JSON, no cycle among them: looking for some takes a sixth of a merge's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def importing() -> Iterator[None]:
    """Imports in the body are not searched for garbage, and what there is at its end never will be: modules stay."""
    with without_garbage_collection():
        yield
        gc.freeze()


def collect_seldom() -> None:
    """For a process of ours: collect by tens of thousands of new objects, and not at its end, when all of them go at once."""
    gc.set_threshold(_YOUNG, _MIDDLE)
    atexit.register(gc.freeze)
