"""Limits: waited for or stopped at, never run into, and nothing fetched before them is lost."""

import logging
from datetime import UTC, datetime

import pytest

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.operations.fetching_steps import fetch_details
from strava_pipeline.operations.options import DetailsOptions
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline_tests.rig import Make, Rig

pytestmark = pytest.mark.dear


def test_a_cap_and_cushions_leave_calls_unused(make_rig: Make) -> None:
    rig = make_rig(activities=40, limits=Limits(900, 2000, 900, 30))
    capped = rig.do("flow_backfill", bronze_activities={"max_calls": 5}, bronze_activity_details={"max_calls": 5})
    assert "--max-calls" in str(capped.stopped)
    assert rig.calls()["total"] == 5
    rig.do("enrich_all", bronze_activity_details={"cushion_daily": 10})
    assert rig.calls()["total"] == 15, "30 a day, 5 used, 10 left to others"


def test_a_listing_that_met_a_limit_is_merged_as_far_as_it_came_and_goes_on(make_rig: Make) -> None:
    rig = make_rig(activities=50)
    rig.do("run_all", bronze_activities={"per_page": 10, "max_calls": 3})
    rig.do("compact")
    assert rig.one("SELECT count(*) FROM activities") == 30
    rig.calls()
    rig.do("flow_backfill", bronze_activities={"per_page": 10})
    assert rig.calls()["by_endpoint"]["/athlete/activities"] <= 4 + 2, "what is left, and what is recent once more"
    rig.assert_true_to_source()


class Watching(LogProgress):
    """Notes what readers see whenever the run begins to wait: activities and details."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(logging.getLogger(__name__))
        self.rig, self.seen = rig, list[tuple[int, int]]()

    def waiting(self, why: str, seconds: float) -> None:
        found = self.rig.golds({name: f"SELECT count(*) FROM {name}" for name in ("activities", "activity_details")})
        now = (found["activities"][0][0], found["activity_details"][0][0])
        self.seen += [now] if self.seen[-1:] != [now] else []  # one wait is shown several times


@pytest.mark.parametrize("years", [[2024, 2025, 2026]])
def test_what_a_run_has_is_published_while_it_waits_for_a_limit(make_rig: Make, years: list[int]) -> None:
    rig = make_rig(activities=40, jumping=True, limits=Limits(900, 2000, 10, 900))
    rig.do("run_all")
    rig.do("compact", years)
    rig.lake.snapshot.unlink()
    watching = Watching(rig)
    run = run_context(rig.settings, watching)
    fetch_details(run, BudgetedSource(STRAVA, rig.settings, run), DetailsOptions(scope="all"), years)
    activities = sum(item["start_date_local"][:4] in map(str, years) for item in rig.truth())
    assert {seen for seen, _ in watching.seen} == {activities}
    details = [seen for _, seen in watching.seen]
    assert details == sorted({*details}), "more each time"
    assert details[0] > 0
    assert len(details) > 1


@pytest.mark.parametrize("server", [2026, 2090], ids=["the host's clock is ahead", "the host's clock is behind"])
def test_a_host_whose_clock_is_wrong_calls_as_often_as_any_other(make_rig: Make, server: int) -> None:
    now = datetime(server, 3, 10, 23, 50, tzinfo=UTC)
    rig = make_rig(
        activities=12, years=(2026, 2026), now=now, limits=Limits(99, 999, 99, 10), settings={"first_year": 2026}
    )
    assert "03-11 00:00:00 UTC" in str(rig.do("flow_backfill").stopped)
    assert "03-11 00:00:00 UTC" in str(rig.do("flow_backfill").stopped)
    rig.control("clock", set=f"{server}-03-11T00:00:01Z")
    assert rig.do("flow_backfill").stopped is None
    calls = rig.calls()
    assert (calls["by_endpoint"], calls["refused"]) == ({"/athlete/activities": 4, "/activities/{id}": 12}, 0)
    rig.assert_true_to_source()
