"""The progress bar: one line in any terminal, with what fits into it."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from strava_pipeline.verbs.bar import BarProgress, done_at
from strava_pipeline_tests.e2e.pty_terminal import CONTROLS

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("columns", "total", "count"), [(60, 12345, "1,234 of 12,345"), (50, None, "1,234"), (50, 9, "1,234")]
)
def test_one_line_shows_how_far_it_is(columns: int, total: int | None, count: str) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=columns, soft_wrap=True)
    bar = BarProgress(console, monotonic=lambda: 0.0, now=lambda: NOW)
    bar.begin("Fetching details", total, eta=lambda _: datetime(2026, 3, 11, 9, 30, tzinfo=UTC))
    bar.advance(1234)
    bar.say("")
    *_, shown = CONTROLS.sub("", console.file.getvalue()).replace("\r", "\n").splitlines()  # type: ignore[attr-defined]
    bar.end()
    assert len(shown) <= columns
    assert f"{count} done ~11 Mar 09:30 UTC" in shown


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
