"""When the safety net of trips by car starts a run, and when it leaves the machine alone."""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
import pytest

from strava_pipeline.orchestrate.schedules import schedules
from strava_pipeline.trips.car.keeping import merge_replay
from strava_pipeline.trips.car.log import move_to_bronze
from strava_pipeline.trips.car.rules.config import read_config
from strava_pipeline_tests.rig import Rig
from strava_pipeline_tests.trips.car.logs import MORNING, Log, config, drive


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    return make_rig(activities=1)


def tick(rig: Rig, when: datetime) -> dg.RunRequest | str:
    (schedule,) = (it for it in schedules(rig.settings, {}, set(), running=True) if it.name == "car_trips_safety_net")
    with (
        rig.instance() as instance,
        dg.build_schedule_context(instance=instance, scheduled_execution_time=when) as context,
    ):
        told = schedule.evaluate_tick(context)
    return told.run_requests[0] if told.run_requests else str(told.skip_message)


def test_without_pings_nothing_runs(rig: Rig) -> None:
    assert tick(rig, MORNING) == "No ping came, and no trip is to be ended."


def test_what_came_is_taken_in_and_then_it_rests_until_a_trip_is_to_be_ended(rig: Rig) -> None:
    log = Log(rig.lake)
    log.config(read_config(config()))
    log.steps(drive()[:3])
    request = tick(rig, MORNING)
    assert isinstance(request, dg.RunRequest)
    assert request.run_config["ops"]["pings"]["config"] == {"safety_net": True}
    move_to_bronze(rig.lake, MORNING + timedelta(hours=1))
    assert isinstance(tick(rig, MORNING), dg.RunRequest), "it is in bronze and not in gold: a run died"
    rig.lake.state.mkdir(exist_ok=True)
    merge_replay(rig.lake)
    assert isinstance(tick(rig, MORNING + timedelta(hours=1)), str)
    assert isinstance(tick(rig, MORNING + timedelta(hours=3)), dg.RunRequest)
