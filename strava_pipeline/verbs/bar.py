"""The progress bar of a terminal: one line on stderr that is drawn again, with what fits into the terminal's width.

Which commands draw one, and what else they print, is terminal.py's.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from strava_pipeline.core.text import wait_in_words
from strava_pipeline.verbs.interrupts import only_first_interrupt
from strava_pipeline.verbs.output import wrapped

if TYPE_CHECKING:
    from strava_pipeline.operations.progress import Eta

WIDEST, SHORTEST = 40, 8  # columns of the bar itself; of a name
SECONDS = 1.0  # between two estimates of the end: each reads the budget's ledger


class BarProgress:
    """A bar if the total is known, otherwise a counter; with the estimated end, which includes waits for limits."""

    def __init__(
        self,
        console: Console,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._console, self._monotonic, self._now = console, monotonic, now
        self._bar: Progress | None = None
        self._drawn = ExitStack()
        self._eta: Eta | None = None
        self._estimated_at = 0.0
        self._why: str | None = None  # what was waited for last

    def begin(self, what: str, total: int | None, eta: "Eta | None" = None) -> None:
        if total == 0:
            return
        self._eta, self._estimated_at = eta, self._monotonic()
        name = Column(no_wrap=True, overflow="ellipsis", min_width=SHORTEST)
        self._bar = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", table_column=name),
            BarColumn(bar_width=None, table_column=Column(max_width=WIDEST)),
            TextColumn("{task.fields[count]}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[done]}", table_column=Column(no_wrap=True)),
            TimeElapsedColumn() if eta or total is None else TimeRemainingColumn(),
            console=self._console,
        )
        self._bar.add_task(what, total=total, done=self._done(0), count=_count(0, total))
        self._drawn.enter_context(only_first_interrupt())  # a second one would break its end, and the terminal with it
        self._bar.start()

    def advance(self, steps: int = 1) -> None:
        if self._bar is None:
            return
        task = self._bar.tasks[0]
        done = int(task.completed) + steps
        if task.total is not None and done > task.total:  # there are more than the last time
            task.total = None
        self._bar.update(task.id, completed=done, count=_count(done, task.total))
        if self._eta is not None and self._monotonic() - self._estimated_at >= SECONDS:
            self._estimated_at = self._monotonic()
            self._bar.update(task.id, done=self._done(int(task.completed)))

    def waiting(self, why: str, seconds: float) -> None:
        if why != self._why:  # a long wait is reported again each minute; the bar shows that it goes on
            self._why = why
            self.say(f"{why} Waiting {wait_in_words(seconds)}.")

    def say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.refresh()  # or it would stand below the text as it was a tenth of a second ago
        self._console.print(wrapped(text, self._console.width), soft_wrap=True)

    def end(self) -> None:
        if self._bar is not None:
            task = self._bar.tasks[0].id
            self._bar.stop_task(task)
            self._bar.update(task, done="")  # what was left is over, or broken off
            self._bar.stop()
            self._bar = None
            self._drawn.close()

    def _done(self, steps: int) -> str:
        at = self._eta(steps) if self._eta is not None else None
        return f"done ~{done_at(at, self._now())}" if at is not None else ""


def _count(done: int, total: float | None) -> str:
    """`1,234 of 12,345`; where the total is not known, `1,234`."""
    return f"{done:,}" if total is None else f"{done:,} of {total:,.0f}"


def done_at(at: datetime, now: datetime) -> str:
    """`10:02 UTC` for a time of today, otherwise with the day."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.astimezone(UTC).date() else f"{at.day} {at:%b %H:%M} UTC"
