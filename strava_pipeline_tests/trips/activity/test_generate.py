"""The demo's trips: the same of a seed, readable with their own keys only, and judged as what they were generated as."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.json_values import parse_instant
from strava_pipeline.trips.activity.generate import DAYS, write_trips
from strava_pipeline.trips.activity.reading.keys import KeyRing
from strava_pipeline.trips.activity.reading.opening import open_source
from strava_pipeline.trips.activity.reading.read import read_bundles
from strava_pipeline.trips.activity.rules.bundle import Bundle, State
from strava_pipeline.trips.activity.rules.diagnosis import Diagnosed, diagnose
from strava_pipeline.trips.activity.rules.thresholds import thresholds
from strava_pipeline_tests.trips.activity.sources import RING

UNTIL = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


def demo_trips(folder: Path, *, seed: int = 1, count: int = 40, until: datetime = UNTIL) -> tuple[Path, KeyRing]:
    source, keys = write_trips(folder, seed=seed, count=count, until=until)
    return source, KeyRing.from_file(keys)


def bundles(source: Path, keys: KeyRing) -> list[Bundle]:
    with open_source(f"sqlite:///{source}") as opened:
        return [bundle for batch in read_bundles(opened, keys) for bundle in batch]


def contents(source: Path, keys: KeyRing) -> list[dict[str, Any]]:
    return [bundle.as_json() for bundle in bundles(source, keys)]


@pytest.mark.slow
def test_a_seed_makes_the_same_trips_and_another_one_others(tmp_path: Path) -> None:
    first, second, other = (demo_trips(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert contents(*first) == contents(*second)
    keys = [(source.parent / "TEST_KEYS_ONLY.json").read_text() for source, _ in (first, second, other)]
    assert keys[0] == keys[1] != keys[2]
    assert contents(*first) != contents(*other)


def test_the_time_zone_of_the_end_changes_nothing(tmp_path: Path) -> None:
    here, there = (
        demo_trips(tmp_path / "a"),
        demo_trips(tmp_path / "b", until=UNTIL.astimezone(timezone(timedelta(hours=-11)))),
    )
    assert contents(*here) == contents(*there)


@pytest.mark.slow
def test_they_replace_the_trips_in_a_folder(tmp_path: Path) -> None:
    demo_trips(tmp_path, seed=2)
    assert contents(*demo_trips(tmp_path)) == contents(*demo_trips(tmp_path / "fresh"))


def test_every_trip_ends_before_the_end_and_lies_within_two_years(tmp_path: Path) -> None:
    held = [bundle.summary for bundle in bundles(*demo_trips(tmp_path, count=100))]
    starts, ends = (
        [parse_instant(it) for it in times]
        for times in zip(*((one.start_time, one.end_time) for one in held), strict=True)
    )
    assert max(it for it in ends if it) <= UNTIL.timestamp()
    assert min(it for it in starts if it) >= (UNTIL - timedelta(days=DAYS)).timestamp() - 1
    assert len(ends) == 100


@pytest.mark.slow
def test_they_open_with_both_of_their_own_keys_and_with_no_others(tmp_path: Path) -> None:
    source, keys = demo_trips(tmp_path, seed=9, count=100)  # of seed 1 are the keys of the tests, too
    with_their_own = bundles(source, keys)
    assert {bundle.decryption.key_index for bundle in with_their_own} == {0, 1, None}
    states = Counter(bundle.decryption.locations for bundle in with_their_own)
    assert states[State.UNDECRYPTABLE] == 1  # cut off on its way
    assert states[State.OK] > 90
    assert {bundle.decryption.locations for bundle in bundles(source, RING)} == {State.UNDECRYPTABLE}
    assert "TEST KEYS" in json.loads((tmp_path / "TEST_KEYS_ONLY.json").read_text())["WARNING"]


@pytest.mark.slow
def test_no_plain_column_holds_a_position(tmp_path: Path) -> None:
    source, keys = demo_trips(tmp_path, count=10)
    places = {str(point["latitude"]) for bundle in bundles(source, keys) for point in bundle.locations}
    with closing(sqlite3.connect(source)) as database:
        dumped = "\n".join(database.iterdump())
    assert len(places) > 100
    assert not [place for place in places if place in dumped]


@pytest.fixture(scope="module")
def diagnosed(tmp_path_factory: pytest.TempPathFactory) -> list[Diagnosed]:
    """As many as the demo makes."""
    return diagnose(bundles(*demo_trips(tmp_path_factory.mktemp("demo"), seed=2026, count=300)), thresholds())


def activity(trip: Diagnosed) -> str:
    mix = trip.diagnosis["metrics"]["activity_mix"]
    return max(mix, key=lambda name: mix[name]) if mix else ""


def test_walks_and_drives_are_rejected_and_nearly_all_rides_are_not(diagnosed: list[Diagnosed]) -> None:
    verdicts = {
        name: Counter(trip.diagnosis["verdict"] for trip in diagnosed if activity(trip) == name)
        for name in ("walking", "automotive", "cycling")
    }
    assert set(verdicts["walking"]) | set(verdicts["automotive"]) <= {"rejected", "unknown"}
    assert min(sum(verdicts[name].values()) for name in verdicts) >= 5
    whole = Counter(trip.diagnosis["verdict"] for trip in diagnosed)
    assert whole["accepted"] > len(diagnosed) / 2
    assert {"accepted", "rejected", "unknown"} <= set(whole)


def test_faults_of_recordings_are_among_the_reasons(diagnosed: list[Diagnosed]) -> None:
    found = {reason for trip in diagnosed for reason in trip.diagnosis["reasons"]}
    assert found >= {
        "locations_undecryptable", "no_locations", "too_short_duration", "poor_accuracy", "teleports", "gaps",
        "unrealistic_avg_speed", "vehicle_speed", "too_slow", "automotive_activity", "foot_activity",
    }  # fmt: skip


def test_missed_rides_come_with_what_the_phone_logged(diagnosed: list[Diagnosed]) -> None:
    missed = [trip.diagnosis for trip in diagnosed if trip.diagnosis["primary"] == "no_locations"]
    assert missed
    assert all(diagnosis["has_diagnostic"] and diagnosis["label"] in ("ride", "not_ride") for diagnosis in missed)
    outcomes = {trip.diagnosis["outcome_vs_stored"] for trip in diagnosed}
    assert outcomes == {"better", "same", "worse", "changed"}
