"""The house's own Dagster: two athletes' runs launched as the UI does, nothing private in it, and no run outlives its own."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from strava_pipeline.lake.locks import process_of_run, runs_that_died, runs_with_lock_file
from strava_pipeline.orchestrate.house.work import ATHLETE, CONFIG, RUN, house_lake
from strava_pipeline_tests.e2e.dagster_dev import RUN as RUN_STATUS
from strava_pipeline_tests.e2e.dagster_dev import DagsterDev, dagster_dev, until
from strava_pipeline_tests.orchestrate.house.homes import House, house
from strava_pipeline_tests.patience import PATIENCE

PARTITIONS = '{ assetNodeOrError(assetKey: {path: ["athlete"]}) { ... on AssetNode { partitionKeys } } }'
TERMINATE = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"
DETAIL = "/activities/{id}"
End = Callable[[House, DagsterDev, str], None]


@pytest.mark.dear
def test_an_admin_runs_everybody_in_one_ui(tmp_path: Path) -> None:
    log = tmp_path / "dev.log"
    with house(tmp_path / "club", "anna", "ben", activities=40, latency=0.2) as club:
        with dagster_dev(club.settings, log, "--house") as dev:
            until(lambda: dev.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"], lambda who: who == ["anna", "ben"])
            foreign = requests.post(
                f"{dev.url}/graphql", json={}, headers={"Origin": "http://evil.example"}, timeout=PATIENCE
            )
            assert foreign.status_code == 403
            backfill = dev.backfill([ATHLETE], ["anna", "ben"])
            assert backfill["status"] == "COMPLETED_SUCCESS", log.read_text()[-5000:]
            for rig in club.rigs.values():
                with rig.instance() as own:
                    assert "flow" in {run.job_name for run in own.get_runs()}
            assert_ends_with(cancel, "CANCELED", club, dev)
            assert_ends_with(kill, "FAILURE", club, dev)
        assert_nothing_private(club, log)


def assert_ends_with(end: End, status: str, club: House, dev: DagsterDev) -> None:
    """A run that ends so amid the details of the years ends its process, which keeps what it fetched."""
    rig = club.rigs["anna"]
    rig.calls()
    work = {"ops": {ATHLETE: {CONFIG: {"job": "enrich-all"}}}}
    run_id = dev.launch(RUN, {"dagster/partition": "anna"}, work, location="house")
    until(lambda: rig.calls(reset=False)["by_endpoint"].get(DETAIL, 0) > 2, bool, every=0.1)
    assert runs_with_lock_file(rig.lake)
    end(club, dev, run_id)
    until(lambda: runs_that_died(rig.lake) == runs_with_lock_file(rig.lake), bool, every=0.1)
    until(lambda: dev.ask(RUN_STATUS, id=run_id)["runOrError"]["status"], lambda found: found == status)


def cancel(club: House, dev: DagsterDev, run_id: str) -> None:
    assert dev.ask(TERMINATE, id=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"


def kill(club: House, dev: DagsterDev, run_id: str) -> None:
    process = process_of_run(house_lake(club.settings), run_id)
    assert process is not None
    os.kill(process, signal.SIGKILL)


def assert_nothing_private(club: House, log: Path) -> None:
    """Of nobody's activities there is a name or a position, and no secret, in the house's Dagster and its log."""
    kept = b"".join(path.read_bytes() for path in [log, *club.home.rglob("*")] if path.is_file())
    for rig in club.rigs.values():
        for activity in rig.truth():
            assert activity["name"].encode() not in kept
            for coordinate in activity.get("start_latlng") or ():
                assert str(coordinate).encode() not in kept
        for secret in rig.secrets:
            assert secret.encode() not in kept
