"""SIGTERM to a process that has only begun: it ends with exit code 0 wherever it was."""

import subprocess
import sys
from textwrap import dedent

import pytest

from strava_pipeline_tests.patience import PATIENCE

KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"


@pytest.mark.parametrize("where", [KILLED, f"exec({KILLED!r})"], ids=["in a module", "in code made of a string"])
def test_a_process_that_has_only_begun_ends_without_an_error(where: str) -> None:
    program = f"""
        from strava_pipeline.verbs.interrupts import end_at_interrupt

        end_at_interrupt()
        {where}
        print("went on")
    """
    ended = subprocess.run(
        [sys.executable, "-c", dedent(program)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
