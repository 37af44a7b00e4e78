"""examples/dagster under `dg dev`, as a person runs it: a backfill from the UI, a reload, a schedule's tick."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from strava_pipeline_tests.e2e.dagster_dev import DagsterDev, answers, until
from strava_pipeline_tests.foreign import athlete, environment, household
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.rig import Rig

pytestmark = [pytest.mark.slow, pytest.mark.dear, pytest.mark.closed]

RELOAD = 'mutation { reloadRepositoryLocation(repositoryLocationName: "household") { __typename } }'
RUNS = "{ runsOrError { ... on Runs { results { jobName status tags { key value } } } } }"
MADE = ("bronze_activities", "activity_shards", "activities", "published_warehouse")


@contextmanager
def dg_dev(project: Path, athletes: Path) -> Iterator[DagsterDev]:
    """`dg dev` in the project, ended as Ctrl-C does."""
    port, log = free_port(), project.parent / "dev.log"
    command = [str(Path(sys.executable).with_name("dg")), "dev", "--port", str(port)]
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command,
            cwd=project,
            env=environment(project, athletes),
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as process,
    ):
        dev = DagsterDev(f"http://127.0.0.1:{port}", process)
        try:
            until(lambda: answers(dev.url) or process.poll() is not None, bool)
            yield dev
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


@pytest.fixture
def rigs(tmp_path: Path) -> Iterator[dict[str, Rig]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(athlete(tmp_path / "athletes" / name, number, STRAVA_SCHEDULE="'* * * * *'"))
            for number, name in enumerate(("ann", "bob"))
        }


def test_a_backfill_a_reload_and_a_tick_of_two_athletes(rigs: dict[str, Rig], tmp_path: Path) -> None:
    ann, bob = rigs.values()
    project = household(tmp_path)
    config = tmp_path / "home" / "dagster.yaml"
    before = config.read_bytes()
    with dg_dev(project, tmp_path / "athletes") as dev:
        done = dev.backfill([f"ann/{name}" for name in MADE], [2024, 2025, 2026])
        assert done["status"] == "COMPLETED_SUCCESS"
        assert {each["status"] for each in done["runs"]} == {"SUCCESS"}
        wanted = {each["id"] for each in ann.truth() if each["start_date_local"] >= "2024"}
        assert {row[0] for row in ann.gold("SELECT id FROM activities")} == wanted
        assert not bob.lake.bronze.exists()

        with (project / "src" / "household" / "defs" / "bob" / "defs.yaml").open("a") as file:
            file.write("  schedules: true\n")
        assert dev.ask(RELOAD)["reloadRepositoryLocation"]["__typename"] == "WorkspaceLocationEntry"

        def ticked() -> list[str]:
            runs = dev.ask(RUNS)["runsOrError"]["results"]
            of_bob = [each for each in runs if each["jobName"] == "bob__flow"]
            scheduled = {"key": "dagster/schedule_name", "value": "bob__daily_flow"}
            return [each["status"] for each in of_bob if scheduled in each["tags"]]

        assert "FAILURE" not in until(ticked, lambda statuses: {"SUCCESS", "FAILURE"} & {*statuses})
        assert {each["jobName"].split("__")[0] for each in dev.ask(RUNS)["runsOrError"]["results"]} <= {"", "bob"}
    assert {row[0] for row in bob.gold("SELECT id FROM activities")} == {each["id"] for each in bob.truth()}
    assert config.read_bytes() == before
