"""What a person sees while work goes on: a progress bar with what is left, on stderr. Tables go to stdout."""

import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from strava_pipeline.orchestrate.progress import Eta, LogProgress, done_about, progressing

# no markup: names, paths and messages may hold brackets; style= colours a line
out = Console(highlight=False, soft_wrap=True, markup=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def program() -> str:
    """What to type for this command line from here: its name where the shell finds it, else the way to it."""
    own = Path(sys.executable).with_name("strava-pipeline")
    found = shutil.which(own.name)
    if not own.exists() or (found is not None and Path(found).absolute() == own):
        return own.name
    return str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own)


class BarProgress:
    """A bar where the total is known, a counter where it isn't; and when it is done, waits for limits counted."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._bar: Progress | None = None
        self._eta: Eta | None = None
        self._monotonic, self._told = monotonic, 0.0

    def begin(self, what: str, total: int | None, eta: Eta | None = None) -> None:
        columns: list[ProgressColumn]
        columns = [SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn()]
        if total:
            columns[2:] = [
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                *([] if eta else [TextColumn("·"), TimeRemainingColumn()]),
            ]
        if eta:
            columns.append(TextColumn("{task.fields[done]}"))
        self._bar, self._eta, self._told = Progress(*columns, console=err), eta, self._monotonic()
        self._bar.add_task(what, total=total, done=done_about(eta(0)) if eta else "")
        self._bar.start()

    def advance(self, steps: int = 1) -> None:
        if self._bar is not None:
            task = self._bar.tasks[0]
            self._bar.advance(task.id, steps)
            if self._eta is not None and self._monotonic() - self._told >= 1:  # it reads the budget's ledger
                self._told = self._monotonic()
                self._bar.update(task.id, done=done_about(self._eta(int(task.completed))))

    def waiting(self, why: str, seconds: float) -> None:
        err.print(f"{why} Waiting {seconds:.0f} s.")

    def say(self, text: str) -> None:
        err.print(text)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextmanager
def watched(what: str, total: int | None, *, output_follows: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on stderr around the body, which is told each step. Only where a person looks on, and, unless all output comes
    after it (`output_follows`), only where the output goes elsewhere: a bar would come between its lines.
    """
    if not err.is_terminal or (sys.stdout.isatty() and not output_follows):
        yield lambda _: None
        return
    with progressing(BarProgress(), what, total) as advance:
        yield advance


def progress_for_terminal() -> Callable[[], BarProgress | LogProgress]:
    """A bar where a person looks on; lines in the log of stderr where nobody does."""
    if err.is_terminal:
        return BarProgress
    return lambda: LogProgress(_plain_log())


class _Lines(logging.Handler):
    """Log records as plain lines on whatever stderr is now."""

    def emit(self, record: logging.LogRecord) -> None:
        err.print(record.getMessage())


def _plain_log() -> logging.Logger:
    log = logging.getLogger("strava_pipeline.progress")
    if not log.handlers:
        log.addHandler(_Lines())
        log.setLevel(logging.INFO)
        log.propagate = False
    return log


def say_left_out(reasons: Mapping[str, str]) -> None:
    """A line per file of the user's own SQL that is not in the snapshot, with the reason."""
    for name, reason in reasons.items():
        out.print(f"Left out of the published warehouse: views/{name}: {reason}")
