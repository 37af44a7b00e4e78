"""The progress of long work, shown in Dagster's log, or by a terminal's progress bar (verbs/terminal.py)."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

from strava_pipeline.core.text import wait_in_words

EVERY = 10.0  # seconds between two lines in a log


Eta = Callable[[int], datetime | None]
"""When the work will be done (UTC), given the number of steps so far, or None if unknown. Includes the waits for limits."""


class Progress(Protocol):
    """Receives the beginning, each step and the end of some work. `total` None: not known beforehand.

    Without an `eta` the rest is estimated from the mean speed, which suits work that waits for no limit.
    """

    def begin(self, what: str, total: int | None, eta: Eta | None = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def waiting(self, why: str, seconds: float) -> None: ...

    def say(self, text: str) -> None: ...

    def end(self) -> None: ...


@contextmanager
def progressing(
    progress: Progress, what: str, total: int | None, eta: Eta | None = None
) -> Iterator[Callable[[int], None]]:
    """The beginning and the end of some work around the body, which calls the yielded function after each step."""
    progress.begin(what, total, eta)
    try:
        yield progress.advance
    finally:
        progress.end()


class BothProgress:
    """Passes progress to two: the log of the run, and another watcher."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._both = (first, second)

    def begin(self, what: str, total: int | None, eta: Eta | None = None) -> None:
        for one in self._both:
            one.begin(what, total, eta)

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
    """A line every ten seconds: how far, how fast, how much time is left."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log, self._monotonic = log, monotonic
        self._what, self._total, self._done = "", None, 0  # type: str, int | None, int
        self._eta: Eta | None = None
        self._began = self._told = 0.0

    def begin(self, what: str, total: int | None, eta: Eta | None = None) -> None:
        self._what, self._total, self._done, self._eta = what, total, 0, eta
        self._began = self._told = self._monotonic()
        if total:
            self._log.info("%s: %d to do%s", what, total, done_about(eta(0) if eta else None))

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        now = self._monotonic()
        if now - self._told >= EVERY:
            self._told = now
            self._log.info("%s: %s", self._what, self._state(now - self._began))

    def waiting(self, why: str, seconds: float) -> None:
        self._log.info("%s Waiting %s.", why, wait_in_words(seconds))

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
        if self._eta is not None:
            of = f" of {self._total}" if self._total else ""
            return f"{self._done}{of}{done_about(self._eta(self._done))}"
        if not self._total:
            return f"{self._done}"
        left = timedelta(seconds=round(seconds / max(self._done, 1) * (self._total - self._done)))
        return f"{self._done} of {self._total}" + (f", about {left} left" if left else "")


def done_about(at: datetime | None) -> str:
    """The expected end, as words that follow a number."""
    return f", done about {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
