"""The demo of an archive as a person types it: out of nothing into a warehouse with tracks, in its own folder alone."""

import os
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from strava_pipeline.verbs.demo import MARK
from strava_pipeline.verbs.demo_athlete import athlete_options
from strava_pipeline_tests.e2e.dagster_dev import ROOT

pytestmark = pytest.mark.slow


@pytest.mark.dear
def test_an_archive_becomes_a_warehouse_and_the_queries_that_are_named_work(tmp_path: Path) -> None:
    told = typed(tmp_path, "demo", "--archive", "--activities", "12")
    assert "12 activities" in told
    assert "Published" in told
    assert {path.name for path in tmp_path.iterdir()} == {"demo"}
    assert not (tmp_path / "demo" / "secrets").exists(), "nobody logged in"
    options = (tmp_path / "demo" / MARK).read_text().split()
    until = datetime.fromisoformat(options[options.index("--recorded-until") + 1])
    assert options == list(athlete_options(12, until)), "`dev --demo` has its athlete"
    assert "[[athlete]]" in (tmp_path / "demo" / "goals.toml").read_text()
    queries = [shlex.split(line) for line in told.splitlines() if " sql " in line]
    assert len(queries) == 3
    answers = [typed(tmp_path, *line[line.index("sql") :], "--format", "csv").splitlines() for line in queries]
    assert all(len(lines) > 1 for lines in answers)
    points = sum(int(line.split(",")[2]) for line in answers[0][1:])
    assert points > 100
    again = typed(tmp_path, "demo", "--archive", "--activities", "12")
    assert "Merged: 12 new" in again, "made anew"


def typed(folder: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STRAVA_", "DAGSTER_"))}
    kept = {"STRAVA_DATA_DIR": "demo/data", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "strava_pipeline", *words]
    done = subprocess.run(command, cwd=folder, env=environment | kept, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
