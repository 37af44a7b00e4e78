"""The progress bar: one line in any terminal, with what fits into it."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from strava_pipeline.verbs.bar import BarProgress, done_at
from strava_pipeline_tests.e2e.pty_terminal import CONTROLS

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def drawn(columns: int, what: str, done: int, total: int | None, end: datetime | None = None) -> str:
    """The last line that a terminal of so many columns shows, without its bar's length and its spinner."""
    console = Console(file=io.StringIO(), force_terminal=True, width=columns, soft_wrap=True)
    bar = BarProgress(console, monotonic=lambda: 0.0, now=lambda: NOW)
    bar.begin(what, total, eta=(lambda _: end) if end else None)
    bar.advance(done)
    bar.say("")
    shown = CONTROLS.sub("", console.file.getvalue()).replace("\r", "\n").splitlines()[-1]  # type: ignore[attr-defined]
    bar.end()
    assert len(shown.rstrip()) <= columns - 3, "^C is echoed behind it"
    return " ".join(shown.lstrip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏").replace("━", " ").replace("╸", " ").replace("╺", " ").split())


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (120, "Fetching details 1,234/12,345 done ~11 Mar 09:30 UTC 0:00:00"),
        (80, "Fetching details 1,234/12,345 done ~11 Mar 09:30 UTC 0:00:00"),
        (60, "Fetching details 1,234/12,345 done ~11 Mar 09:30 UTC"),
        (50, "Fetching … 1,234/12,345 done ~11 Mar 09:30 UTC"),
    ],
)
def test_a_narrow_terminal_shows_what_matters_most(columns: int, shown: str) -> None:
    assert drawn(columns, "Fetching details", 1234, 12345, datetime(2026, 3, 11, 9, 30, tzinfo=UTC)) == shown


@pytest.mark.parametrize(("columns", "shown"), [(60, "Making tracks 17"), (80, "Making tracks 17 0:00:00")])
def test_what_has_no_total_is_counted(columns: int, shown: str) -> None:
    assert drawn(columns, "Making tracks", 17, None) == shown


def test_a_wait_is_told_once_however_often_it_is_looked_at() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, highlight=False)
    bar = BarProgress(console)
    for why, seconds in (("Full until 12:15.", 120), ("Full until 12:15.", 60), ("Full until 12:30.", 900)):
        bar.waiting(why, seconds)
    assert console.file.getvalue().splitlines() == [  # type: ignore[attr-defined]
        "Full until 12:15. Waiting 2 min.",
        "Full until 12:30. Waiting 15 min.",
    ]


def test_work_without_anything_to_do_draws_nothing() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=80, highlight=False)
    bar = BarProgress(console)
    bar.begin("Fetching details", 0)
    bar.end()
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 3, 10, 23, 59, tzinfo=UTC), "23:59 UTC"),
        (datetime(2026, 3, 11, 0, 0, tzinfo=UTC), "11 Mar 00:00 UTC"),
    ],
)
def test_the_end_is_told_with_its_day_unless_it_is_today(at: datetime, words: str) -> None:
    assert done_at(at, NOW) == words
