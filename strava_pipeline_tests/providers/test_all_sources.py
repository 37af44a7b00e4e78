"""The jobs `backfill_sources` and `sync_month`: a year or a month of Strava and of every enabled provider in one run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.emulator.service import Fault
from strava_pipeline.orchestrate.jobs import JOBS, MONTH_JOB, SOURCES_JOB, jobs_of
from strava_pipeline.orchestrate.runs import RESUMABLE, assets_of, job_of
from strava_pipeline.orchestrate.tags import limit_tag
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.subjects import ToySubject
from strava_pipeline_tests.providers.toy_service import Toy
from strava_pipeline_tests.providers.two_toys import rig_with, two_toys
from strava_pipeline_tests.rig import Rig, definitions


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ToySubject, Toy]]:
    """Two toys with two rides of 2025 and one of 2024 each, with files; one of these rides is the same at both."""
    both = ("2024-06-01", "2025-06-01")
    with two_toys(monkeypatch, of_toy=(*both, "2025-07-01"), of_tin=(*both, "2025-08-01")) as found:
        yield found


@pytest.fixture
def rig(make_rig: Any, services: tuple[ToySubject, Toy], tmp_path: Path) -> Any:
    return rig_with(make_rig, services[0], tmp_path, "toy", "tin")


def listed(service: Toy) -> int:
    return sum(path.partition("?")[0] == "/activities" for _, _, path, _ in service.journal.log)


SHOWN = "SELECT name FROM activities_all WHERE source IN ('toy', 'tin') AND year = 2025 ORDER BY name"
OF_STRAVA = "SELECT count(*) FROM activities_all WHERE source = 'strava' AND year = 2025"


@pytest.mark.dear
def test_one_run_lists_the_year_at_every_service_and_merges_once(rig: Rig, services: tuple[ToySubject, Toy]) -> None:
    outcome = rig.run(SOURCES_JOB, [2025])
    assert outcome.stopped_early is None
    found = outcome.metadata
    assert [found[name]["listing_mode"] for name in ("bronze_activities", "bronze_toy", "bronze_tin")] == ["year"] * 3
    here = [item for item in rig.truth() if item["start_date_local"].startswith("2025")]
    assert found["activities"]["inserted"] == len(here) + 4
    assert found["published_warehouse"]["replaced"]
    assert rig.gold(SHOWN) == [("tin 2025-06-01",), ("tin 2025-08-01",), ("toy 2025-06-01",), ("toy 2025-07-01",)]
    assert rig.one(OF_STRAVA) == len(here)
    assert rig.one("SELECT count(*) FROM activities WHERE year = 2025") == len(here) + 3, "one ride is at both toys"
    assert found["bronze_activity_details"]["received"] == len(here)
    files = [found[f"bronze_{name}_files"]["received"] for name in ("toy", "tin")]
    assert sum(files) == 3, "the file of a ride that both have is asked for once"
    assert (listed(services[0].toy), listed(services[1])) == (1, 1)


@pytest.mark.dear
def test_one_that_fails_and_one_with_a_limit_keep_no_other_unmerged(rig: Rig, services: tuple[ToySubject, Toy]) -> None:
    one, other = services
    one.fail(kind="status", status=500, times=3)
    other.headers = [(b"Retry-After", b"7200")]
    other.faults.order(Fault.from_order({"path": "/bikes", "exact": True, "kind": "status", "status": 429}, ""))
    job = definitions(rig.settings).resolve_job_def(SOURCES_JOB)
    result = job.execute_in_process(partition_key="2025", instance=rig.remembered, raise_on_error=False)
    run = there(rig.remembered.get_run_by_id(result.run_id))
    assert (run.status, limit_tag("toy") in run.tags) == (dg.DagsterRunStatus.FAILURE, False)
    assert run.tags[limit_tag("tin")] == "bronze_tin", "the sensor of that service goes on"
    assert rig.gold(SHOWN) == [("tin 2025-06-01",), ("tin 2025-08-01",)]
    assert rig.one(OF_STRAVA) > 0


@pytest.mark.dear
def test_a_month_of_all_is_listed_merged_and_proposed_at_once(rig: Rig, services: tuple[ToySubject, Toy]) -> None:
    choices = '[providers.toy]\nenabled = true\nwrite = ["name"]\n[providers.tin]\nenabled = true\npriority = 1\n'
    rig.settings.providers_config.write_text(choices)
    job = definitions(rig.settings).resolve_job_def(MONTH_JOB)

    def run(month: str, year: str) -> bool:
        config = jobs_of(rig.settings)[MONTH_JOB].run_config(matching={"months": [month]})
        done = job.execute_in_process(config, rig.remembered, partition_key=year, raise_on_error=False)
        return done.success

    assert run("2025-06", "2025")
    in_june = [("tin 2025-06-01",), ("toy 2025-06-01",), ("toy 2025-07-01",)]  # a window is a day wider than its month
    assert rig.gold(SHOWN) == in_june
    shown = rig.gold("SELECT kind, provider, month, source FROM proposed_changes")
    assert shown == [("update_name", "toy", "2025-06", "tin")], "also of a month that runs propose nothing of"
    assert (listed(services[0].toy), listed(services[1])) == (1, 1)
    assert not run("2025-08", "2024"), "the partition is another year's"
    assert (listed(services[0].toy), listed(services[1])) == (1, 1)


def test_what_a_limit_of_strava_s_stopped_is_gone_on_with_as_a_backfill() -> None:
    run = dg.DagsterRun(SOURCES_JOB)
    assert job_of(run) == "backfill"
    assert job_of(run) in RESUMABLE
    assert assets_of(run) == {*JOBS["backfill"].assets}
