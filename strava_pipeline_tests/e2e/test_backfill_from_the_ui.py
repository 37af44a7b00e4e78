"""An emulator, a real Dagster with daemon and web server, a backfill launched as the UI launches it, and readers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from strava_pipeline.core.years import years_of_runs
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.orchestrate.jobs import JOBS
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline_tests.e2e.dagster_dev import dagster_dev, until
from strava_pipeline_tests.operations.test_insights import in_files, rides
from strava_pipeline_tests.operations.test_several_years import by_start, names
from strava_pipeline_tests.orchestrate.run_logs import structured_logs
from strava_pipeline_tests.orchestrate.test_held_years import break_shard
from strava_pipeline_tests.rig import Make

ASSETS = [*JOBS["backfill"].assets]
YEARS = [2022, 2023, 2024, 2025, 2026]
RUNS = years_of_runs(YEARS)
READER = Path(__file__).with_name("reader.py")


@contextmanager
def reader(snapshot: Path) -> Iterator[Callable[[], dict[str, list[str]]]]:
    """A reader in a process of its own; call what is yielded to end it and hear what it saw."""
    command = [sys.executable, str(READER), str(snapshot)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield lambda: dict(json.loads(process.communicate()[0]))


@pytest.mark.soak(part="daemon")
def test_five_years_launched_at_once_come_out_true_while_two_readers_look_on(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(activities=400)
    with writing(rig.lake):
        pass
    publish(rig.lake)  # the readers are there before the first year is
    with ExitStack() as stack:
        endings = [stack.enter_context(reader(rig.lake.snapshot)) for _ in range(2)]
        dev = stack.enter_context(dagster_dev(rig.settings, tmp_path / "dev.log"))
        backfill = dev.backfill(ASSETS, YEARS)
        seen = [end() for end in endings]
        assert backfill["status"] == "COMPLETED_SUCCESS", (tmp_path / "dev.log").read_text()[-5000:]
        assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"] * len(RUNS)
        for found in seen:
            assert found["problems"] == []
            assert found["counts"][-1] == 400
        rig.assert_true_to_source()
        calls = rig.calls()
        assert set(calls["details"].values()) == {1}
        assert (calls["by_endpoint"]["/activities/{id}"], calls["refused"]) == (400, 0)

        # the daily flow as the schedule requests it: one run over a range, through the queue
        edited = max(rig.truth(), key=lambda item: item["start_date"])["id"]
        rig.control("edit", id=edited, set={"name": "Renamed while the daemon ran"})
        assert dev.run("flow", range_tags([2025, 2026])) == "SUCCESS"
        rig.assert_true_to_source()
        assert rig.calls()["by_endpoint"] == {"/athlete/activities": 2, "/activities/{id}": 1}
    logs = structured_logs(rig.settings.logs_dir)
    began = [rows[0]["fields"] for rows in logs]
    *years, flow = began
    assert sorted((one["first_year"], one["last_year"]) for one in years) == sorted((run[0], run[-1]) for run in RUNS)
    assert {one["started_by"].split()[0] for one in years} == {"backfill"}
    assert (flow["job"], flow["started_by"]) == ("flow", "Dagster's UI")
    assert [rows[-1]["fields"]["outcome"] for rows in logs] == ["done"] * len(began)
    log = (tmp_path / "dev.log").read_text()
    for secret in rig.secrets:
        assert secret not in log
    assert "warning" not in log.lower()


@pytest.mark.dear
def test_everything_typed_beside_a_backfill_from_the_ui_asks_for_nothing_twice(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(activities=150, latency=0.05, settings={"log_stdout": "json"})
    rig.control("expire-tokens")
    rig.calls()
    command = [sys.executable, "-m", "strava_pipeline", "flow-backfill", "--wait"]
    environment = {**os.environ, **rig.settings.environ()}
    with dagster_dev(rig.settings, tmp_path / "dev.log") as dev, ThreadPoolExecutor() as beside:
        launched = beside.submit(dev.backfill, ASSETS, YEARS)
        until(lambda: any(rig.lake.details.rglob("*.json.gz")), bool, every=0.2)
        typed = subprocess.run(command, cwd=rig.folder, env=environment, capture_output=True, timeout=240, check=False)
        backfill = launched.result()
    said = (typed.stdout + typed.stderr).decode()
    assert typed.returncode == 0, said
    assert not any(word in said for word in ("Traceback", "lock", "Error")), said
    assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"] * len(RUNS), (tmp_path / "dev.log").read_text()
    calls = rig.calls()
    assert (set(calls["details"].values()), calls["refused"]) == ({1}, 0)
    logins = [entry for entry in calls["log"] if entry[2] == "/oauth/token" or entry[3] == 401]
    assert calls["token"] == 1, logins
    rig.assert_true_to_source()
    for year in YEARS:
        assert in_files(rig, year) == rides(rig, year), "each year's run ends with its insights"
    on_stdout = [line for line in (typed.stdout + (tmp_path / "dev.log").read_bytes()).splitlines() if line[:1] == b"{"]
    in_files_of_logs = [row for rows in structured_logs(rig.settings.logs_dir) for row in rows]
    assert sorted(map(json.loads, on_stdout), key=repr) == sorted(in_files_of_logs, key=repr)


@pytest.mark.soak(part="daemon")
def test_a_year_that_fails_is_launched_again_alone(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(activities=40)
    rig.begin_with("flow_backfill")
    years = [2022, 2023, 2024, 2025]
    for year in years:
        rig.control("edit", id=by_start(rig, year)[1], set={"name": f"Renamed in {year}"})
    rig.do("run_all")
    shard = break_shard(rig, 2024)
    with dagster_dev(rig.settings, tmp_path / "dev.log") as dev:
        failed = dev.backfill([*JOBS["compact"].assets], years)
        assert (failed["status"], [run["status"] for run in failed["runs"]]) == ("COMPLETED_FAILED", ["FAILURE"])
        assert names(rig) == {"Renamed in 2022", "Renamed in 2023", "Renamed in 2025"}
        shard.unlink()
        rig.do("run", [2024])
        again = dev.over(dev.launch_failed(failed["id"]))
    assert (again["status"], [run["status"] for run in again["runs"]]) == ("COMPLETED_SUCCESS", ["SUCCESS"])
    with rig.instance() as instance:
        (run,) = (instance.get_run_by_id(run["id"]) for run in again["runs"])
    assert run is not None
    assert years_of_run(run) == [2024]
    assert names(rig) == {f"Renamed in {year}" for year in years}
