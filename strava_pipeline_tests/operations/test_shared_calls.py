"""What a folder's runs note in the ledger that other folders of the application share."""

from collections.abc import Callable

import pytest

from strava_pipeline.ingest.ledger import LedgerFile, Sharer
from strava_pipeline.ingest.strava.access import ledger_path
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.rig import Rig

pytestmark = pytest.mark.dear


def line(rig: Rig) -> Sharer:
    (only,) = LedgerFile(ledger_path(rig.settings)).peek().sharers.values()
    return only


@pytest.mark.parametrize(
    ("job", "daily", "bulk"), [("flow", True, False), ("flow_backfill", False, True), ("run_lite", True, False)]
)
def test_a_run_that_has_all_it_wanted_says_so(make_rig: Callable[..., Rig], job: str, daily: bool, bulk: bool) -> None:
    rig = make_rig(activities=6)
    rig.run(job) if job == "run_lite" else rig.do(job)  # its step alone knows that no details follow
    found = line(rig)
    assert (found.daily > 0, found.bulk > 0, found.is_done, found.wants) == (daily, bulk, daily, "no")
    if job == "flow":
        rig.do("enrich", bronze_activity_details={"scope": "window", "ids": [rig.truth()[0]["id"]]})
        assert line(rig).daily > found.daily
        assert line(rig).is_done, "what a person asks for later is no daily run"


@pytest.mark.parametrize(("job", "wants"), [("flow", "no"), ("flow_backfill", "later")])
def test_a_run_that_the_day_stopped_is_not_done(make_rig: Callable[..., Rig], job: str, wants: str) -> None:
    rig = make_rig(
        activities=20, years=(2026, 2026), limits=Limits(99, 99, 99, 6), settings={"first_year": 2026, "days": 99}
    )
    rig.do(job)
    found = line(rig)
    assert (found.is_done, found.wants) == (False, wants)
