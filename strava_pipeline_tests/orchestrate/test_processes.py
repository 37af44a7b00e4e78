"""Each asset in a process of its own: what one leaves for the next is on disk, so the result is that of one process."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.orchestrate.build import build_defs
from strava_pipeline_tests.rig import Rig, started

pytestmark = pytest.mark.slow
YEAR = 2025
PROCESSES = dg.multiprocess_executor.configured({"start_method": {"forkserver": {}}, "max_concurrent": 2})
ROWS = "SELECT a.id, a.name, a.kudos_count, d.description FROM activities a JOIN activity_details d ON d.activity_id = a.id"


def backfill() -> dg.JobDefinition:
    """The job as the processes of its steps make it: from the environment alone."""
    return build_defs(Settings.load(), executor=PROCESSES).resolve_job_def("backfill")


@pytest.mark.soak(part="daemon")  # runs are one process each, unless somebody says otherwise
def test_a_year_run_by_a_process_per_step_is_as_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "many").mkdir()
    (tmp_path / "one").mkdir()
    with started(tmp_path / "many") as many, started(tmp_path / "one") as one:
        for name, value in many.settings.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.syspath_prepend(tmp_path)  # the processes are given all but the first of the path
        with many.instance() as instance:
            job, tags = dg.reconstructable(backfill), {"dagster/partition": str(YEAR)}
            assert dg.execute_job(job, instance, tags=tags, raise_on_error=True).success
        one.run("backfill", [YEAR])
        (calls, rows, listed), expected = came(many), came(one)
        assert (calls, rows, listed) == expected
        assert listed == [(True, True)]
        assert rows


def came(rig: Rig) -> tuple[dict[str, int], list[Any], list[tuple[bool, bool]]]:
    """The calls, the rows in gold, and of each listing whether it is complete and was used to its end."""
    manifests = [listing.manifest for listing in listings(rig.lake)]
    return rig.calls()["by_endpoint"], sorted(rig.gold(ROWS)), [(one.complete, one.settled) for one in manifests]
