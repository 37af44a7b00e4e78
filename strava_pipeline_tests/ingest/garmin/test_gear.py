"""What of Garmin needs a run: which gear an activity was done with, and what insights leave out."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import LimitReachedError
from strava_pipeline.emulator.service import Fault
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.emulator.entries import entry
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.providers import list_provider_activities
from strava_pipeline.operations.source import Source
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline_tests.ingest.garmin.subject import GEAR, GarminSubject, running
from strava_pipeline_tests.providers.worlds import World

pytestmark = pytest.mark.slow

OTHER = "789dccf8b6694903bf467d8d9369124e"


@pytest.fixture
def garmin() -> Iterator[GarminSubject]:
    with running() as subject:
        subject.garmin.gear.append(
            {"uuid": OTHER, "gearTypeName": "Bike", "gearStatusName": "active", "displayName": "Red"}
        )
        yield subject


@pytest.fixture
def world(garmin: GarminSubject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ServerClock, "sleep", lambda _, seconds: garmin.clock.advance(max(seconds, 0.0)))
    folders = {"data_dir": tmp_path / "data", "logs_dir": tmp_path / "logs", "secrets_dir": tmp_path / "secrets"}
    settings = Settings(_env_file=None, **folders, first_year=2024, **garmin.settings)
    garmin.log_in(settings)
    return World(garmin, settings)


def run(world: World, mode: Any = "incremental", year: int | None = None, *, is_merged: bool = True) -> StepReport:
    """A run's listing, with gear, and its merge. `is_merged`: what came is asked for below."""
    context = world.run()
    source = Source("garmin", world.settings, context)
    options = ListingOptions(mode=mode, per_page=100, days=None)
    report = list_provider_activities(context, source, options, [year] if year else [2025, 2026], asset="listing")
    if is_merged:
        world.merge(context)
    return report


def asked(garmin: GarminSubject) -> list[str]:
    """The activities whose gear was asked for, in order."""
    calls = [path.partition("?activityId=") for _, _, path, _ in garmin.journal.log]
    return [key for path, _, key in calls if path == garmin.gear and key]


def gear_in_gold(world: World) -> dict[str, str | None]:
    return dict(world.gold("SELECT name, gear_id FROM activities ORDER BY start_date"))


def test_the_gear_of_what_is_new_is_asked_once_and_a_quiet_day_is_one_call(world: World, garmin: GarminSubject) -> None:
    garmin.add("2025-01-01", "old")
    garmin.add("2026-02-20", "recent")
    run(world, "all", is_merged=False)
    assert asked(garmin) == []
    new = garmin.add("2026-02-28", "new")
    garmin.clock.advance(3600)
    run(world, is_merged=False)
    assert len(asked(garmin)) == 2
    assert asked(garmin)[0] == new
    for is_last in (False, False, True):
        garmin.clock.advance(86_400)
        calls = len(garmin.journal.log)
        run(world, is_merged=is_last)
        assert len(garmin.journal.log) == calls + 1
    assert gear_in_gold(world) == {"old": None, "recent": GEAR, "new": GEAR}
    joined = "activities JOIN gear ON gear.source = activities.gear_source AND gear.gear_id = activities.gear_id"
    assert world.gold(f"SELECT DISTINCT gear.source, gear.name FROM {joined}") == [("garmin", "Blue bike")]


def test_an_edited_activity_is_asked_for_again_and_earlier_gear_kept(world: World, garmin: GarminSubject) -> None:
    run(world, "all", is_merged=False)
    key = garmin.add("2026-02-20", "ride")
    run(world)
    garmin.clock.advance(3600)
    garmin.edit(key, "better name")
    garmin.garmin.linked[int(key)] = [OTHER]
    run(world)
    assert (asked(garmin), gear_in_gold(world)) == ([key, key], {"better name": OTHER})
    garmin.clock.advance(3600)
    run(world, "year", 2026)
    assert (asked(garmin), gear_in_gold(world)) == ([key, key], {"better name": OTHER})
    history = world.gold("SELECT version, previous ->> 'gear_id' FROM activity_history ORDER BY version")
    assert history == [(1, None), (2, GEAR)]


@pytest.mark.dear
def test_a_rebuild_gives_every_version_its_gear_without_a_call(world: World, garmin: GarminSubject) -> None:
    keys = [garmin.add("2026-02-19", "first"), garmin.add("2026-02-20", "second")]
    run(world, "all")
    for number, key in enumerate(keys):
        garmin.clock.advance(3600)
        garmin.edit(key, f"edit {number}")
        garmin.garmin.linked[int(key)] = [OTHER][: 1 - number]
        run(world)
    tables = ("activities_all", "activity_history")
    before = {table: world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}
    assert gear_in_gold(world) == {"edit 0": OTHER, "edit 1": None}
    calls = len(garmin.journal.log)
    context = world.run()
    rebuild(context.lake, context.years, context.progress)
    assert {table: world.gold(f"SELECT * FROM {table} ORDER BY ALL") for table in tables} == before
    assert len(garmin.journal.log) == calls


@pytest.mark.parametrize(("fault", "again"), [({"status": 429}, 3 * 3600), ({"status": 503, "times": 3}, 60)])
def test_gear_that_cannot_be_had_keeps_no_activity_out_and_the_next_run_goes_on(
    world: World, garmin: GarminSubject, fault: dict[str, Any], again: float
) -> None:
    run(world, "all", is_merged=False)
    keys = [garmin.add(f"2026-02-2{day}", f"ride {day}") for day in range(3)]
    query = {"activityId": keys[1]}
    garmin.faults.order(Fault.from_order({"path": garmin.gear, "kind": "status", "query": query, **fault}, ""))
    report = run(world)
    assert isinstance(report.stopped, LimitReachedError) is (fault["status"] == 429)
    assert bool(report.metadata.get("first_problems")) is (fault["status"] == 503)
    assert gear_in_gold(world) == {"ride 0": None, "ride 1": None, "ride 2": GEAR}
    garmin.clock.advance(again)
    run(world)
    assert gear_in_gold(world) == {"ride 0": GEAR, "ride 1": GEAR, "ride 2": GEAR}
    assert asked(garmin).count(keys[2]) == 1


@pytest.mark.parametrize("status", [404, 422])
def test_an_activity_of_which_there_is_no_gear_to_be_had_is_not_asked_for_in_every_run(
    world: World, garmin: GarminSubject, status: int
) -> None:
    run(world, "all", is_merged=False)
    key = garmin.add("2026-02-20", "ride")
    fault = {"path": garmin.gear, "query": {"activityId": key}, "kind": "status", "status": status}
    garmin.faults.order(Fault.from_order(fault, ""))
    for _ in range(2):
        run(world, is_merged=False)
    assert asked(garmin) == [key]
    garmin.clock.advance(86_400)
    run(world)
    assert (asked(garmin), gear_in_gold(world)) == ([key, key], {"ride": GEAR})


def test_insights_count_no_leg_and_nothing_that_is_no_sport(
    world: World, garmin: GarminSubject, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    at = datetime.fromisoformat("2026-02-20T07:00:00+01:00")
    rows: dict[str, dict[str, Any]] = {
        "parent": {"kind": "multi_sport", "parent": True},
        "leg": {"kind": "cycling", "parentId": 10},
        "drive": {"kind": "driving_general"},
        "ride": {"kind": "cycling"},
    }
    for key, (name, more) in enumerate(rows.items(), start=10):
        began = at + timedelta(hours=key if "parentId" not in more else 10)
        garmin.garmin.activities[key] = entry(key, name, **{"began": began, "seconds": 600, "distance": 100.0, **more})
    run(world, "all")
    assert sorted(gear_in_gold(world)) == ["drive", "leg", "parent", "ride"]
    assert world.gold("SELECT name FROM counted_activities ORDER BY name") == [("parent",), ("ride",)]
    world.fetch_files()
    assert sorted(world.asked_for_files()) == ["10", "13"], "a leg's recording is in the file of its whole activity"
    assert "Made Up Athlete" not in caplog.text
    (extra,) = world.gold("SELECT extra FROM activities WHERE name = 'leg'")[0]
    assert '"parentId":10' in extra
    assert "owner" not in extra
