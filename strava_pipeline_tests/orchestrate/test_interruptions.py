"""What earlier runs left undone is done by the next one, whichever verb it is; and nothing is lost on the way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from strava_pipeline.core.errors import NeedsLoginError, PipelineError
from strava_pipeline.orchestrate.job_years import flow_years
from strava_pipeline.verbs.run_job import run_job
from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.orchestrate.test_rebuild import (
    everything,
    lose_all_but_bronze,
    lose_the_warehouse,
    update_to_other_tables,
)
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import NOW, Make, Rig

pytestmark = pytest.mark.slow

LISTING, DETAIL = "/athlete/activities", "/activities/{id}"


def damage_the_warehouse(rig: Rig) -> None:
    rig.lake.working.write_bytes(b"garbage" * 1000)


def flow(rig: Rig) -> Any:
    """The daily run, over the years that it chooses itself."""
    return rig.run("flow", flow_years(rig.settings))


@pytest.mark.dear
@pytest.mark.parametrize(("job", "years"), [("run_all", None), ("flow_backfill", [2026])])
def test_a_flow_after_a_pull_of_everything_merges_every_year(rig: Rig, job: str, years: list[int] | None) -> None:
    rig.begin_with(job, years)
    flow(rig)
    assert rig.one("SELECT count(*) FROM activities") == 30
    rig.do("enrich_all")
    rig.assert_true_to_source()


@pytest.mark.dear
def test_details_that_a_limit_cut_off_after_months_away_come_with_the_next_flow(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    for week in range(15):
        rig.add(NOW + timedelta(days=7 * week + 1))
    rig.control("clock", advance=110 * 86_400)
    capped = rig.run(
        "flow", flow_years(rig.settings), bronze_activities={"max_calls": 6}, bronze_activity_details={"max_calls": 6}
    )
    assert capped.stopped_early
    assert rig.one("SELECT count(*) FROM activity_details") < 45
    flow(rig)
    rig.assert_true_to_source()


@pytest.mark.dear
@pytest.mark.parametrize(
    "lose",
    [
        lose_all_but_bronze,
        damage_the_warehouse,
        *(
            pytest.param(lose, marks=pytest.mark.soak(part="damage"))
            for lose in (lose_the_warehouse, update_to_other_tables)
        ),
    ],
)
def test_the_daily_run_makes_a_lost_or_outdated_warehouse_anew(rig: Rig, lose: Callable[[Rig], object]) -> None:
    rig.begin_with("flow_backfill")
    before = everything(rig)
    lose(rig)
    rig.calls()
    flow(rig)
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert everything(rig) == before


@pytest.mark.dear
def test_a_first_flow_fetches_the_details_of_the_recent_window_only(rig: Rig) -> None:
    flow(rig)
    newest = rig.one("SELECT max(start_date) FROM activities")
    recent = rig.gold(f"SELECT id FROM activities WHERE start_date >= TIMESTAMPTZ '{newest}' - INTERVAL 21 DAY")
    assert set(rig.gold("SELECT activity_id FROM activity_details")) == set(recent)
    rig.calls()
    flow(rig)
    assert rig.calls()["by_endpoint"] == {LISTING: 2}


@pytest.mark.dear
def test_of_a_run_that_died_in_its_details_only_a_short_listing_is_asked_for_again(make_rig: Make) -> None:
    rig = make_rig(activities=20, **QUICK)
    rig.fault("/", "status", status=503, times=-1, after=8)
    with pytest.raises(PipelineError, match="seems to be down"):
        rig.do("flow_backfill")
    rig.clear_faults()
    rig.calls()
    on_disk = len(list(rig.lake.details.rglob("*.json.gz")))
    rig.do("flow_backfill")
    assert rig.calls()["by_endpoint"] == {LISTING: 2, DETAIL: 20 - on_disk}
    rig.assert_true_to_source()
    rig.do("flow_backfill")
    assert rig.calls()["by_endpoint"] == {LISTING: 2}, "the run before came to its end"


@pytest.mark.dear
def test_a_long_listing_whose_run_died_waits_for_its_like_whatever_publishes_meanwhile(make_rig: Make) -> None:
    rig = make_rig(activities=100, settings={"per_page": 1})
    rig.fault("/activities", "status", status=401, times=-1)
    with pytest.raises(NeedsLoginError):
        rig.do("backfill", [2025])
    rig.clear_faults()
    rig.do("backfill", [2026])
    rig.do("compact")
    rig.calls()
    rig.do("backfill", [2025])
    assert LISTING not in rig.calls()["by_endpoint"]
    rig.do("backfill", [2025])
    assert set(rig.calls()["by_endpoint"]) == {LISTING}, "the run before came to its end"


@pytest.mark.dear
@pytest.mark.parametrize("status", [400, 403, 410, 500])
def test_six_poisoned_neighbours_stop_nothing(make_rig: Make, status: int) -> None:
    rig = make_rig(activities=20, **QUICK)
    by_start = sorted(rig.truth(), key=lambda item: item["start_date"], reverse=True)
    sick = [item["id"] for item in by_start[3:9]]
    for one in sick:
        rig.fault(f"/activities/{one}", "status", status=status, times=-1, body={"message": "not this one"})
    outcome = rig.run("flow_backfill")
    assert rig.one("SELECT count(*) FROM activity_details") == 14
    assert outcome.metadata["bronze_activity_details"]["failed_ids"] == [str(one) for one in sick]
    rig.calls()
    rig.do("enrich_all")
    assert rig.calls()["total"] == 0


@pytest.mark.dear
def test_a_rebuild_from_incomplete_bronze_replaces_nothing(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    before = everything(rig)
    with duckdb.connect(str(rig.lake.working)) as connection:
        connection.execute("UPDATE lake_meta SET value = 'older' WHERE key = 'catalogue'")
    aside = rig.folder / "elsewhere"
    shutil.move(rig.lake.listings, aside)
    shutil.rmtree(rig.lake.shards)
    for _ in range(2):
        with pytest.raises(PipelineError, match="activities_all: 30 of 30 published are not in bronze"):
            rig.do("compact")
        assert everything(rig) == before
    shutil.move(aside, rig.lake.listings)
    rig.do("compact")
    assert everything(rig) == before


@pytest.mark.dear
def test_an_error_before_the_first_asset_is_the_error_that_is_told(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    page = next(rig.lake.listings.rglob("page-0001.json.gz"))
    page.write_bytes(b"garbage")
    shutil.rmtree(rig.lake.working.parent)
    shutil.rmtree(rig.lake.shards)
    with pytest.raises(PipelineError, match="holds less than what is published"):
        rig.do("compact")
    rig.do("run_all")
    rig.do("compact")
    rig.assert_true_to_source()


def _hear_signals() -> None:
    """As in a terminal, whatever those who run the tests have ignored (nohup, a background job)."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def start_flow(rig: Rig) -> subprocess.Popen[bytes]:
    """`flow-backfill` in a process of its own, returned once it is at its details."""
    return start(rig, "flow-backfill", rig.lake.details)


def start(rig: Rig, verb: str, until: Path) -> subprocess.Popen[bytes]:
    """A verb in a process of its own, returned once an answer lies in a folder."""
    command = [sys.executable, "-m", "strava_pipeline", verb]
    environment = {**os.environ, **rig.settings.environ()}
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=rig.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=_hear_signals,
    )
    deadline = time.monotonic() + PATIENCE
    while not list(until.rglob("*.json.gz")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(signal.SIGKILL, marks=pytest.mark.soak(part="kills")),
        pytest.param(signal.SIGHUP, marks=pytest.mark.soak(part="kills")),
        signal.SIGINT,
    ],
    ids=lambda how: how.name,
)
def test_killed_in_its_details_it_goes_on_without_repeating_a_call(make_rig: Make, how: signal.Signals) -> None:
    rig = make_rig(activities=60, years=(2026, 2026), latency=0.03, settings={"first_year": 2026})
    process = start_flow(rig)
    process.send_signal(how)
    said = process.communicate(timeout=PATIENCE)[1].decode()
    on_disk = len(list(rig.lake.details.rglob("*.json.gz")))
    asked = rig.calls(all_answered=True)
    if how is not signal.SIGKILL:
        assert process.returncode == 130
        assert "the same command goes on" in said
        assert "Traceback" not in said
    run_job(rig.settings, "flow_backfill", years=rig.years)
    calls = rig.calls()
    assert calls["by_endpoint"][LISTING] == 2, "two pages are asked for again rather than believed"
    assert calls["by_endpoint"][DETAIL] == 60 - on_disk
    assert asked["by_endpoint"][DETAIL] <= on_disk + 1, "at most the one in flight"
    rig.assert_true_to_source()
    with rig.instance() as instance:
        found = sorted(run.status.value for run in instance.get_runs())
    assert found == ["FAILURE", "SUCCESS"], "a dead run is told as failed when the next one begins"


def test_a_run_of_another_data_folder_is_left_alone(rig: Rig, tmp_path: Path) -> None:
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.runs import clean_up
    from strava_pipeline.orchestrate.tags import DATA_DIR

    @dg.job
    def idle() -> None: ...

    with rig.instance() as instance:
        tags = {DATA_DIR: str(tmp_path / "another")}
        other = instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED, tags=tags)
        assert clean_up(instance, rig.lake) == []
        assert clean_up(instance, Lake(tmp_path / "another")) == [other.run_id]
