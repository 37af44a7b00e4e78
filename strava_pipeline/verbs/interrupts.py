"""Interrupts of a command (Ctrl-C, SIGTERM), sent once or impatiently: the first one ends the work. No Dagster."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from strava_pipeline.core.process import INTERRUPTS


@contextmanager
def only_first_interrupt(*, until_exit: bool = False) -> Iterator[None]:
    """The first Ctrl-C within the body does what it would have done; what follows it does nothing until the body has ended.

    `until_exit`: nor afterwards, until the process has ended. Where Ctrl-C is ignored (nohup, a background job) it stays so.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    handler = before

    def once(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        handler(number, frame)

    signal.signal(signal.SIGINT, once)
    try:
        yield
    finally:
        if not until_exit or signal.getsignal(signal.SIGINT) is once:
            signal.signal(signal.SIGINT, before)


def end_at_interrupt() -> None:
    """From here on, Ctrl-C or SIGTERM ends the process with exit code 0. Main thread only.

    The first process of a container gets only the signals that it handles: the others are dropped by the kernel. Not by
    KeyboardInterrupt: where one leaves code that stands in a string, as namedtuple and dataclass make it while modules are
    imported, Python 3.11 kills itself with SIGINT at its end, whoever caught it (unhandled_keyboard_interrupt in pythonrun.c).
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in INTERRUPTS:
        signal.signal(number, end)
