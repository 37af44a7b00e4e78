"""kill -9 at any durable step of a run that follows webhook events: the next one makes it whole, and asks for nothing twice."""

import shutil
from pathlib import Path

import pytest

from strava_pipeline_tests.e2e.mortals import mortals
from strava_pipeline_tests.e2e.witness import deaths
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.webhooks import subscribed

DRAIN = ("webhooks", "drain")


@pytest.mark.parametrize(
    ("seed", "most"),
    [pytest.param(1, 2, marks=pytest.mark.slow), pytest.param(2, 40, marks=pytest.mark.soak(part="kills"))],
)
def test_killed_at_any_step_the_next_run_makes_it_whole(make_rig: Make, tmp_path: Path, seed: int, most: int) -> None:
    rig = make_rig(activities=10, years=(2026, 2026), settings={"first_year": 2025})
    rig.do("flow_backfill", [2025, 2026])
    first, second, gone, *_ = [key for (key,) in rig.gold("SELECT id FROM activities ORDER BY id")]
    with subscribed(rig):
        for key in (first, second):
            rig.control("edit", id=key, set={"name": f"Renamed {key}", "description": "in other words"})
        rig.control("delete", id=gone)
    rig.emulator.state.clock.advance(60)
    kept = tmp_path / "kept"
    shutil.copytree(rig.settings.data_dir, kept)
    rig.calls()
    with mortals(rig.settings, tmp_path) as living:
        whole = living.run(*DRAIN, in_memory=True)
        assert whole.code == 0, whole.said
        rig.assert_true_to_source()
        assert rig.calls()["details"] == {str(first): 1, str(second): 1}
        for step in deaths(living, rig, DRAIN, whole, seed, most, kept):
            again = living.run(*DRAIN, in_memory=True)
            assert again.code == 0, f"died at {step}: {again.said}"
            assert "Traceback" not in again.said, f"died at {step}: {again.said}"
            rig.assert_true_to_source()
            asked = rig.calls()["details"]
            assert sum(asked.values()) <= 3, f"died at {step}: {asked}"  # one call may have been under way
