"""Consoles for a person: tables on stdout, progress on stderr (bar.py draws the bar)."""

import logging
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.control import Control
from rich.segment import Segment

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.text import printable
from strava_pipeline.operations.progress import LogProgress, Progress, progressing
from strava_pipeline.verbs.output import advised, let_interrupts_end_reading, short_path, wrapped


@dataclass(frozen=True, slots=True)
class _Printable:
    """A renderable whose text can't control the terminal; colours and the bar's own movements are rich's."""

    renderable: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self.renderable, options):
            yield Segment(text if control else printable(advised(text)), style, control)


class _AllPrintable(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [one if isinstance(one, Control) else _Printable(one) for one in renderables]


def screen(*, stderr: bool = False, width: int | None = None, soft_wrap: bool = False) -> Console:
    """A console for foreign text. No markup: names, paths and messages may contain brackets; style= colours a line."""
    console = Console(stderr=stderr, width=width, soft_wrap=soft_wrap, highlight=False, markup=False)
    console.push_render_hook(_AllPrintable())
    return console


out = screen(soft_wrap=True)
err = screen(stderr=True, soft_wrap=True)


def print_wrapped(text: str, *, indent: int = 0, style: str = "", to: Console = out) -> None:
    """A line on stdout; in a terminal it wraps between words, with the continuation indented."""
    fitting = wrapped(text, to.width - indent) if to.is_terminal else text
    to.print(textwrap.indent(fitting, " " * indent), style=style, soft_wrap=True)


def program() -> str:
    """The command of this program: its name if the shell finds it, otherwise its path."""
    own = Path(sys.executable).with_name("strava-pipeline")
    found = shutil.which(own.name)
    if not own.exists() or (found is not None and Path(found).absolute() == own):
        return own.name
    return str(short_path(own))


@contextmanager
def watched(what: str, total: int | None, *, output_follows: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on stderr around the body, which reports each step. Only in a terminal, and, unless all output comes after
    the bar (`output_follows`), only if the output goes elsewhere: a bar would come between its lines.
    """
    if not err.is_terminal or (sys.stdout.isatty() and not output_follows):
        yield lambda _: None
        return
    with progressing(_bar(), what, total) as advance:
        yield advance


def progress_for_terminal() -> Callable[[], Progress]:
    """A bar in a terminal; elsewhere lines of a log on stderr."""
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


def print_views_left_out(reasons: Mapping[str, str], to: Console = out) -> None:
    """A line per file of the user's own SQL that is not in the snapshot, with the reason."""
    for name, reason in reasons.items():
        to.print(f"Left out of the published warehouse: views/{name}: {reason}")


def refuse_without_person(why: str) -> None:
    """Raise MisuseError if nobody can type an answer."""
    if not sys.stdin.isatty():
        raise MisuseError(why)


def ask_to_type(wanted: str, question: str, otherwise: str) -> None:
    """Wait for a line on stdin. Raises PipelineError with the text `otherwise` if it is not the wanted one."""
    err.print(question, end="")
    let_interrupts_end_reading()
    if sys.stdin.readline().strip() != wanted:
        raise PipelineError(otherwise)
