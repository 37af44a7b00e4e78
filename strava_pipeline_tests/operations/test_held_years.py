"""operations.held_years: what a run has noted is there for its later steps, and goes a month after it."""

import logging
import os
from datetime import timedelta
from pathlib import Path

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.operations.held_years import held_years, hold_back
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline_tests.rig import NOW


def test_notes_are_kept_for_a_month(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")

    def run(name: str) -> RunContext:
        return run_context(
            settings, LogProgress(logging.getLogger("run")), run_id=name, clock=machine_clock(now=lambda: NOW)
        )

    wrong = [Finding("rows add up", False, years=frozenset({2024}))]
    for days in (29, 31):
        hold_back(run(f"{days} days ago"), "activities", wrong)
        path = run("").lake.state / "held_years" / f"{days} days ago.json"
        os.utime(path, 2 * ((NOW - timedelta(days=days)).timestamp(),))
    hold_back(run("now"), "activities", wrong)
    why = {2024: "activities: rows add up"}
    assert [held_years(run(name)) for name in ("now", "29 days ago", "31 days ago")] == [why, why, {}]
