"""What holds for files whatever provider gives them, with the toy; the contract is strava_pipeline/testing/files_contract.py's."""

import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import LimitReachedError, TransientError
from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA, hashed_id
from strava_pipeline.ingest.providers_file import ProviderChoice
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.quarantine import QuarantineDecision, failing_now
from strava_pipeline.lake.providers import last_outcomes
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations.merging import match
from strava_pipeline.operations.provider_access import outcome_kept, plan_providers
from strava_pipeline.operations.providers import bring_provider_files
from strava_pipeline.operations.rebuilding import remake_imports
from strava_pipeline.operations.source import Source
from strava_pipeline.orchestrate.job_years import provider_years
from strava_pipeline.testing.files_contract import import_gpx
from strava_pipeline_tests.lake.bronze import land_streams
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers.worlds import WITH_THE_TOY, World, five, list_at_strava

pytestmark = pytest.mark.slow

TABLES = ("files", "activity_details", "activity_laps", "activity_sessions", "activity_members", "activity_matches")
DAY = timedelta(days=1).total_seconds()


@pytest.mark.dear
@WITH_THE_TOY
def test_what_another_source_has_a_track_of_is_not_asked_for(world: World, tmp_path: Path) -> None:
    keys = five(world.subject)
    import_gpx(world, tmp_path, "2025-01-03")
    world.pull(matched=False)
    match(world.run())
    assert plan_providers(world.run(), world.settings, [2025])["toy"].files_calls == 4
    world.fetch_files()
    assert world.asked_for_files() == [keys[4], keys[3], keys[1], keys[0]]
    assert plan_providers(world.run(), world.settings, [2025])["toy"].files_calls == 0
    assert world.tracks()[2] == (keys[2], "file", 3), "the imported file's track stands for the provider's activity"


@pytest.mark.dear
@WITH_THE_TOY
def test_an_activity_that_strava_has_streams_of_is_not_asked_for(world: World) -> None:
    if not world.subject.links:
        pytest.skip("this provider names no ids of others")
    list_at_strava(world, {"id": 123, "name": "at Strava", "start_date": "2025-01-01T06:00:00Z"})
    world.subject.add("2025-01-01", "linked", strava_id=123)
    key = world.subject.add("2025-01-02", "not linked")
    land_streams(world.run().lake, 2025, 123, b"[]", world.run().now())
    world.pull(matched=False)
    world.fetch_files()
    assert world.asked_for_files() == [key]


@pytest.mark.dear
@WITH_THE_TOY
def test_files_that_a_run_left_unread_are_read_without_a_call_and_lost_ones_are_fetched_again(world: World) -> None:
    keys = five(world.subject)
    world.pull()
    world.fetch_files()
    calls = len(world.asked_for_files())
    for place in (world.run().lake.readings, world.run().lake.tracks):
        shutil.rmtree(place)
    assert world.fetch_files(auto_files=False).metadata["files_read"] == 5
    assert [key for key, *_ in world.tracks()] == keys
    assert len(world.asked_for_files()) == calls
    lake = world.run().lake
    for place in (lake.files, lake.readings, lake.tracks):
        shutil.rmtree(place)
    world.fetch_files()
    assert world.asked_for_files() == keys[::-1] * 2
    assert [key for key, *_ in world.tracks()] == keys


@pytest.mark.dear
@WITH_THE_TOY
def test_a_limit_keeps_what_came_and_the_next_run_goes_on(world: World) -> None:
    keys = five(world.subject)
    world.pull()
    world.subject.fail_file(None, kind="status", status=429, after=2, headers={"Retry-After": "7200"})
    report = world.fetch_files()
    assert isinstance(report.stopped, LimitReachedError)
    assert (report.metadata["received"], report.metadata["missing"]) == (2, 3)
    assert [key for key, *_ in world.tracks()] == keys[3:]
    assert there(last_outcomes(world.run().lake, world.subject.name).get("files")).limited_until is not None
    asked = len(world.asked_for_files())
    world.subject.clock.advance(7201)
    world.fetch_files()
    assert world.asked_for_files()[asked:] == keys[2::-1]
    assert [key for key, *_ in world.tracks()] == keys


def decide(world: World, activity_id: int, *, dropped: bool) -> None:
    run = world.run()
    record_decisions(run.lake, QuarantineDecision(at=run.now(), by="a test", activity_id=activity_id, dropped=dropped))


@pytest.mark.dear
@WITH_THE_TOY
def test_a_person_can_end_the_pause_after_a_failure(world: World) -> None:
    key = world.subject.add("2025-01-01", "a ride")
    world.pull()
    world.subject.fail_file(key, kind="status", status=500, times=3)
    world.fetch_files()
    asked = len(world.asked_for_files())
    world.fetch_files()
    assert len(world.asked_for_files()) == asked
    world.subject.clock.advance(60)
    decide(world, hashed_id(world.subject.name, key), dropped=False)
    world.fetch_files()
    assert world.asked_for_files()[asked:] == [key]


@pytest.mark.dear
@WITH_THE_TOY
def test_a_file_that_always_fails_stops_no_other_and_is_quarantined(world: World) -> None:
    keys = [world.subject.add(f"2025-01-0{day}", f"ride {day}") for day in (1, 2)]
    world.pull()
    world.subject.fail_file(keys[1], kind="status", status=500, times=100)
    report = world.fetch_files()
    key = hashed_id(world.subject.name, keys[1])
    assert (report.metadata["received"], report.metadata["failed_ids"]) == (1, [str(key)])
    assert (report.metadata["waiting_for_retry"], report.holds) == (1, False)
    asked = len(world.asked_for_files())
    assert world.fetch_files().metadata["waiting_for_retry"] == 1
    assert len(world.asked_for_files()) == asked, "after a failure there is a pause"
    for _ in range(2):
        world.subject.clock.advance(3 * DAY)
        world.fetch_files()
    lake, name = world.run().lake, world.subject.name
    (found,) = [failing for failing, _ in failing_now(lake)]
    assert (found.source, found.activity_id, found.files.failures, found.files.is_quarantined) == (name, key, 3, True)
    assert world.gold("SELECT activity_id, source, status FROM quarantine") == [(key, name, 500)]
    assert failing_now(lake, STRAVA) == []
    asked = len(world.asked_for_files())
    decide(world, key, dropped=True)
    world.subject.clock.advance(60 * DAY)
    world.fetch_files()
    assert len(world.asked_for_files()) == asked, "no run asks for what a person dropped"
    decide(world, key, dropped=False)
    world.subject.faults.clear()
    world.fetch_files()
    assert world.asked_for_files()[asked:] == [keys[1]]
    assert world.gold("SELECT activity_id FROM quarantine") == []


@WITH_THE_TOY
def test_nothing_is_asked_where_files_are_switched_off_or_are_another_accounts(world: World) -> None:
    five(world.subject)
    world.pull()
    world.fetch_files(auto_files=False)
    world.change_account()
    world.fetch_files()
    assert world.asked_for_files() == []


@pytest.mark.dear
@WITH_THE_TOY
def test_a_rebuild_makes_the_same_of_files_without_a_call(world: World) -> None:
    keys = five(world.subject)
    world.subject.lose_file(keys[0])
    world.pull()
    world.fetch_files()
    before = [world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES], world.tracks()
    calls = len(world.subject.journal.log)
    run = world.run()
    shutil.rmtree(run.lake.readings)
    shutil.rmtree(run.lake.tracks)
    rebuild(run.lake, run.years, run.progress, make_imports=lambda: remake_imports(run, ImportLimits()))
    world.merge_files(run)
    assert ([world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in TABLES], world.tracks()) == before
    assert len(world.subject.journal.log) == calls


@pytest.mark.dear
@WITH_THE_TOY
def test_the_daily_run_goes_back_to_the_first_year_that_lacks_a_file(world: World) -> None:
    if "feed" in spec_of(world.subject.name).capabilities:
        pytest.skip("its daily run covers every year, because a feed reports changes of any")
    world.subject.add("2024-06-01", "old")
    world.subject.add("2026-02-20", "new")
    world.pull()

    def first_year() -> int:
        on, off = ProviderChoice(), ProviderChoice(auto_files=False)
        now = world.subject.clock.now()
        assert provider_years(world.settings, world.subject.name, off, now)[0] == 2026, "no file is asked for"
        return provider_years(world.settings, world.subject.name, on, now)[0]

    assert first_year() == 2024
    world.subject.fail_file(None, kind="status", status=503, times=9)
    with suppress(TransientError):
        world.fetch_files()
    assert first_year() == 2026, "the files rest after the failure"
    world.subject.faults.clear()
    world.subject.clock.advance(30 * DAY)
    assert first_year() == 2024
    world.fetch_files()
    assert first_year() == 2026


@WITH_THE_TOY
def test_no_file_is_asked_for_before_the_limit_of_a_listing_ends(world: World) -> None:
    five(world.subject)
    world.pull()
    with outcome_kept(world.run(), world.subject.name, "listing") as ending:
        ending.stopped = LimitReachedError("The service", world.subject.clock.now() + timedelta(hours=2))
    run = world.run()
    source = Source(world.subject.name, world.settings, run)
    asked = len(world.subject.journal.log)
    report = bring_provider_files(run, source, [2025], True, ImportLimits())
    assert isinstance(report.stopped, LimitReachedError)
    assert "lets no more calls through" in str(report.stopped)
    assert (len(world.subject.journal.log), report.holds) == (asked, False)
    world.subject.clock.advance(7201)
    report = bring_provider_files(world.run(), source, [2025], True, ImportLimits())
    assert (report.metadata["received"], report.stopped) == (5, None)
    assert world.gold("SELECT count(*) FROM files") == [(5,)]
