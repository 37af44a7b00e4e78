"""A daily run that was due and did not come about is made good: once, not beside another, not for ever."""

import importlib
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import dagster as dg
import dagster._daemon.daemon  # and the scheduler with it
import pytest
from dagster import DagsterRunStatus
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.systems import parts
from strava_pipeline.orchestrate.sensors import sensors
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.verbs.dagster_process import PATIENCE
from strava_pipeline_tests.orchestrate.sensors.ticks import Watch, watched
from strava_pipeline_tests.rig import Rig, definitions

SUCCESS, FAILURE = DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE
TODAY = datetime(2026, 3, 10, tzinfo=UTC)  # due at 05:00 in London, which is UTC then


def at(hour: float, day: int = 0) -> datetime:
    return TODAY + timedelta(days=day, hours=hour)


@pytest.fixture
def watch(rig: Rig) -> Iterator[Watch]:
    with watched(rig, on_disk=True) as made:
        yield made


def test_a_fresh_instance_pulls_as_soon_as_somebody_has_logged_in(watch: Watch) -> None:
    token = watch.rig.settings.secrets_dir / "strava_token.json"
    kept = token.rename(token.with_suffix(".away"))
    assert "strava-pipeline auth" in watch.tick("catch_up")[1]
    kept.rename(token)
    asked, _ = watch.tick("catch_up")
    assert asked is not None
    assert asked.tags["dagster/asset_partition_range_start"] == "2022"
    assert asked.tags["dagster/priority"] == "10"


@pytest.mark.parametrize(
    ("runs", "now", "asked"),
    [
        ([(SUCCESS, at(5.1))], at(23), False),
        ([(SUCCESS, at(5.1, -1))], at(6), False),  # the schedule's own may be about to begin
        ([(SUCCESS, at(5.1, -1))], at(7.1), True),
        ([(SUCCESS, at(5.1, -1)), (SUCCESS, at(20, -1))], at(7.1), True),
        ([(SUCCESS, at(5.1, -9))], at(4), True),
        ([(SUCCESS, at(5.1, -1)), (FAILURE, at(5.1))], at(7.1), False),  # too soon after the failure
        ([(SUCCESS, at(5.1, -1)), (FAILURE, at(5.1))], at(9.2), True),
        ([(FAILURE, at(5.1)), (SUCCESS, at(6))], at(23), False),
        ([(FAILURE, at(5.1))], at(9.2), True),
        ([(SUCCESS, at(5.1, -1)), (DagsterRunStatus.CANCELED, at(6))], at(7.1), False),
    ],
)
def test_what_was_due_and_is_not_done_is_asked_for(
    watch: Watch, runs: list[tuple[DagsterRunStatus, datetime]], now: datetime, asked: bool
) -> None:
    for status, ended in runs:
        watch.note("flow", status, at=ended)
    watch.at = now
    request, why = watch.tick("catch_up")
    assert (request is not None) is asked, why


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        ({}, True),
        ({"tags": {DATA_DIR: "elsewhere"}}, False),
        ({"asset_selection": frozenset({dg.AssetKey("published_warehouse")})}, False),  # the rest of an older one
    ],
)
def test_only_a_whole_run_of_this_data_folder_counts(watch: Watch, made: dict[str, Any], counts: bool) -> None:
    watch.note("flow", SUCCESS, at=at(5.1), **made)
    watch.at = at(12)
    assert (watch.tick("catch_up")[0] is None) is counts


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTED, DagsterRunStatus.NOT_STARTED])
def test_beside_another_nothing_is_asked_for(watch: Watch, status: DagsterRunStatus) -> None:
    watch.note("flow", status)
    assert watch.tick("catch_up")[1] == "A daily run is queued or at work."


@pytest.mark.dear
def test_a_daily_run_that_keeps_failing_is_tried_three_times_a_day(watch: Watch) -> None:
    watch.note("flow", SUCCESS, at=at(5.1, -1))
    watch.note("flow", FAILURE, at=at(5.1))
    tries = []
    for minutes in range(6 * 60, 30 * 60, 30):
        watch.at = TODAY + timedelta(minutes=minutes)
        asked, _ = watch.tick("catch_up")
        if asked is not None:
            tries.append((watch.at.strftime("%d %H:%M"), asked.run_key))
            watch.note("flow", FAILURE, at=watch.at, tags=dict(asked.tags))
    assert [when for when, _ in tries] == ["10 09:30", "10 13:30", "10 17:30", "11 00:00", "11 04:00"]
    assert len({key for _, key in tries}) == 5


def test_a_weekly_schedule_is_made_good_once_a_week(rig: Rig) -> None:
    rig.settings = rig.settings.model_copy(update={"schedule": "0 5 * * 1"})  # the 9th was a Monday
    with watched(rig, on_disk=True) as watch:
        watch.note("flow", SUCCESS, at=at(5.1, -1))
        watch.at = at(4, 6)
        assert watch.tick("catch_up")[0] is None
        watch.at = at(7.1, 6)
        assert watch.tick("catch_up")[0] is not None


def test_a_daily_schedule_that_a_person_switched_off_misses_nothing(watch: Watch) -> None:
    schedule = watch.defs.resolve_schedule_def("daily_flow")
    off = InstigatorState(
        origin(schedule.name), InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, ScheduleInstigatorData("0 5 * * *")
    )
    watch.instance.add_instigator_state(off)
    assert "switched off" in watch.tick("catch_up")[1]


def origin(name: str) -> Any:
    from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    here = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name="strava_pipeline.definitions"), location_name="here"
    )
    return RemoteInstigatorOrigin(RemoteRepositoryOrigin(here, "__repository__"), name)


def test_a_switch_outlasts_the_months_in_which_its_schedule_is_not_set_up(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PATIENCE.items():
        monkeypatch.setenv(name, value)
    # which reads its environment once, as it is loaded
    daemon = importlib.reload(sys.modules["dagster._scheduler.scheduler"])
    seen = ScheduleInstigatorData("0 5 * * *", last_iteration_timestamp=(TODAY - timedelta(days=90)).timestamp())
    off = InstigatorState(origin("daily_garmin"), InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, seen)
    watch.instance.add_instigator_state(off)
    shown = SimpleNamespace(get_code_location_entries=dict)
    workspace = SimpleNamespace(instance=watch.instance, create_request_context=lambda: shown)
    list(daemon.launch_scheduled_runs(workspace, logging.getLogger(), TODAY, {}))
    assert list(watch.instance.all_instigator_state()) == [off]


def test_every_sensor_stands_still_where_automation_is_off(rig: Rig) -> None:
    for running, status in ((False, "STOPPED"), (True, "RUNNING")):
        alerted = rig.settings.model_copy(update={"alert_url": "https://alerts.example"})
        made = sensors(alerted, [STRAVA], [], [*(definitions(rig.settings).jobs or ())], [], running=running)
        assert {one.name: one.default_status.value for one in made} == dict.fromkeys(
            (
                "new_gear",
                "resume",
                "catch_up",
                "failure_alert",
                "inbox",
                "requests",
                "webhooks",
                "publishing",
                "run_records",
                "quarantine_retry",
                *(
                    each.name
                    for system in parts("schedules")
                    for each in system.sensors(rig.settings, dg.DefaultSensorStatus.STOPPED)
                ),
            ),
            status,
        )
