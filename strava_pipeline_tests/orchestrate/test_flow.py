"""The jobs against an emulator: what lands, what is merged, and how many calls it takes."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from strava_pipeline.lake.bronze.answers import land_athlete
from strava_pipeline.lake.gold import warehouse
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.orchestrate.schedules import DAILY_ASSETS
from strava_pipeline_tests.rig import NOW, YEARS, Make, Rig

pytestmark = pytest.mark.dear

LISTING, DETAIL, STATS = "/athlete/activities", "/activities/{id}", "/athletes/{id}/stats"


def newest(rig: Rig) -> int:
    return int(max(rig.truth(), key=lambda item: item["start_date"])["id"])


def test_a_full_pull_is_true_to_the_source_and_takes_a_call_per_page_and_per_detail(rig: Rig) -> None:
    rig.do("flow_backfill", bronze_activities={"per_page": 7})
    calls = rig.calls()
    assert calls["by_endpoint"] == {LISTING: 6, DETAIL: 30}  # ⌈30/7⌉ pages and the empty one
    assert set(calls["details"].values()) == {1}
    rig.assert_true_to_source()


def test_files_lie_where_the_contract_says(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    data = rig.settings.data_dir
    assert len(list(data.glob("bronze/activities/*/manifest.json"))) == 1
    assert len(list(data.glob("bronze/activities/*/page-0001.json.gz"))) == 1
    assert len(list(data.glob("bronze/activity_details/year=*/*/*.json.gz"))) == 30
    assert {path.name for path in (data / "activities").iterdir()} == {f"year={year}" for year in YEARS}
    snapshot = data / "warehouse" / "strava.duckdb"
    assert not snapshot.stat().st_mode & 0o222
    assert sorted(path.name for path in snapshot.parent.iterdir()) == ["strava.duckdb", "working"]


@pytest.mark.closed
def test_a_quiet_day_takes_two_calls_opens_the_warehouse_once_a_step_and_publishes_nothing_new(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.begin_with("flow_backfill")
    before = rig.lake.snapshot.stat().st_ino
    rig.calls()
    opened = Counter[str]()

    def counting(connect: Callable[..., Connection]) -> Callable[..., Connection]:
        def counted(database: Any = ":memory:", *given: Any, **more: Any) -> Connection:
            opened[str(database)] += 1
            return connect(database, *given, **more)

        return counted

    for module in (duckdb, warehouse):
        monkeypatch.setattr(module, "connect", counting(module.connect))
    outcome = rig.run("flow", [2026])
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert outcome.metadata["published_warehouse"]["replaced"] is False
    assert rig.lake.snapshot.stat().st_ino == before
    # the run's beginning, the steps of the listing, gold, matching, details and their tables, what is said of tracks, publishing; who reads
    del opened[":memory:"]  # to which the working one is attached
    assert opened == {str(rig.lake.working): 7, str(rig.lake.snapshot): 2}


def test_a_flow_that_finds_nothing_new_ends_after_its_listing_and_what_is_watched_stays_fresh(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    rig.do("compact")
    before = rig.run("flow", [2026])
    assert "activities" in before.metadata, "Dagster has no record of what it would say is unchanged"
    first = {asset: made(rig, asset).tags for asset in DAILY_ASSETS}
    rig.calls()
    outcome = rig.run("flow", [2026])
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert outcome.metadata["bronze_activities"]["skipped"] == "nothing new"
    assert outcome.metadata["published_warehouse"]["replaced"] is False
    for asset in DAILY_ASSETS:
        assert made(rig, asset).partition == "2026"
        assert made(rig, asset).tags == first[asset], "what is below is in sync with it"
    entries = rig.remembered.all_logs(outcome.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert len(entries) == len(DAILY_ASSETS), "Dagster's freshness goes by it"
    entries = rig.remembered.all_logs(outcome.run_id, of_type=dg.DagsterEventType.STEP_SKIPPED)
    skipped = {entry.step_key for entry in entries}
    assert skipped > {"activity_shards", "activities", "bronze_activity_details", "published_warehouse", "insights"}
    again = rig.run("flow", [2026], activities={"force": True})
    assert "activities" in again.metadata, "whoever asks for more than what is due gets it"


def made(rig: Rig, asset: str) -> dg.AssetMaterialization:
    entry = rig.remembered.get_latest_materialization_event(dg.AssetKey(asset))
    assert entry is not None
    assert entry.asset_materialization is not None
    return entry.asset_materialization


def test_a_day_later_a_few_recent_details_are_looked_at_again_least_recent_first(make_rig: Make) -> None:
    rig = make_rig(activities=60, years=(2026, 2026), settings={"refresh_calls": 3, "days": 400})
    rig.begin_with("flow_backfill")
    longest_ago = {
        str(row[0]) for row in rig.gold("SELECT activity_id FROM activity_details ORDER BY fetched_at LIMIT 3")
    }
    rig.control("clock", advance=86_400)
    rig.calls()
    rig.do("flow")
    calls = rig.calls()
    assert calls["by_endpoint"] == {LISTING: 2, DETAIL: 3}
    assert set(calls["details"]) == longest_ago
    rig.do("flow")
    assert rig.calls()["by_endpoint"] == {LISTING: 2}, "the day's allowance is used up"
    rig.control("clock", advance=86_400)
    rig.do("flow")
    another = set(rig.calls()["details"])
    assert len(another) == 3
    assert another.isdisjoint(longest_ago)


def test_the_totals_that_strava_shows_are_asked_for_once_a_week_out_of_the_same_calls(make_rig: Make) -> None:
    rig = make_rig(activities=60, years=(2026, 2026), settings={"refresh_calls": 3, "days": 400})
    rig.begin_with("flow_backfill")
    land_athlete(rig.lake, json.dumps({"id": rig.truth()[0]["athlete"]["id"]}).encode(), NOW)

    def asked(days: int) -> dict[str, int]:
        rig.control("clock", advance=days * 86_400)
        rig.calls()
        rig.do("flow")
        found: dict[str, int] = rig.calls()["by_endpoint"]
        return {path: times for path, times in found.items() if path != LISTING}

    assert asked(1) == {STATS: 1, DETAIL: 2}
    shown = json.loads(rig.one("SELECT stats FROM athlete"))
    rides = [row for row in rig.truth() if row["type"] == "Ride" and row["visibility"] == "everyone"]
    assert shown["all_ride_totals"]["count"] == len(rides) > 0
    assert shown["all_ride_totals"]["distance"] == pytest.approx(sum(row["distance"] for row in rides))
    assert asked(6) == {DETAIL: 3}
    for status, told in ((500, True), (401, True), (302, True), (404, False)):
        rig.fault("/athletes/", "status", status=status, times=1)
        assert asked(7) == {STATS: 1, DETAIL: 2}, "what is refused ends no run"
        assert (rig.one("SELECT stats FROM athlete") is not None) is told, "but for a 404 the totals stand as they were"
    assert asked(1) == {DETAIL: 3}, "what is refused is not asked for each day"
    rig.add("2026-03-01T08:00:00Z")
    rig.control("clock", advance=7 * 86_400)
    rig.calls()
    rig.do("flow", bronze_activities={"max_calls": 3}, bronze_activity_details={"max_calls": 3})
    assert rig.calls()["by_endpoint"] == {LISTING: 2, DETAIL: 1}, "what is due comes first"
    land_athlete(rig.lake, b'{"id": 5}', NOW + timedelta(days=400))
    assert asked(1) == {STATS: 1, DETAIL: 2}, "another athlete has totals of their own"


def test_kudos_follow_in_both_tables_without_a_detail_call(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    liked = newest(rig)
    rig.control("edit", id=liked, set={"kudos_count": 9001})
    rig.calls()
    rig.do("flow", [2026])
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert rig.one(f"SELECT kudos_count FROM activities WHERE id = {liked}") == 9001
    assert rig.one(f"SELECT kudos_count FROM activity_details WHERE activity_id = {liked}") == 9001


def test_a_description_changed_without_a_trace_is_found_by_enrich(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    edited = newest(rig)
    rig.control("edit", id=edited, set={"description": "What a day"})
    rig.do("enrich", [2026], bronze_activity_details={"since_days": 400})
    assert rig.one(f"SELECT description FROM activity_details WHERE activity_id = {edited}") == "What a day"


@pytest.mark.parametrize(
    ("days_ago", "away"),
    [(1, 0), (15, 0), (60, 90)],
    ids=["yesterday's", "two weeks late, inside the lookback", "recorded during 90 days offline"],
)
def test_a_new_activity_is_found(rig: Rig, days_ago: int, away: int) -> None:
    rig.begin_with("flow_backfill")
    rig.control("clock", advance=away * 86_400)
    start = NOW + timedelta(days=away - days_ago)
    new = rig.control(
        "add", generate={"start_date": start.isoformat(), "sport_type": "Ride", "timezone": "(GMT+01:00) Europe/Berlin"}
    )["id"]
    rig.do("flow")
    assert rig.one(f"SELECT count(*) FROM activities WHERE id = {new}") == 1
    rig.do("enrich_all")
    rig.assert_true_to_source()


def test_years_backfilled_one_by_one_hold_what_one_pull_of_everything_holds(make_rig: Make, tmp_path: Path) -> None:
    rig = make_rig(activities=120)
    for start in ("2022-12-31T23:30:00Z", "2023-12-31T10:30:00Z", "2025-01-01T03:00:00Z"):
        for zone in ("Pacific/Kiritimati", "America/Los_Angeles", "Europe/Berlin"):
            rig.control("add", generate={"start_date": start, "sport_type": "Run", "timezone": zone})
    for year in YEARS:
        outcome = rig.run("backfill", [year])
    entries = rig.remembered.all_logs(outcome.run_id)
    kinds = Counter(entry.dagster_event.event_type for entry in entries if entry.dagster_event)
    assert kinds[dg.DagsterEventType.STEP_START] <= 9
    assert kinds.total() <= 203, "what is launched from the UI has 4 more, of its queue and its process: 207"
    rig.assert_true_to_source()
    calls = rig.calls()
    assert set(calls["details"].values()) == {1}
    assert calls["by_endpoint"][LISTING] == 2 * len(YEARS)
    by_year = dict(rig.gold("SELECT year, count(*) FROM activities GROUP BY 1"))
    truth = [int(item["start_date_local"][:4]) for item in rig.truth()]
    assert by_year == {year: truth.count(year) for year in set(truth)}
