"""The progress bar of a terminal: one line on stderr that is drawn again, with what fits into the terminal's width.

Which commands draw one, and what else they print, is terminal.py's.
"""

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from strava_pipeline.core.text import wait_in_words
from strava_pipeline.verbs.interrupts import only_first_interrupt

if TYPE_CHECKING:
    from strava_pipeline.operations.progress import Eta

WIDEST = 40  # columns of the bar itself
LONGEST, SHORTEST, ROOMY = 40, 8, 70  # columns of count and end; of a name; from which on the time so far has room
SPARE = 3  # columns at the end of the line: Ctrl-C is echoed there as ^C, and a full line would break
SECONDS = 1.0  # between two estimates of the end: each reads the budget's ledger


class BarProgress:
    """A bar where the total is known, else a counter; with the estimated end, which includes waits for limits."""

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
        self._bar = _OneLine(self._console, self._console.width)
        self._bar.add_task(what, total=total, done=self._done(0), has_eta=eta is not None)
        self._drawn.enter_context(only_first_interrupt())  # a second one would break its end, and the terminal with it
        self._bar.start()

    def advance(self, steps: int = 1) -> None:
        if self._bar is None:
            return
        task = self._bar.tasks[0]
        self._bar.advance(task.id, steps)
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
        self._console.print(text, soft_wrap=False)  # words stay whole where the terminal is narrow

    def end(self) -> None:
        if self._bar is not None:
            task = self._bar.tasks[0].id
            self._bar.stop_task(task)
            self._bar.update(task, done="", has_eta=True)  # what was left is over, or broken off
            self._bar.stop()
            self._bar = None
            self._drawn.close()

    def _done(self, steps: int) -> str:
        at = self._eta(steps) if self._eta is not None else None
        return done_at(at, self._now()) if at is not None else ""


def done_at(at: datetime, now: datetime) -> str:
    """`10:02 UTC` for a time of today, else with the day."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.astimezone(UTC).date() else f"{at.day} {at:%b %H:%M} UTC"


class _OneLine(Progress):
    """A task as one line: its name, the bar, the count, when it will be done, the time so far. The bar takes what is left."""

    def __init__(self, console: Console, width: int) -> None:
        whole = Column(no_wrap=True)
        name = Column(no_wrap=True, overflow="ellipsis", max_width=max(width - LONGEST, SHORTEST))
        elapsed = [TimeElapsedColumn(table_column=whole)] if width > ROOMY else []
        super().__init__(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", table_column=name),
            BarColumn(bar_width=None, table_column=Column(max_width=WIDEST)),
            _Count(table_column=whole),
            _Left(table_column=whole),
            *elapsed,
            console=console,
        )

    def get_renderables(self) -> Iterable[RenderableType]:
        return (Padding(each, (0, SPARE, 0, 0)) for each in super().get_renderables())


class _Count(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:,.0f}" + (f"/{task.total:,.0f}" if task.total is not None else ""))


class _Left(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.fields["done"]:
            return Text(f"done ~{task.fields['done']}")
        left = None if task.fields["has_eta"] or task.finished else task.time_remaining
        return Text("" if left is None else f"{timedelta(seconds=int(left))} left")
