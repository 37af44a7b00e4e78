"""The made-up athlete as Garmin knows them: deterministic, and matching finds the true pairs and no others."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.sources import hashed_id
from strava_pipeline.emulator.generate.activities import Athlete
from strava_pipeline.emulator.generate.training import GEAR
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.emulator.library import Library, library_of
from strava_pipeline.ingest.garmin.record import SPEC
from strava_pipeline.ingest.strava.emulator.summaries import summary_of
from strava_pipeline.settings import Settings
from strava_pipeline_tests.ingest.garmin.subject import GarminSubject, running
from strava_pipeline_tests.providers.worlds import World, list_at_strava

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = {gear.id: gear.name for gear in GEAR}


def at_strava(count: int = 80) -> list[dict[str, Any]]:
    return [summary_of(7, 7, activity) for activity in Athlete(7, count, (2024, 2025), NOW).activities]


def library() -> Library:
    return library_of(at_strava(), NAMES, 7)


def test_the_library_is_the_same_each_time_and_differs_by_its_seed() -> None:
    assert library() == library()
    assert library().entries != library_of(at_strava(), NAMES, 8).entries


def test_some_activities_are_at_one_service_alone_and_every_entry_can_be_read() -> None:
    found = library()
    assert 20 < len(found.pairs) < 70
    assert len(found.entries) > len(found.pairs)
    read = SPEC.read_page(found.entries)
    assert (len(read.activities), read.unreadable) == (len(found.entries), [])
    assert len({activity["source_id"] for activity in read.activities}) == len(found.entries)
    pushed = {
        int(each["external_id"].rpartition("_")[2]): each["id"]
        for each in at_strava()
        if "garmin_push" in str(each["external_id"])
    }
    assert pushed.items() <= found.pairs.items()
    assert 0 < len(pushed) < len(found.pairs)
    assert any(found.linked.values())


@pytest.fixture
def garmin() -> Iterator[GarminSubject]:
    with running() as subject:
        yield subject


def test_matching_finds_the_true_pairs(garmin: GarminSubject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerClock, "sleep", lambda _, seconds: garmin.clock.advance(max(seconds, 0.0)))
    folders = {"data_dir": tmp_path / "data", "logs_dir": tmp_path / "logs", "secrets_dir": tmp_path / "secrets"}
    settings = Settings(_env_file=None, **folders, first_year=2024, **garmin.settings)
    garmin.log_in(settings)
    world, known = World(garmin, settings), library()
    garmin.garmin.activities |= {entry["activityId"]: entry for entry in known.entries}
    list_at_strava(world, *at_strava())
    world.pull(per_page=100)
    true = {hashed_id("garmin", str(key)): strava for key, strava in known.pairs.items()}
    joined = dict(world.gold("SELECT id, activity_id FROM activity_members WHERE id <> activity_id"))
    assert joined.items() <= true.items()
    left = [key for key in true if key not in joined]
    assert len(left) <= 3
    measured = "SELECT id FROM activities_all WHERE distance > 0 OR len(start_latlng) > 0"
    assert not {*left} & {key for (key,) in world.gold(measured)}, "indoors, seconds apart: only proposed"
    proposed = world.gold("SELECT least(id, other_id) FROM activity_matches WHERE NOT joined")
    assert {*left} <= {key for (key,) in proposed}
