"""Dagster's daemon that is interrupted while it loads ends at once and says nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from strava_pipeline.verbs.dagster_ui import daemon
from strava_pipeline.verbs.interrupts import quiet_module


def test_a_daemon_that_is_ended_before_it_has_loaded_leaves_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with daemon(tmp_path / "workspace.yaml") as process:
        pass
    assert (process.returncode, *capfd.readouterr()) == (0, "", "")


def test_an_interrupt_while_a_module_loads_ends_it_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "slow_to_load.py").write_text("import signal\nprint('loading', flush=True)\nsignal.pause()\n")
    with subprocess.Popen(
        [sys.executable, "-m", *quiet_module("slow_to_load")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        assert (*process.communicate(timeout=60), process.returncode) == ("", "", 0)
