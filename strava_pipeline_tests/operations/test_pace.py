"""How long a call takes, as a run reckons it: by what its calls of that kind took."""

import logging
from datetime import timedelta

import requests

from strava_pipeline.core.plan import PER_CALL, PER_LOCAL_CALL
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.source import ENOUGH, BudgetedSource
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import NOW, Make, Rig


class Jumping:
    """A clock whose sleeps pass at once, there and at the emulator; in between no time passes."""

    def __init__(self, rig: Rig) -> None:
        self._rig, self._passed = rig, 0.0
        self.clock = ServerClock(lambda: NOW + timedelta(seconds=self._passed), lambda: self._passed, self.sleep)

    def sleep(self, seconds: float) -> None:
        self._passed += seconds
        requests.post(
            f"{self._rig.emulator.url}/_emulator/clock", json={"advance": seconds}, timeout=PATIENCE
        ).raise_for_status()


def asking(rig: Rig, clock: ServerClock) -> BudgetedSource:
    return BudgetedSource(
        STRAVA, rig.settings, run_context(rig.settings, LogProgress(logging.getLogger(__name__)), clock=clock)
    )


def test_only_an_emulator_on_this_machine_is_expected_to_answer_at_once(rig: Rig) -> None:
    clock = run_context(rig.settings, LogProgress(logging.getLogger(__name__))).clock
    for url, usual in ((rig.settings.api_url, PER_LOCAL_CALL), ("https://www.strava.com/api/v3", PER_CALL)):
        settings = rig.settings.model_copy(update={"api_url": url})
        assert (
            BudgetedSource(
                STRAVA, settings, run_context(settings, LogProgress(logging.getLogger(__name__)), clock=clock)
            ).usual_per_call
            == usual
        )


def test_a_call_takes_as_long_as_it_did_so_far_and_waits_are_no_part_of_it(make_rig: Make) -> None:
    rig = make_rig(activities=60, speed=0.0, limits=Limits(40, 9999, 4, 9999), token_lifetime=10**7)
    jumping = Jumping(rig)
    strava = asking(rig, jumping.clock)
    client, pace = strava.client, strava.pace
    with pace.calling():
        for made in range(12):
            assert pace.per_call() == (strava.usual_per_call if made < ENOUGH else timedelta(seconds=2))
            client.get("/athlete/activities")
            jumping.sleep(2)
    jumping.sleep(500)
    assert pace.per_call() == timedelta(seconds=2)
    assert client.waited > timedelta(minutes=25)
