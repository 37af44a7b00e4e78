"""Whoever reads what a command prints, and stops."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from strava_pipeline_tests.trips.activity.sources import NEW, OLD, rides, write_sqlite


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", ["export", "diagnose", "diagnose --format json", "replay", "replay --format json", "sweep --format json"]
)
def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path, words: str) -> None:
    write_sqlite(tmp_path / "trips.sqlite", rides(150, 40))
    where = ["--source", "sqlite:///trips.sqlite", "--keys-env", "KEYS"]
    command = [
        sys.executable,
        "-c",
        "from strava_pipeline.cli import main; main()",
        "trips",
        "activity",
        *words.split(),
        *where,
    ]
    environment = {**os.environ, "KEYS": f"{NEW},{OLD}"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before the first line is written
        said = process.stderr.read().decode()
        assert (process.wait(60), said) == (0, "")
