"""The progress bar of a terminal: one line on stderr that is drawn again, with what fits into the terminal's width.

Which commands draw one, and what else they print, is terminal.py's.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.progress import Progress, Task
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from strava_pipeline.core.text import wait_in_words
from strava_pipeline.verbs.interrupts import only_first_interrupt

if TYPE_CHECKING:
    from strava_pipeline.operations.progress import Eta

WIDEST, NARROWEST = 40, 6  # columns of the bar itself; a narrower bar shows nothing
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
        self._bar = _OneLine(console=self._console)
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
    """A task as one line that never breaks: in a narrow terminal the bar shrinks, then parts go, the last ones first."""

    def make_tasks_table(self, tasks: Sequence[Task]) -> Table:  # type: ignore[override]  # rich asks for any iterable
        table = Table.grid(padding=(0, 1), pad_edge=False)
        for task in tasks:
            cells = line(task, self.console.width - SPARE)
            for _ in cells:
                table.add_column(no_wrap=True)
            table.add_row(*cells)
        return table


def line(task: Task, width: int) -> list[RenderableType]:
    """The cells of a task's line: its name, the bar, the count, the time so far, and when it will be done."""
    count = f"{task.completed:,.0f}" + (f"/{task.total:,.0f}" if task.total is not None else "")
    left = str(task.fields["done"]) and f"done ~{task.fields['done']}"
    if not task.fields["has_eta"] and task.time_remaining is not None and not task.finished:
        left = f"{_clock(task.time_remaining)} left"
    parts = [task.description, count, left, _clock(task.elapsed or 0)]
    shown = [bool(part) for part in parts]

    def free() -> int:
        """Columns beside the spinner, the parts that are shown and the blanks between them."""
        return width - 1 - sum(1 + len(part) for part, is_shown in zip(parts, shown, strict=True) if is_shown)

    if free() < 0:
        shown[3] = False
    if free() < 0:
        parts[2] = parts[2].removeprefix("done ")
    if free() < 0:
        parts[2] = parts[2].removesuffix(" UTC")
    if free() < 0:
        parts[0] = f"{parts[0][: max(len(parts[0]) + free() - 1, 0)]}…"
    room = free() - 1
    bar: list[RenderableType] = []
    if task.total and room >= NARROWEST:
        bar = [ProgressBar(total=task.total, completed=task.completed, width=min(room, WIDEST))]
    spinner: RenderableType = Text(" ") if task.finished or task.stop_time is not None else _SPINNER
    what, *numbers = (Text(part) for part, is_shown in zip(parts, shown, strict=True) if is_shown)
    return [spinner, what, *bar, *numbers]


_SPINNER = Spinner("dots", style="progress.spinner")


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
