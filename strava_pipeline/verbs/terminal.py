"""What a person sees while work goes on: progress on stderr (bar.py draws it), tables on stdout."""

import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from strava_pipeline.orchestrate.progress import LogProgress, Progress, progressing

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


@contextmanager
def watched(what: str, total: int | None, *, output_follows: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on stderr around the body, which is told each step. Only where a person looks on, and, unless all output comes
    after it (`output_follows`), only where the output goes elsewhere: a bar would come between its lines.
    """
    if not err.is_terminal or (sys.stdout.isatty() and not output_follows):
        yield lambda _: None
        return
    with progressing(_bar(), what, total) as advance:
        yield advance


def progress_for_terminal() -> Callable[[], Progress]:
    """A bar where a person looks on; lines in the log of stderr where nobody does."""
    if err.is_terminal:
        return _bar
    return lambda: LogProgress(_plain_log())


def _bar() -> Progress:
    from strava_pipeline.verbs.bar import BarProgress

    return BarProgress(err)


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


def say_left_out(reasons: Mapping[str, str], to: Console = out) -> None:
    """A line per file of the user's own SQL that is not in the snapshot, with the reason."""
    for name, reason in reasons.items():
        to.print(f"Left out of the published warehouse: views/{name}: {reason}")
