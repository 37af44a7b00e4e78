"""Interrupts (Ctrl-C, SIGTERM) that wait for the end of a piece of work. What an interrupt does is decided by its handler."""

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
