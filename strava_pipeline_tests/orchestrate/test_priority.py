"""The daily run beside a backfill that waits for a limit: it finds calls, locks and a place in the queue."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.orchestrate.home import own_configuration
from strava_pipeline.verbs.run_job import RunOutcome, run_job
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import Make, Rig

pytestmark = pytest.mark.slow

LISTING, DETAIL = "/athlete/activities", "/activities/{id}"


class Watcher:
    """A progress that remembers each limit waited for, and lets `meanwhile` happen at the first."""

    def __init__(self, meanwhile: Callable[[], Any] = lambda: None) -> None:
        self.waits: list[str] = []
        self._meanwhile = meanwhile

    def begin(self, what: str, total: int | None, eta: object = None) -> None: ...

    def advance(self, steps: int = 1) -> None: ...

    def waiting(self, why: str, seconds: float) -> None:
        self.waits.append(why)
        if len(self.waits) == 1:
            self._meanwhile()

    def say(self, text: str) -> None: ...

    def end(self) -> None: ...


def run(rig: Rig, job: str, watcher: Watcher, **told: dict[str, Any]) -> RunOutcome:
    return run_job(rig.settings, job, years=[2026], config=told, progress_of=lambda: watcher, instance=rig.remembered)


@pytest.mark.dear
def test_a_daily_run_beside_a_waiting_backfill_of_its_year_waits_for_nothing(make_rig: Make) -> None:
    rig = make_rig(
        activities=60,
        years=(2026, 2026),
        jumping=True,
        limits=Limits(200, 2000, 50, 1000),
        settings={"first_year": 2026},
    )
    oldest = min(rig.truth(), key=lambda item: item["start_date"])["id"]
    daily, done = Watcher(), []

    def meanwhile() -> None:
        new = rig.control("add", activity={"start_date": "2026-03-10T09:00:00Z"})["id"]
        done.append(run(rig, "flow", daily))
        assert rig.gold(f"SELECT activity_id FROM activity_details WHERE activity_id = {new}")
        done.append(run(rig, "enrich", daily, bronze_activity_details={"scope": "window", "ids": [oldest]}))

    def beside() -> None:
        thread = threading.Thread(target=meanwhile)  # another thread has no part in the locks of the first
        thread.start()
        thread.join(PATIENCE)
        assert len(done) == 2, "it waits for the backfill's lock"

    backfill = Watcher(beside)
    assert run(rig, "backfill", backfill).stopped_early is None
    assert "(5 of them are kept back)" in backfill.waits[0]
    assert (daily.waits, [outcome.stopped_early for outcome in done]) == ([], [None, None])
    calls = rig.calls()
    assert (set(calls["details"].values()), calls["by_endpoint"][DETAIL], calls["refused"]) == ({1}, 61, 0)
    rig.do("flow")
    rig.assert_true_to_source()


@pytest.mark.dear
def test_looking_again_is_no_reason_to_wait(make_rig: Make) -> None:
    rig = make_rig(
        activities=25,
        years=(2026, 2026),
        limits=Limits(900, 9000, 50, 9000),
        settings={"first_year": 2026, "days": 400, "refresh_calls": 20},
    )
    rig.do("flow_backfill")
    rig.control("clock", advance=21 * 3600)
    rig.control("limits", limits="900,9000/12,9000")
    rig.calls()
    assert run(rig, "flow", Watcher(lambda: pytest.fail("it waits"))).stopped_early is None
    calls = rig.calls()
    assert (calls["by_endpoint"], calls["refused"]) == ({LISTING: 2, DETAIL: 10}, 0)


@pytest.mark.dear
@pytest.mark.parametrize(
    ("job", "config", "calls"),
    [
        ("flow_backfill", {}, 36),
        ("backfill", {}, 36),
        ("flow_backfill", {"cushion_daily": 0}, 40),
        ("flow_backfill", {"cushion_daily": 13}, 27),
        ("flow", {}, 40),
    ],
)
def test_who_fetches_whole_years_leaves_the_daily_run_a_tenth_of_the_day_at_most(
    make_rig: Make, job: str, config: dict[str, Any], calls: int
) -> None:
    rig = make_rig(
        activities=60, years=(2026, 2026), limits=Limits(900, 2000, 900, 40), settings={"first_year": 2026, "days": 400}
    )
    assert rig.do(job, [2026], bronze_activities=config, bronze_activity_details=config).stopped
    assert rig.calls()["total"] == calls


def test_backfills_and_what_goes_on_after_a_limit_leave_a_place_in_the_queue_free() -> None:
    runs = yaml.safe_load(own_configuration())["concurrency"]["runs"]
    limits = {limit["key"]: limit["limit"] for limit in runs["tag_concurrency_limits"]}
    assert limits.keys() == {"dagster/backfill", "strava_pipeline/resumes"}
    assert sum(limits.values()) < runs["max_concurrent_runs"]
