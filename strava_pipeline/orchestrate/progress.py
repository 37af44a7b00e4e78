"""How far long work has come, told to whoever watches: Dagster's log, or a terminal's progress bar (verbs/terminal.py)."""

import logging
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

EVERY = 10.0  # seconds between two lines in a log


class Progress(Protocol):
    """Told of the beginning, each step and the end of some work. `total` None: not known beforehand."""

    def begin(self, what: str, total: int | None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def waiting(self, why: str, seconds: float) -> None: ...

    def say(self, text: str) -> None: ...

    def end(self) -> None: ...


class BothProgress:
    """Tells two: the log of the run, and whoever looks on."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._both = (first, second)

    def begin(self, what: str, total: int | None) -> None:
        for one in self._both:
            one.begin(what, total)

    def advance(self, steps: int = 1) -> None:
        for one in self._both:
            one.advance(steps)

    def waiting(self, why: str, seconds: float) -> None:
        for one in self._both:
            one.waiting(why, seconds)

    def say(self, text: str) -> None:
        for one in self._both:
            one.say(text)

    def end(self) -> None:
        for one in self._both:
            one.end()


class LogProgress:
    """A line every ten seconds, with how far, how fast and how long still."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log, self._monotonic = log, monotonic
        self._what, self._total, self._done = "", None, 0  # type: str, int | None, int
        self._began = self._told = 0.0

    def begin(self, what: str, total: int | None) -> None:
        self._what, self._total, self._done = what, total, 0
        self._began = self._told = self._monotonic()
        if total:
            self._log.info("%s: %d to do", what, total)

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        now = self._monotonic()
        if now - self._told >= EVERY:
            self._told = now
            self._log.info("%s: %s", self._what, self._state(now - self._began))

    def waiting(self, why: str, seconds: float) -> None:
        self._log.info("%s Waiting, %.0f s still.", why, seconds)

    def say(self, text: str) -> None:
        self._log.info("%s", text)

    def end(self) -> None:
        if sys.exc_info()[0] is not None:
            self._log.info("%s: broke off after %d", self._what, self._done)
        elif self._total and self._done < self._total:
            self._log.info("%s: ended at %d of %d", self._what, self._done, self._total)
        else:
            self._log.info("%s: done, %d", self._what, self._done)

    def _state(self, seconds: float) -> str:
        if not self._total:
            return f"{self._done}"
        left = timedelta(seconds=round(seconds / max(self._done, 1) * (self._total - self._done)))
        return f"{self._done} of {self._total}" + (f", about {left} left" if left else "")
