"""From an empty folder by `start` in a terminal to the activities in a browser: with a watch and without Strava, and with Strava."""

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urljoin

import duckdb
import pytest
import requests

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline_tests.e2e.dagster_dev import until
from strava_pipeline_tests.e2e.pty_terminal import CTRL_C, terminal
from strava_pipeline_tests.ingest.intervals_icu.subject import running
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import free_port, python

pytestmark = pytest.mark.dear


def test_from_an_empty_folder_to_the_activities_of_a_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.variables() - {"GARMIN_PERSONAL_API_KEY_FILE", "DASHBOARD_ADDRESS"}:
        monkeypatch.delenv(name, raising=False)
    with running() as intervals:
        for day in ("2024-05-01", "2025-06-01", "2025-07-01"):
            intervals.add(day, f"ride of {day}")
        intervals.put_day(date(2025, 7, 1), asleep_seconds=25_000)
        service = {
            "INTERVALS_BASE_URL": intervals.settings["intervals_base_url"],
            "INTERVALS_ATHLETE_ID": intervals.service.athlete,
            "DAGSTER_HOME": str(tmp_path / "dagster_home"),
        }
        with terminal(
            tmp_path, service, "start", "--service", "intervals_icu", "--archive", "", "--data-dir", ""
        ) as shown:
            shown.read_until("API key: ")
            shown.press(CTRL_C)
            assert shown.read_to_the_end() == 130, shown.seen
        assert [path.name for path in tmp_path.iterdir()] == []
        with terminal(tmp_path, service | a_browser(tmp_path), "start") as shown:
            for question, answer in {
                "Number or name (Enter: none):": "intervals.icu",
                "folder of files (Enter: none):": "",
                "Where to keep everything (Enter: data):": "rides",
                "API key: ": intervals.secret,  # the blank comes once nothing is shown any more
                "Days and nights, too": "y",
            }.items():
                shown.read_until(question)
                shown.press(f"{answer}\r".encode())
            shown.read_until("Ctrl-C stops it.")
            noted = tmp_path / "opened"  # by a process that nobody waits for
            opened = requests.get(until(lambda: noted.exists() and noted.read_text(), bool), timeout=PATIENCE)
            shown.press(CTRL_C)
            assert shown.read_to_the_end() == 0, shown.seen
        assert "ride of 2025-07-01" in opened.text
        assert (intervals.secret in shown.seen, "Body" in opened.text) == (False, True)
        year, _, rest = shown.seen.partition(" is here: in another terminal, ")
        assert ("Published" in year, "Published" in rest, "service up" in rest) == (True, True, True)
        assert names(tmp_path) == ["ride of 2024-05-01", "ride of 2025-06-01", "ride of 2025-07-01"]
        intervals.edit(next(iter(intervals.service.activities)), "renamed")
        for words in (["providers", "pull", "intervals_icu", "--years", "2024"], ["status"]):
            ended = python("-m", "strava_pipeline", *words, cwd=tmp_path, env={**os.environ, **service})
            assert ended.returncode == 0, ended.stderr
        assert "intervals_icu" in ended.stdout
        assert names(tmp_path) == ["renamed", "ride of 2025-06-01", "ride of 2025-07-01"]
        assert "ride of 2025-07-01" in first_page(tmp_path, service)


def test_from_an_empty_folder_to_the_activities_at_strava(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.variables() - {"DASHBOARD_ADDRESS"}:
        monkeypatch.delenv(name, raising=False)
    config = EmulatorConfig(now=datetime(2026, 3, 10, 12, tzinfo=UTC), activities=6, years=(2026, 2026))
    with Emulator(config) as strava:
        service = {
            "STRAVA_BASE_URL": strava.url,
            "STRAVA_FIRST_YEAR": "2026",
            "STRAVA_LEDGER_DIR": str(tmp_path / "ledger"),
            "DAGSTER_HOME": str(tmp_path / "dagster_home"),
        }
        with terminal(tmp_path, service, "start", "--archive", "", "--data-dir", "rides", columns=400) as shown:
            for question, answer in {
                "Number or name (Enter: none):": "strava",
                "Client ID: ": "12345",
                "Client secret: ": "emulator-secret",
            }.items():
                shown.read_until(question)
                shown.press(f"{answer}\r".encode())
            shown.read_until("Paste that address, or its code: ")
            page = next(word for word in shown.seen.split() if word.startswith(f"{strava.url}/oauth/authorize"))
            agreed = requests.get(page, allow_redirects=False, timeout=PATIENCE).headers["Location"]
            shown.press(f"{agreed}\r".encode())
            assert shown.read_to_the_end() == 0, shown.seen
        assert "emulator-secret" not in shown.seen
        missing = re.search(r"descriptions of (\d+) activities are missing: a call each, .* within 1 day\.", shown.seen)
        assert (missing is not None, shown.seen.split()[-1]) == (True, "flow-backfill"), shown.seen
        newest = names(tmp_path)[-1]
        assert len(names(tmp_path)) == 6
        assert newest in first_page(tmp_path, service)


def a_browser(folder: Path) -> dict[str, str]:
    """A screen, and a browser that writes the address that it is to open into `opened`; for a dashboard on a port of its own."""
    for name in ("xdg-open", "open"):
        program = folder.parent / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\nprintf %s \"$1\" > '{folder}/opened'\n")
        program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "DISPLAY": ":9", "DASHBOARD_ADDRESS": f"127.0.0.1:{free_port()}"}


def first_page(folder: Path, settings: dict[str, str]) -> str:
    """The dashboard's first page and its list, as a browser gets them by the address that the command prints."""
    own = {**settings, "DASHBOARD_ADDRESS": f"127.0.0.1:{free_port()}"}
    with terminal(folder, own, "dashboard", columns=400) as shown, requests.Session() as browser:
        shown.read_until("The address logs one browser in")
        link = next(word for word in shown.seen.split() if word.startswith("http://"))
        pages = [browser.get(link, timeout=PATIENCE), browser.get(urljoin(link, "/activities"), timeout=PATIENCE)]
        shown.press(CTRL_C)
        shown.read_to_the_end()
    assert [page.status_code for page in pages] == [200, 200]
    return "".join(page.text for page in pages)


def names(folder: Path) -> list[str]:
    """The activities that are published, the oldest first."""
    with duckdb.connect(str(folder / "rides" / "warehouse" / "strava.duckdb"), read_only=True) as connection:
        return [
            str(name) for (name,) in connection.execute("SELECT name FROM activities ORDER BY start_date").fetchall()
        ]
