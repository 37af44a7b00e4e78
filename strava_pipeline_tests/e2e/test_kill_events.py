"""kill -9 at any durable step of a run that follows webhook events: the next one makes it whole, and asks for nothing twice."""

import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from strava_pipeline_tests.e2e.mortals import choose, mortals
from strava_pipeline_tests.e2e.witness import assert_nothing_is_half
from strava_pipeline_tests.rig import Make
from strava_pipeline_tests.webhooks import subscribed

DRAIN = ("webhooks", "drain")


@pytest.mark.parametrize(
    ("seed", "deaths"),
    [pytest.param(1, 2, marks=pytest.mark.slow), pytest.param(2, 40, marks=pytest.mark.soak(part="kills"))],
)
def test_killed_at_any_step_the_next_run_makes_it_whole(make_rig: Make, tmp_path: Path, seed: int, deaths: int) -> None:
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
        died = 0
        for step in choose(whole, random.Random(seed), deaths, Counter(), dagster=False):
            shutil.rmtree(rig.settings.data_dir)
            shutil.copytree(kept, rig.settings.data_dir)
            life = living.run(*DRAIN, dying=step, in_memory=True)
            assert life.code in (-9, 0), life.said
            died += life.code == -9
            assert_nothing_is_half(rig, tmp_path)
            again = living.run(*DRAIN, in_memory=True)
            assert again.code == 0, f"died at {step}: {again.said}"
            assert "Traceback" not in again.said, f"died at {step}: {again.said}"
            rig.assert_true_to_source()
            asked = rig.calls()["details"]
            assert sum(asked.values()) <= 3, f"died at {step}: {asked}"  # one call may have been under way
    assert died >= deaths * 9 // 10, "a step that a life did not come to kills nobody"
