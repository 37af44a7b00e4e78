"""lake.locks and the warehouse's lock between real processes: one at a time, and a lock dies with its holder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from strava_pipeline.lake.locks import (
    forget_run,
    has_died,
    holder,
    is_live,
    live_run,
    locked,
    process_of_run,
    runs_with_lock_file,
    try_locked,
)
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.patience import PATIENCE

HOLD = """
import signal
import sys
from pathlib import Path
from strava_pipeline.lake.locks import live_run, locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.gold.warehouse import writing
lake, name = Lake(Path(sys.argv[1])), sys.argv[2]
signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored by what a shell began in the background
held = {"run": lambda: live_run(lake, "r1"), "warehouse": lambda: writing(lake)}.get(
    name, lambda: locked(lake, name, who="the other one")
)
with held() as connection:
    if name == "warehouse":
        connection.execute("INSERT INTO activities_all BY NAME SELECT 1 AS id")
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def held(lake: Lake, name: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a lock until its standard input ends or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lake.data_dir), name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait(timeout=PATIENCE)
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.close()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait(timeout=PATIENCE) == -signal.SIGKILL


@pytest.mark.slow
def test_a_lock_dies_with_its_holder(lake: Lake) -> None:
    with held(lake, "flow") as process:
        with try_locked(lake, "flow") as free:
            assert not free
        kill(process)
        with try_locked(lake, "flow") as free:
            assert free


@pytest.mark.slow
def test_another_process_is_told_who_holds_a_lock(lake: Lake) -> None:
    assert holder(lake, "flow") == "another process"
    with held(lake, "flow") as process:
        assert holder(lake, "flow") == f"the other one (process {process.pid})"


@pytest.mark.parametrize("note", ["", "{", "[]", "5", '{"pid": 5}'])
def test_a_note_that_says_nothing_is_another_process(lake: Lake, note: str) -> None:
    with locked(lake, "flow", who="me"):
        (lake.state / "locks" / "flow.json").write_text(note)
        assert holder(lake, "flow").startswith("another process")


def test_a_free_lock_is_taken_and_freed_again_also_after_an_exception(lake: Lake) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), locked(lake, "flow", who="me"):
            raise RuntimeError("the body failed")
        with pytest.raises(RuntimeError), try_locked(lake, "flow"):
            raise RuntimeError("the body failed")
        with try_locked(lake, "flow") as free:
            assert free
    assert json.loads((lake.state / "locks" / "flow.json").read_text()) == {"who": "me", "pid": os.getpid()}


def test_locks_of_different_names_do_not_hinder_each_other(lake: Lake) -> None:
    with locked(lake, "details-2025"), try_locked(lake, "details-2026") as free:
        assert free


@pytest.mark.slow
def test_a_run_is_live_as_long_as_its_process(lake: Lake) -> None:
    assert not is_live(lake, "r1")
    with held(lake, "run") as process:
        assert is_live(lake, "r1")
        kill(process)
        assert not is_live(lake, "r1")
        assert has_died(lake, "r1")
    assert runs_with_lock_file(lake) == ["r1"], "until somebody has told of its death"
    forget_run(lake, "r1")
    assert not runs_with_lock_file(lake)
    assert not has_died(lake, "r1")


def test_a_run_that_ended_leaves_nothing_behind(lake: Lake) -> None:
    with live_run(lake, "r1"):
        assert (lake.state / "runs" / "r1.lock").exists()
    assert not is_live(lake, "r1")
    assert not runs_with_lock_file(lake)


def test_a_run_whose_end_nobody_heard_of_is_told_dead(lake: Lake) -> None:
    with pytest.raises(RuntimeError), live_run(lake, "r2"):
        raise RuntimeError("Dagster's own storage failed")
    assert not is_live(lake, "r2")
    assert has_died(lake, "r2")


def test_the_process_of_a_run_is_known_and_never_another_in_its_place(lake: Lake) -> None:
    assert process_of_run(lake, "r1") is None
    with held(lake, "run") as process:
        path = lake.state / "runs" / "r1.lock"
        own = path.read_text()
        for other in ("", "x", f"{process.pid} 1 2", own.replace(str(process.pid), str(os.getppid()), 1)):
            path.write_text(other)
            assert process_of_run(lake, "r1") is None
        path.write_text(own)
        assert process_of_run(lake, "r1") == process.pid
    assert process_of_run(lake, "r1") is None
