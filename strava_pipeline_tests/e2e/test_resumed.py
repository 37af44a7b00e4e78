"""A real daemon, and days that pass in minutes: what the day's limit stopped goes on after midnight, once, to its end."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.orchestrate.tags import RESUMES
from strava_pipeline.verbs.run_job import run_job
from strava_pipeline_tests.e2e.dagster_dev import dagster_dev, until
from strava_pipeline_tests.receiver import receiver
from strava_pipeline_tests.rig import Make, Rig

pytestmark = pytest.mark.soak(part="daemon")  # a day there takes minutes here

SPEED = 900.0  # a day passes in a minute and a half
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # the first run has met the day's limit long before the day is over


def test_what_the_days_limit_stopped_goes_on_after_midnight_once(make_rig: Make, tmp_path: Path) -> None:
    with receiver() as told:
        rig = make_rig(
            activities=60,
            years=(2025, 2025),
            now=NOON,
            speed=SPEED,
            limits=Limits(900, 2000, 900, 40),
            settings={"first_year": 2025, "clock_speed": SPEED, "automation": True, "alert_url": told.url},
        )
        run_job(rig.settings, "flow", years=rig.years)  # or the daily run would be caught up on
        stopped = run_job(rig.settings, "backfill", years=[2025])
        assert stopped.stopped_early
        with dagster_dev(rig.settings, tmp_path / "dev.log"), rig.instance() as instance:

            def resumed() -> list[dg.DagsterRun]:
                return [run for run in instance.get_runs() if RESUMES in run.tags]

            until(lambda: all(run.is_finished for run in resumed()) and missing(rig) == 0, bool)
            runs = resumed()
        chain = [stopped.run_id, *(run.run_id for run in reversed(runs))]
        assert [run.tags[RESUMES] for run in reversed(runs)] == chain[:-1], (tmp_path / "dev.log").read_text()[-5000:]
        assert {run.job_name for run in runs} == {"backfill"}
        assert all(run.is_success for run in runs)
        assert told.got == []
        calls = rig.calls()
        assert (set(calls["details"].values()), calls["refused"]) == ({1}, 0)


def missing(rig: Rig) -> int:
    """Activities of 2025 without their detail."""
    return int(
        rig.one(
            "SELECT count(*) FROM activities AS a ANTI JOIN activity_details AS d ON d.activity_id = a.id WHERE year = 2025"
        )
    )
