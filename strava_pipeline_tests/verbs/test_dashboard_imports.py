"""What the dashboard takes in by itself, and when it leaves that to Dagster's daemon. That it is imported is tested in serve/dashboard/."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.looks import note_look
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import (
    ImportWanted,
    keep_request,
    latest_requests,
)
from strava_pipeline.verbs.dashboard_imports import look_for_ever


class _EndOfTest(BaseException):
    """After the last pause."""


def _end() -> None:
    raise _EndOfTest


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.chdir(tmp_path)
    lake = Lake(Settings.load().data_dir)
    for name in ("a.gpx", "b.gpx"):  # there are none, so no child is started
        keep_request(lake, ImportWanted(kind="import", names=(name,)), datetime.now(UTC), "a test")
    return lake


def look(*pauses: Callable[[], object]) -> None:
    """Look after each pause."""
    each = iter([*pauses, _end])
    with pytest.raises(_EndOfTest):
        look_for_ever(Settings.load(), lambda: next(each)())


def statuses(lake: Lake) -> list[str]:
    return sorted(view.status for view in latest_requests(lake, datetime.now(UTC), 9))


def test_one_import_a_look_and_none_once_a_daemon_looks(lake: Lake) -> None:
    look(lambda: None, lambda: note_look(lake, datetime.now(UTC), []))
    assert statuses(lake) == ["failed", "waiting"]


def test_a_fault_is_said_once_and_the_next_look_goes_on(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    locks = lake.state / "locks"
    away = locks.with_name("away")

    def break_it() -> None:
        locks.rename(away)
        locks.touch()

    def mend() -> None:
        locks.unlink()
        away.rename(locks)

    look(break_it, lambda: None, mend)
    assert "failed" in statuses(lake)
    assert capsys.readouterr().err.count("Dropped files are not imported: ") == 1
