"""Somebody with a watch and without Strava: an empty folder, `start` in a terminal, and the activities are published."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from strava_pipeline.settings import Settings
from strava_pipeline_tests.e2e.pty_terminal import CTRL_C, terminal
from strava_pipeline_tests.ingest.intervals_icu.subject import running
from strava_pipeline_tests.patience import PATIENCE

pytestmark = pytest.mark.slow


def test_from_an_empty_folder_to_the_activities_of_a_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.variables() - {"GARMIN_PERSONAL_API_KEY_FILE", "DASHBOARD_ADDRESS"}:
        monkeypatch.delenv(name, raising=False)
    with running() as intervals:
        for day in ("2024-05-01", "2025-06-01", "2025-07-01"):
            intervals.add(day, f"ride of {day}")
        service = {
            "INTERVALS_BASE_URL": intervals.settings["intervals_base_url"],
            "INTERVALS_ATHLETE_ID": intervals.service.athlete,
            "DAGSTER_HOME": str(tmp_path / "dagster_home"),
        }
        with terminal(
            tmp_path, service, "start", "--service", "intervals_icu", "--archive", "", "--data-dir", ""
        ) as shown:
            shown.read_until("INTERVALS_API_KEY: ")
            shown.press(CTRL_C)
            assert shown.read_to_the_end() == 130, shown.seen
        assert [path.name for path in tmp_path.iterdir()] == []
        with terminal(tmp_path, service, "start") as shown:
            for question, answer in {
                "Number or name (Enter: none):": "intervals_icu",
                "folder of files (Enter: none):": "",
                "Where to keep everything (Enter: data):": "rides",
                "INTERVALS_API_KEY: ": intervals.secret,  # the blank comes once nothing is shown any more
            }.items():
                shown.read_until(question)
                shown.press(f"{answer}\r".encode())
            assert shown.read_to_the_end() == 0, shown.seen
        assert intervals.secret not in shown.seen
        year, _, rest = shown.seen.partition(" is here: in another terminal, ")
        assert ("Published" in year, "Published" in rest, "service up" in rest) == (True, True, True)
        assert names(tmp_path) == ["ride of 2024-05-01", "ride of 2025-06-01", "ride of 2025-07-01"]
        intervals.edit(next(iter(intervals.service.activities)), "renamed")
        for words in (["providers", "pull", "intervals_icu", "--years", "2024"], ["status"]):
            ended = subprocess.run(
                [sys.executable, "-m", "strava_pipeline", *words],
                cwd=tmp_path,
                env={**os.environ, **service},
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert ended.returncode == 0, ended.stderr
    assert "intervals.icu" in ended.stdout
    assert names(tmp_path) == ["renamed", "ride of 2025-06-01", "ride of 2025-07-01"]


def names(folder: Path) -> list[str]:
    """The activities that are published, the oldest first."""
    with duckdb.connect(str(folder / "rides" / "warehouse" / "strava.duckdb"), read_only=True) as connection:
        return [
            str(name) for (name,) in connection.execute("SELECT name FROM activities ORDER BY start_date").fetchall()
        ]
