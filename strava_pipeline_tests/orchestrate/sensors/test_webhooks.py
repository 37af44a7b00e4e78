"""The sensor of webhook events: when it starts a run, over which years, and when it waits."""

import os
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.strava.access import note_revocation
from strava_pipeline.lake.bronze.deliveries import load_queue
from strava_pipeline.lake.gold.publish import published_at
from strava_pipeline.lake.gold.publish_pause import waiting_years
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline_tests.orchestrate.sensors.ticks import Watch, watched
from strava_pipeline_tests.rig import NOW, Make, Rig
from strava_pipeline_tests.webhooks import delivered, subscribed

pytestmark = pytest.mark.slow


@pytest.fixture
def watch(make_rig: Make) -> Iterator[Watch]:
    rig = make_rig(years=(2024, 2026), activities=12, settings={"first_year": 2023})
    rig.begin_with("flow_backfill", [2023, 2024, 2025, 2026])
    with watched(rig) as made:
        yield made


def of_year(watch: Watch, year: int) -> int:
    return int(watch.rig.one(f"SELECT min(id) FROM activities WHERE year = {year}"))


def years_of(request: object) -> tuple[str, str]:
    tags = request.tags  # type: ignore[attr-defined]
    return tags[ASSET_PARTITION_RANGE_START_TAG], tags[ASSET_PARTITION_RANGE_END_TAG]


@pytest.mark.dear
def test_a_run_covers_the_year_of_what_changed_and_then_there_is_nothing(watch: Watch) -> None:
    assert watch.tick("webhooks") == (None, "Strava: no event ever came.")
    with subscribed(watch.rig):
        assert watch.tick("webhooks") == (None, "Strava: no event ever came.")
        watch.rig.control("edit", id=of_year(watch, 2024), set={"name": "Renamed"})
        delivered(watch.rig)
        asked, why = watch.tick("webhooks")
        assert asked is not None, why
        assert years_of(asked) == ("2024", "2024")
        watch.rig.calls()
        assert watch.launch(asked).status is DagsterRunStatus.SUCCESS
    assert watch.rig.calls()["by_endpoint"] == {"/activities/{id}": 1}
    watch.rig.assert_true_to_source()
    assert watch.tick("webhooks")[1] == "Strava: every event was followed, or waits for its time."


@pytest.mark.dear
def test_a_new_one_is_looked_for_in_the_newest_year_and_comes_down_where_it_belongs(watch: Watch) -> None:
    with subscribed(watch.rig):
        new = watch.rig.add("2025-06-01T07:00:00Z")
        delivered(watch.rig)
        asked, _ = watch.tick("webhooks")
        assert asked is not None
        watch.launch(asked)
    assert watch.rig.one(f"SELECT count(*) FROM activities WHERE id = {new}") == 0
    again, _ = watch.tick("webhooks")
    assert again is not None
    assert years_of(again) == ("2025", "2025")
    watch.rig.calls()
    watch.launch(again)
    assert watch.rig.calls()["by_endpoint"] == {}
    watch.rig.assert_true_to_source()


@pytest.fixture
def paused(make_rig: Make) -> Iterator[Watch]:
    """Where events are published after a pause of five minutes, something was published just now, and somebody looks after it."""
    rig = make_rig(years=(2024, 2026), activities=12, seed=3, settings={"first_year": 2023, "publish_minutes": 5})
    rig.begin_with("flow_backfill", [2023, 2024, 2025, 2026])
    os.utime(rig.lake.snapshot)
    with watched(rig) as watch, subscribed(rig):
        assert watch.tick("publishing")[1] == "Nothing waits to be published."
        yield watch


def follow(watch: Watch, job: str = "webhooks") -> dg.DagsterRun:
    delivered(watch.rig)
    asked, why = watch.tick(job)
    assert asked is not None, why
    run = watch.launch(asked)
    assert (run.status, watch.rig.failed_checks(run.run_id)) == (DagsterRunStatus.SUCCESS, [])
    return run


def insights_of(rig: Rig, year: int) -> str:
    return (rig.lake.data_dir / "insights" / str(year) / "pacing.json").read_text()


@pytest.mark.dear
def test_events_one_by_one_are_merged_at_once_and_published_together_after_the_pause(paused: Watch) -> None:
    rig, keys = paused.rig, {year: of_year(paused, year) for year in (2024, 2026)}
    published, before = published_at(rig.lake), [insights_of(rig, year) for year in keys]
    assert published is not None
    for key in keys.values():
        rig.control("edit", id=key, set={"sport_type": "Kayaking"})
        follow(paused)
        with reading(rig.lake) as connection:
            assert connection.execute("SELECT sport_type FROM activities WHERE id = $1", [key]).fetchall() == [
                ("Kayaking",)
            ]
        assert paused.tick("webhooks")[1] == "Strava: every event was followed, or waits for its time."
    assert published_at(rig.lake) == published
    assert waiting_years(rig.lake) == {2024, 2026}
    paused.at = published + timedelta(minutes=4, seconds=59)
    assert paused.tick("publishing")[1].startswith("What waits is published at ")
    paused.at = published + timedelta(minutes=5)
    run = follow(paused, "publishing")
    assert years_of(run) == ("2024", "2026")
    rig.assert_true_to_source()
    assert not [text for text, year in zip(before, keys, strict=True) if insights_of(rig, year) == text]
    assert paused.tick("publishing")[1] == "Nothing waits to be published."


@pytest.mark.dear
def test_what_was_deleted_disappears_for_readers_at_once(paused: Watch) -> None:
    rig, key = paused.rig, of_year(paused, 2026)
    rig.control("edit", id=of_year(paused, 2024), set={"name": "Renamed"})
    follow(paused)
    rig.control("delete", id=key)
    follow(paused)
    assert rig.one(f"SELECT count(*) FROM activities WHERE id = {key}") == 0
    rig.assert_true_to_source()
    assert waiting_years(rig.lake) == {2024}  # for its insights
    follow(paused, "publishing")
    assert waiting_years(rig.lake) == set()


@pytest.mark.dear
def test_nothing_waits_where_nobody_looks_after_it(paused: Watch) -> None:
    rig, key = paused.rig, of_year(paused, 2026)
    rig.control("edit", id=key, set={"name": "One"})
    follow(paused)
    assert waiting_years(rig.lake) == {2026}
    os.utime(rig.lake.publish_looked, (0, 0))  # the sensor was switched off
    follow(paused)
    assert rig.one(f"SELECT name FROM activities WHERE id = {key}") == "One"
    assert waiting_years(rig.lake) == set()


@pytest.mark.dear
def test_one_run_at_a_time(watch: Watch) -> None:
    with subscribed(watch.rig):
        watch.rig.control("edit", id=of_year(watch, 2024), set={"name": "Renamed"})
        delivered(watch.rig)
        run = watch.note("events", DagsterRunStatus.STARTED)
        assert watch.tick("webhooks")[1] == f"Strava: Run {run.run_id} is at work on them."


def test_what_failed_is_tried_again_after_a_growing_pause_over_the_same_years(watch: Watch) -> None:
    with subscribed(watch.rig):
        pass
    watch.rig.lake.inbox_webhooks.mkdir(parents=True, exist_ok=True)
    watch.note("events", DagsterRunStatus.FAILURE, at=NOW, years="2024")
    watch.at = NOW + timedelta(seconds=50)
    assert watch.tick("webhooks")[1].startswith("Strava: The last run failed; the next try is at")
    watch.at = NOW + timedelta(seconds=70)
    asked, why = watch.tick("webhooks")
    assert asked is not None, why
    assert years_of(asked) == ("2024", "2024")
    watch.note("events", DagsterRunStatus.FAILURE, at=NOW, years="2024")
    assert watch.tick("webhooks")[0] is None
    watch.at = NOW + timedelta(seconds=250)
    assert watch.tick("webhooks")[0] is not None


@pytest.mark.dear
def test_no_run_is_started_where_a_limit_leaves_no_call(watch: Watch) -> None:
    rig = watch.rig
    with subscribed(rig):
        for year in (2024, 2025):
            rig.control("edit", id=of_year(watch, year), set={"name": "Renamed"})
        delivered(rig)
        rig.control("limits", limits="20000,20000/1,1000")
        asked, _ = watch.tick("webhooks")
        assert asked is not None
        assert watch.launch(asked).status is DagsterRunStatus.SUCCESS
    state = load_queue(rig.lake, STRAVA)
    assert state is not None
    assert state.waiting
    assert watch.tick("webhooks")[1] == "Strava: every event was followed, or waits for its time."


def test_without_access_nothing_is_started(watch: Watch) -> None:
    with subscribed(watch.rig):
        watch.rig.control("edit", id=of_year(watch, 2024), set={"name": "Renamed"})
    note_revocation(watch.rig.settings, NOW)
    assert "took this application's access away" in watch.tick("webhooks")[1]


@pytest.mark.dear
def test_what_is_deleted_between_the_look_and_the_run_is_made_up_for(watch: Watch) -> None:
    gone = of_year(watch, 2024)
    with subscribed(watch.rig):
        watch.rig.control("edit", id=of_year(watch, 2025), set={"name": "Renamed"})
        delivered(watch.rig)
        asked, _ = watch.tick("webhooks")
        assert asked is not None
        assert years_of(asked) == ("2025", "2025")
        watch.rig.control("delete", id=gone)
        delivered(watch.rig)
        watch.launch(asked)
    assert watch.rig.one("SELECT count(*) FROM deleted_activities") == 0
    again, why = watch.tick("webhooks")
    assert again is not None, why
    assert years_of(again) == ("2024", "2024")
    watch.launch(again)
    assert watch.rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
    assert watch.tick("webhooks")[0] is None


@pytest.mark.dear
def test_a_detail_that_changes_nothing_starts_no_second_run(watch: Watch) -> None:
    with subscribed(watch.rig):
        for year in (2024, 2025):
            watch.rig.control("webhooks/send", event={"aspect_type": "update", "object_id": of_year(watch, year)})
            delivered(watch.rig)
            asked, why = watch.tick("webhooks")
            assert asked is not None, why
            assert years_of(asked) == (str(year), str(year)), "the other year has all that it is to have"
            assert watch.launch(asked).status is DagsterRunStatus.SUCCESS
            assert watch.tick("webhooks")[1] == "Strava: every event was followed, or waits for its time."
