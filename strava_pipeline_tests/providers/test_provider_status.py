"""`providers status`: the last operation of each enabled provider, the limit in force, and what is wrong."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import hashed_id
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import land_no_file, paused_until
from strava_pipeline.operations.source import Source
from strava_pipeline.settings import Settings
from strava_pipeline.testing.merging import merge_years
from strava_pipeline_tests.providers.test_looking import (
    AT,
    allow_writing,
    enable_none,
    fail,
    fail_files,
    limit,
    limit_before,
    lose_login,
    pull,
    run_of,
    succeed,
    with_toy,
)
from strava_pipeline_tests.verbs.conftest import Type

NEVER_DONE = {
    "title": "Toy",
    "login_problem": None,
    "operation": None,
    "at": None,
    "success": None,
    "message": None,
    "rate_limit": None,
    "rate_limit_ends_at": None,
    "last_pull": None,
    "compared_at": {},
    "activities": None,
    "unreadable_rows": 0,
    "quarantined": 0,
    "withheld": 0,
    "withheld_advice": "",
    "webhooks": None,
    "login": None,
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = with_toy(tmp_path, monkeypatch)
    for name, value in found.environ().items():
        monkeypatch.setenv(name, value)
    return found


def wait_for_toy(settings: Settings, seconds: float = 1e9) -> None:
    """Have a run wait for the toy, as its client says."""
    Source("toy", settings, run_of(settings)).waiting("Toy asks for a pause.", seconds)


def wait_no_more(settings: Settings) -> None:
    wait_for_toy(settings, -1.0)


def damage_pause(settings: Settings) -> None:
    (Lake(settings.data_dir).state / "providers" / "toy" / "pause").write_text("soon")


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ([], NEVER_DONE),
        ([lose_login], {"login_problem": "There is no toy_login.json yet. Ask the toy for a key."}),
        ([pull, succeed], {"operation": "listing", "success": True, "message": ""}),
        ([fail], {"success": False, "message": "GET /activities: Toy answered 500"}),
        ([fail, fail_files], {"operation": "files", "message": "Five files in a row failed."}),
        ([limit], {"rate_limit": "long_term", "rate_limit_ends_at": "2998-02-02T06:00:00Z"}),
        ([limit_before], {"rate_limit": None, "rate_limit_ends_at": None}),
        ([wait_for_toy], {"rate_limit": "short_term"}),
        ([wait_for_toy, limit], {"rate_limit": "long_term"}),
        ([wait_for_toy, wait_no_more], {"rate_limit": None, "rate_limit_ends_at": None}),
        ([wait_for_toy, damage_pause], {"rate_limit": None}),
    ],
)
def test_the_status_is_the_last_operation_and_the_limit_in_force(
    settings: Settings, type_in: Type, before: list[Callable[[Settings], None]], shown: dict[str, Any]
) -> None:
    for do in before:
        do(settings)
    found = json.loads(type_in("providers", "status", "--json").out)["providers"]
    assert found["toy"].items() >= shown.items()
    assert found["toy"].keys() == NEVER_DONE.keys()


def test_a_person_is_told_of_keys_without_effect(settings: Settings, type_in: Type) -> None:
    allow_writing(settings)
    said = type_in("providers", "status")
    assert (said.code, said.err) == (0, "")
    assert "write: Toy can't be given another duration; providers.toy.stale_days: it counts" in said.out


def test_a_pause_ends_by_the_run_s_clock(settings: Settings) -> None:
    run = run_of(settings)
    Source("toy", settings, run).waiting("Toy asks for a pause.", 90.0)
    until = paused_until(run.lake, "toy")
    assert until is not None
    assert abs(until - run.now() - timedelta(seconds=90)) < timedelta(seconds=60)


def test_the_status_counts_what_is_published_unreadable_and_in_quarantine(settings: Settings, type_in: Type) -> None:
    run = run_of(settings)
    listing = begin_listing(
        run.lake, Window(mode="all", after=None, before=None), athlete_id=None, at=AT, source="toy", account="me"
    )
    rides = [{"key": key, "begin": f"2026-01-0{day}T06:00:00Z"} for day, key in enumerate("abc", start=1)]
    page = {"items": [{"begin": "2026-01-01T06:00:00Z", "title": "without a key"}, *rides], "more": False}
    listing.land(spec_of("toy").read_page(page), json.dumps(page).encode(), {}, AT, run.years)
    listing.mark_ended()
    merge_years(run, run.years.all, matched=False)
    publish(run.lake)
    for day in range(3):
        land_no_file(run.lake, "toy", hashed_id("toy", "a"), b"", 500, AT + timedelta(days=day))
    found = json.loads(type_in("providers", "status", "--json").out)["providers"]["toy"]
    assert (found["activities"], found["unreadable_rows"], found["quarantined"]) == (3, 1, 1)
    assert (found["last_pull"]["activities"], found["last_pull"]["complete"]) == (4, True)


def test_without_an_enabled_provider_the_status_says_so(settings: Settings, type_in: Type) -> None:
    enable_none(settings)
    assert json.loads(type_in("providers", "status", "--json").out) == {"providers": {}}
    assert "No service besides Strava is enabled" in type_in("providers", "status").out
