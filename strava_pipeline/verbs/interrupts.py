"""Interrupts of this process and of the Python processes it starts. No Dagster.

A command's first interrupt (Ctrl-C, SIGTERM) ends its work and later ones do nothing. This module is also the program that
runs another module in a child process: `python -m strava_pipeline.verbs.interrupts guard PIPE GRACE MODULE ARGUMENTS…` ends
the child once its parent is gone, `… quiet MODULE ARGUMENTS…` ends an interrupted child without a traceback; with `brief`, it
also logs the first line alone of what has several.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from strava_pipeline.core.process import INTERRUPTS, collect_seldom

PROGRAM = "strava_pipeline.verbs.interrupts"


@contextmanager
def only_first_interrupt(*, until_exit: bool = False) -> Iterator[None]:
    """The first Ctrl-C within the body does what it would have done; later ones do nothing until the body has ended.

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

    The first process of a container gets only the signals that it handles: the kernel drops the others. KeyboardInterrupt
    would not do: where it leaves code that stands in a string, as namedtuple and dataclass compile it while modules are
    imported, Python 3.11 kills itself with SIGINT at its end, whoever caught it (unhandled_keyboard_interrupt in pythonrun.c).
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    for number in INTERRUPTS:
        signal.signal(number, end)


def guard_command(pipe: int, grace: int, command: list[str]) -> list[str]:
    """The command line of a child that runs a module with arguments (`command`) and ends once its parent is gone.

    `pipe`: the reading end of a pipe whose other end only the parent holds; `grace`: seconds between interrupt and kill.
    """
    return [sys.executable, "-m", PROGRAM, "guard", str(pipe), str(grace), *command]


def quiet_module(module: str, *arguments: str, brief: bool = False) -> list[str]:
    """A module with arguments that runs `module`; an interrupt before `module` handles interrupts ends it silently.

    `brief`: its log messages are cut to first lines.
    """
    return [PROGRAM, "brief" if brief else "quiet", module, *arguments]


def log_first_lines() -> None:
    """From now on, cut what this process logs to its first line. Dagster logs the trace of a lost connection, of 100 lines."""
    import logging

    made = logging.getLogRecordFactory()

    def first_line(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = made(*args, **kwargs)
        with suppress(
            TypeError, ValueError
        ):  # a message that does not fit its values, which is said where it is written
            text, error = record.getMessage().partition("\n")[0], record.exc_info and record.exc_info[1]
            record.msg = f"{text} {type(error).__name__}: {error}".partition("\n")[0] if error else text
            record.args, record.exc_info = (), None
        return record

    logging.setLogRecordFactory(first_line)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold SIGINT back in this thread, and in a child started in the body with `quiet_module` until its `main` runs."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def main() -> None:
    import runpy  # here, because every command loads this module

    mode, *arguments = sys.argv[1:]
    if mode == "guard":
        pipe, grace, *arguments = arguments
        signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup leaves it ignored, a job in the background too
        threading.Thread(target=_end_with_parent, args=(int(pipe), int(grace)), daemon=True).start()
    else:
        # Dagster's daemon sets a handler of its own once it has loaded, which takes seconds
        signal.signal(signal.SIGINT, lambda *_: os._exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if mode == "brief":
        log_first_lines()
    collect_seldom()  # before Dagster is imported
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _end_with_parent(pipe: int, grace: int) -> None:
    os.read(pipe, 1)  # nothing is ever written: it returns when the other end is closed
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    time.sleep(grace)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
