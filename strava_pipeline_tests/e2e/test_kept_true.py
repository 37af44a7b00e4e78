"""Emulator and a real Dagster, from the first backfill through edits, deletions and additions: gold follows its source."""

import os
import signal
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.years import years_of_runs
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline_tests.e2e.dagster_dev import DagsterDev, dagster_dev, until
from strava_pipeline_tests.e2e.test_backfill_from_the_ui import ASSETS, YEARS
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.webhooks import by_start

FINISHED = ("SUCCESS", "FAILURE", "CANCELED")


def add(rig: Rig, ago: timedelta) -> int:
    return rig.add(rig.emulator.state.clock.now() - ago)


def is_true(rig: Rig) -> bool:
    try:
        rig.assert_true_to_source()
    except AssertionError:
        return False
    return True


@pytest.mark.soak(part="daemon")
def test_a_backfill_the_schedules_tick_and_a_reconciliation_keep_gold_true(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(activities=120, settings={"automation": True, "schedule": "* * * * *"})
    doomed = add(rig, timedelta(days=2))
    with dagster_dev(rig.settings, tmp_path / "dev.log") as dev:
        backfill = dev.backfill(ASSETS, YEARS)
        assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"] * len(years_of_runs(YEARS)), (
            tmp_path / "dev.log"
        ).read_text()[-5000:]
        rig.assert_true_to_source()

        known = by_start(rig)
        rig.control("edit", id=known[-1], set={"name": "Renamed today"})
        rig.control("delete", id=doomed)
        add(rig, timedelta(hours=5))
        until(lambda: is_true(rig), bool, every=4)  # the daily run, each minute here

        rig.control("delete", id=known[1])
        rig.control("edit", id=known[2], set={"name": "Renamed years later"})
        late = add(rig, timedelta(days=800))
        year = rig.one("SELECT year FROM activities ORDER BY start_date LIMIT 1")
        for partition in {int(year), datetime.fromisoformat(_start(rig, late)).year}:
            assert dev.run("reconcile", {"dagster/partition": str(partition)}) == "SUCCESS"
        rig.assert_true_to_source()
        assert {row[0] for row in rig.gold("SELECT id FROM deleted_activities")} == {known[1], doomed}

        rig.control("delete", id=known[40])
        everything = {"ops": {"bronze_activities": {"config": {"mode": "all"}}}}
        assert dev.run("reconcile", range_tags(range(2022, 2027)), everything) == "SUCCESS"
        rig.assert_true_to_source()
    calls = rig.calls()
    assert (calls["refused"], calls["unauthorized"]) == (0, 0)


def _start(rig: Rig, activity_id: int) -> str:
    return str(next(item["start_date_local"] for item in rig.truth() if item["id"] == activity_id))


VICTIMS = {  # what the command line holds
    "a run": "spawn_main",
    "the daemon": "dagster._daemon",
    "the code server": "api grpc",
    "everything": "",
}


@pytest.mark.soak(part="daemon")
@pytest.mark.parametrize("victim", VICTIMS)
def test_after_a_kill_the_same_home_comes_out_as_if_there_was_none(make_rig: Make, tmp_path: Path, victim: str) -> None:
    rig = make_rig(activities=200, latency=0.05)
    with dagster_dev(rig.settings, tmp_path / "dev.log") as dev:
        launched = dev.launch_backfill(ASSETS, YEARS)
        until(lambda: len(list(rig.lake.details.rglob("*.json.gz"))) > 20, bool, every=0.2)
        killed = kill(dev, victim, rig)
        assert killed, victim
        if victim == "a run":
            until(lambda: dev.backfill_status(launched)["status"] not in ("REQUESTED", "CANCELING"), bool)
    with dagster_dev(rig.settings, tmp_path / "again.log") as dev:
        until(lambda: dev.backfill_status(launched)["status"] not in ("REQUESTED", "CANCELING"), bool)
        backfill = dev.backfill(ASSETS, YEARS)
        assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"] * len(years_of_runs(YEARS)), (
            tmp_path / "again.log"
        ).read_text()[-5000:]
        with rig.instance() as instance:
            assert [run.status.value for run in instance.get_runs() if run.status.value not in FINISHED] == []
    rig.assert_true_to_source()
    assert set(rig.calls()["details"].values()) <= {1, 2}
    assert not list((rig.lake.state / "runs").glob("*.lock"))


def kill(dev: DagsterDev, victim: str, rig: Rig) -> list[int]:
    """kill -9 those of Dagster's processes whose command line holds what is the victim's; a run is known by its lock."""
    runs = {int(path.read_text().split()[0]) for path in (rig.lake.state / "runs").glob("*.lock")}
    found = [pid for pid, command in dev.processes().items() if VICTIMS[victim] in command]
    if victim == "a run":
        found = [pid for pid in found if pid in runs]
    for pid in found:
        with suppress(ProcessLookupError):  # it ended by itself, or with one that was killed before
            os.kill(pid, signal.SIGKILL)
    return found
