"""Trips by the clock: read each day where there is a source, and replayed once when the last run that read some is over."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from strava_pipeline.lake.locks import live_run
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline_tests.orchestrate.sensors.ticks import Watch, watched
from strava_pipeline_tests.trips.activity.world import YEARS, Trips, trips_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trips]:
    monkeypatch.chdir(tmp_path)
    with trips_world(tmp_path) as made:
        yield made


@pytest.fixture
def watch(world: Trips) -> Iterator[Watch]:
    with watched(world.rig, on_disk=True) as made:  # for the schedule
        yield made


@pytest.mark.dear
def test_a_replay_follows_once_when_no_year_is_diagnosed_any_more(world: Trips, watch: Watch) -> None:
    assert watch.tick("trip_replay") == (None, "No trip was diagnosed since the last replay.")
    for year in YEARS[:2]:
        world.run(year)
    for job in ("trips", "replay_trips"):
        run = watch.note(job, DagsterRunStatus.STARTED)
        with live_run(world.rig.lake, run.run_id):
            asked, why = watch.tick("trip_replay")
            assert (asked, why) == (None, f"Run {run.run_id} is at work on them.")
        watch.instance.report_run_canceled(run)
    other = watch.note("compact", DagsterRunStatus.STARTED)  # what works on something else is not waited for
    elsewhere = watch.note("trips", DagsterRunStatus.STARTED, tags={DATA_DIR: "/another"})
    with live_run(world.rig.lake, other.run_id):
        asked, why = watch.tick("trip_replay")
    assert elsewhere.tags[DATA_DIR] == "/another"
    assert asked is not None, why
    assert asked.job_name in (None, "replay_trips")
    again, _ = watch.tick("trip_replay")
    assert again is not None
    assert again.run_key == asked.run_key  # Dagster makes no second run of a key
    world.rig.run_unpartitioned("replay_trips")
    assert watch.tick("trip_replay")[0] is None
    world.run(2024)
    more, _ = watch.tick("trip_replay")
    assert more is not None
    assert more.run_key != asked.run_key


def test_the_daily_run_is_one_run_over_every_year_without_a_login(world: Trips, watch: Watch) -> None:
    schedule = watch.defs.resolve_schedule_def("daily_trips")
    assert (schedule.job_name, schedule.execution_timezone) == ("trips", world.rig.settings.timezone)
    with dg.build_schedule_context(
        instance=watch.instance, scheduled_execution_time=datetime(2026, 3, 10, 4, 15, tzinfo=UTC)
    ) as context:
        (asked,) = schedule.evaluate_tick(context).run_requests or []
    first, last = (asked.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
    assert (first, int(last)) == ("2022", world.rig.years[-1])
