"""The command: it says where it listens, serves, ends cleanly on a signal, and refuses what it can't do."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import typer

from strava_pipeline.emulator.service import EmulatorConfigError
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.verbs.emulator import emulator
from strava_pipeline_tests.emulator.conftest import config

RUN = "import typer; from strava_pipeline.verbs.emulator import emulator; typer.run(emulator)"
CLOCK = ["--now", "2026-06-01T00:00:00Z"]

app = typer.Typer(add_completion=False)
app.command()(emulator)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    errors = tmp_path / "stderr"
    with errors.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, "--port", "0", "--activities", "30", *CLOCK],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            listening = re.fullmatch(r"Emulator listening on (http://127\.0\.0\.1:\d+)\n", line)
            assert listening
            truth = requests.get(f"{listening[1]}/_emulator/truth", timeout=20).json()
            assert len(truth["activities"]) == 30
            assert truth["activities"][0]["start_date_local"] >= "2015"
            process.send_signal(number)
            process.wait(timeout=20)
            rest = process.stdout.read()
        finally:
            process.kill()
    assert process.returncode == 0
    assert errors.read_text() == ""
    for needed in (f"STRAVA_BASE_URL={listening[1]}", "STRAVA_CLIENT_ID=12345", "STRAVA_CLIENT_SECRET=emulator-secret"):
        assert needed in rest


def test_a_port_in_use_is_named() -> None:
    with Emulator(config(activities=0)) as running:
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(EmulatorConfigError, match=str(port)):
            Emulator(config(activities=0), port=port)


def test_the_emulator_shows_its_memory_to_tests() -> None:
    with Emulator(config(activities=3)) as running:
        truth = json.loads(requests.get(f"{running.url}/_emulator/truth", timeout=20).content)
        assert [row.id for row in running.state.store.existing(running.state.epoch)] == [
            each["id"] for each in truth["activities"]
        ]
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(running.url, timeout=5)
