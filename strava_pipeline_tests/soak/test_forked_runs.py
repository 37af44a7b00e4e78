"""Hundreds of forked runs beside kills, terminations, changed files and restarts of the daemon: each ends, and as it should."""

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from dagster import DagsterRunStatus
from dagster._core.launcher import WorkerStatus

from strava_pipeline.lake.locks import has_died
from strava_pipeline.orchestrate.runs import fail_dead_runs
from strava_pipeline_tests.launching import ENDS, Daemon, use_settings_of
from strava_pipeline_tests.rig import Rig

RUNS = 200
AT_ONCE = 3
JOBS = ("flow", "compact", "run_lite", "backfill")
FATES = (
    ("left alone",) * 10 + ("killed",) * 4 + ("terminated",) * 3 + ("server killed", "file changed", "daemon restarted")
)
MAY_END = {
    "killed": {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE},
    "terminated": {DagsterRunStatus.SUCCESS, DagsterRunStatus.CANCELED},
}
LONGEST = 900  # seconds that a run may take here


@dataclass(slots=True)
class Launched:
    run_id: str
    job: str
    fate: str
    began: float
    strikes: float  # seconds after its process is known


@pytest.mark.soak(part="daemon")
def test_forked_runs_end_as_they_should_whatever_happens_beside_them(
    make_rig: Callable[..., Rig], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rig = make_rig()
    use_settings_of(rig, monkeypatch)
    chance = random.Random(41)
    seen: Counter[Any] = Counter()
    lengths: list[float] = []
    instance = rig.instance()
    one = Daemon(rig, instance.__enter__())
    left, at_work = RUNS, list[Launched]()
    while left or at_work:
        while left and len(at_work) < AT_ONCE:
            job, fate = chance.choice(JOBS), chance.choice(FATES)
            run_id = one.launch(job, (chance.choice(rig.years),))
            usual = sorted(lengths)[len(lengths) // 2] if lengths else 10.0
            at_work.append(Launched(run_id, job, fate, monotonic(), chance.uniform(0, 1.2 * usual)))
            left -= 1
        sleep(0.1)
        for run in list(at_work):
            status = one.status(run.run_id)
            if status in ENDS:
                seen[run.job, run.fate, status.value] += 1
                if run.fate == "left alone":
                    lengths.append(monotonic() - run.began)
                print(RUNS - left - len(at_work), run, status.value, f"{monotonic() - run.began:.1f} s", flush=True)
                assert status in MAY_END.get(run.fate, {DagsterRunStatus.SUCCESS}), one.words(run.run_id)
                at_work.remove(run)
            elif run.strikes >= 0 and monotonic() - run.began > run.strikes:
                run.strikes = -1
                if run.fate == "daemon restarted":
                    instance.__exit__(None, None, None)
                    instance = rig.instance()
                    one = Daemon(rig, instance.__enter__())
                else:
                    strike(one, run, rig)
            elif has_died(rig.lake, run.run_id) and one.health(run.run_id) == WorkerStatus.FAILED:
                sleep(3)  # the server's time to say so
                if one.status(run.run_id) not in ENDS:  # it was killed: then the daemon asks for each run's health
                    seen["found by its health"] += 1
                    fail_dead_runs(one.instance, rig.lake)
            assert monotonic() - run.began < LONGEST, (run, one.words(run.run_id))
    print(*sorted(map(str, seen.items())), sep="\n")
    for left_alone in rig.years:
        assert one.end(one.launch("backfill", (left_alone,))) == DagsterRunStatus.SUCCESS
    rig.assert_true_to_source()
    fail_dead_runs(one.instance, rig.lake)
    assert not list((rig.lake.state / "runs").glob("*.lock"))
    servers = one.launcher._servers._processes
    instance.__exit__(None, None, None)
    for process in servers:
        assert process.wait(60) in (0, -signal.SIGKILL)


def strike(one: Daemon, run: Launched, rig: Rig) -> None:
    """Do to a run what is its fate."""
    if run.fate == "killed":
        with suppress(FileNotFoundError, IndexError, ProcessLookupError):  # it is over, or has just begun
            os.kill(one.process(run.run_id), signal.SIGKILL)
    elif run.fate == "terminated":
        with rig.instance() as web_server:
            Daemon(rig, web_server).launcher.terminate(run.run_id)
    elif run.fate == "server killed":
        one.server.kill()
        one.server.wait()
    elif run.fate == "file changed":
        (rig.folder / ".env").touch()
