"""What programs before this one got wrong and lost history by, each with what must happen here: the whole pipeline."""

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
import requests

from strava_pipeline.core.errors import TransientError
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.lake import shards
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.lake.golden import detail_differences, summary_differences
from strava_pipeline_tests.orchestrate.test_interruptions import start_flow
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import NOW, Rig

Make = Callable[..., Rig]
LISTING, DETAIL = "/athlete/activities", "/activities/{id}"
THIS_YEAR: dict[str, Any] = {"years": (2026, 2026), "settings": {"first_year": 2026}}


def newest(rig: Rig) -> int:
    return int(max(rig.truth(), key=lambda item: item["start_date"])["id"])


def add(rig: Rig, start: datetime) -> int:
    """An activity that is recorded at `start`."""
    wanted = {"start_date": start.isoformat(), "sport_type": "Run", "timezone": "Europe/London"}
    return int(rig.control("add", generate=wanted)["id"])


# Listing pages shorter than `per_page` in the middle: the listing ended at the first one, 175 rows of 1,000.
def test_a_short_page_in_the_middle_ends_nothing(make_rig: Make) -> None:
    rig = make_rig(activities=60, short_pages=True)
    rig.do("flow_backfill", bronze_activities={"per_page": 10})
    rig.assert_true_to_source()


# 90 days offline: two shards got one name, and all between 90 and 21 days ago was lost.
def test_what_was_recorded_during_months_offline_is_all_there(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    for week in range(13):
        add(rig, NOW + timedelta(days=7 * week + 1))
    rig.control("clock", advance=95 * 86_400)
    rig.do("flow", bronze_activities={"per_page": 4})
    rig.assert_true_to_source()


# An upload 60 days late was never seen.
def test_an_upload_60_days_late_is_found_by_listing_its_year(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    add(rig, NOW - timedelta(days=60))
    rig.do("backfill", [2026])
    rig.assert_true_to_source()


# What was deleted at the source stayed for ever.
def test_what_was_deleted_at_the_source_is_marked_when_its_year_is_listed(make_rig: Make) -> None:
    rig = make_rig(activities=10, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    gone = newest(rig)
    rig.control("delete", id=gone)
    rig.do("backfill", [2026])
    assert rig.gold("SELECT id FROM deleted_activities") == [(gone,)]
    rig.assert_true_to_source()


# A rename inside the lookback window reached the list table, never the details.
def test_an_edit_reaches_both_tables_with_one_detail_call(rig: Rig) -> None:
    rig.begin_with("flow_backfill")
    edited = newest(rig)
    rig.control("edit", id=edited, set={"name": "Renamed", "gear_id": None})
    rig.calls()
    rig.do("flow", [2026])
    assert rig.calls()["details"] == {str(edited): 1}
    assert rig.gold(f"SELECT name, gear_id FROM activities WHERE id = {edited}") == [("Renamed", None)]
    assert rig.one(f"SELECT name FROM activity_details WHERE activity_id = {edited}") == "Renamed"
    rig.assert_true_to_source()


# One detail that answered 500, 404, bad JSON or {} killed each run, and all behind it was stuck.
def test_a_poisoned_detail_stops_nothing_rests_a_day_and_is_healed(make_rig: Make) -> None:
    rig = make_rig(activities=10, **QUICK)
    first = [item["id"] for item in sorted(rig.truth(), key=lambda item: item["start_date"], reverse=True)[:4]]
    answers = ({"kind": "status"}, {"kind": "status", "status": 404}, {"kind": "body", "body": "[1"}, {"kind": "body", "body": {}})  # fmt: skip
    for one, answer in zip(first, answers, strict=True):
        rig.fault(f"/activities/{one}", times=-1, **answer)
    done = rig.do("flow_backfill").fetched
    assert (len(done.fetched.failed), len(done.fetched.gone), done.resting) == (3, 1, 4)
    assert rig.one("SELECT count(*) FROM activity_details") == 6
    assert rig.one("SELECT count(*) FROM activities") == 10
    rig.calls()
    rig.do("enrich_all")
    assert rig.calls()["total"] == 0, "they are left alone for a day"
    rig.clear_faults()
    rig.control("clock", advance=86_401)
    rig.do("flow")  # its listing tells what time it is
    rig.do("enrich_all")
    rig.assert_true_to_source()


# Killed in the middle of a detail: after 8 kills 82 of 2,475 splits were missing for good.
@pytest.mark.soak(part="kills")
def test_after_four_kills_no_lap_split_or_effort_is_missing_and_no_answer_was_asked_for_twice(make_rig: Make) -> None:
    rig = make_rig(activities=30, latency=0.03, **THIS_YEAR)
    for kill in range(1, 5):
        process = start_flow(rig)
        deadline = time.monotonic() + PATIENCE
        while len(list(rig.lake.details.rglob("*.json.gz"))) < 5 * kill:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.communicate()
    rig.do("flow_backfill")
    rig.assert_true_to_source()
    asked = Counter(rig.calls()["details"].values())
    assert sum(times * often for times, often in asked.items()) <= 30 + 4, "at most the one in flight"


# Listing page 4 of 6 failed once: nothing was written, the next run began at page 1.
def test_a_long_listing_that_broke_off_goes_on_behind_its_last_page(make_rig: Make) -> None:
    rig = make_rig(activities=50, jumping=True)
    rig.fault(LISTING, "status", status=500, times=-1, query={"page": "16"})
    with pytest.raises(TransientError):
        rig.do("run_all", bronze_activities={"per_page": 2})
    rig.clear_faults()
    rig.calls()
    rig.do("flow_backfill", bronze_activities={"per_page": 2})
    assert rig.calls()["by_endpoint"][LISTING] < 25, "20 of 50 were still to come, and what is recent once more"
    assert len(list(listings(rig.lake))) == 2
    rig.assert_true_to_source()


# A 429 while listing was retried every 120 s: 6 pages cost 14 refused calls.
def test_a_429_while_listing_costs_one_call_and_is_waited_for_to_the_next_quarter(make_rig: Make) -> None:
    rig = make_rig(activities=25, **QUICK)
    rig.fault(LISTING, "status", status=429, query={"page": "3"})
    rig.do("run_all", bronze_activities={"per_page": 5})
    calls = rig.calls()
    assert (calls["total"], calls["refused"]) == (7, 1)
    listed = [entry for entry in calls["log"] if LISTING in entry[2]]
    # From the call before: one that is refused just behind a quarter's edge was sent before it, and may be made again.
    before, next_at = (datetime.fromisoformat(listed[place][0]) for place in (1, 3))
    assert listed[2][3] == 429
    assert next_at.timestamp() // 900 > before.timestamp() // 900


# The daily limit was not recognised: a refused call per quarter of an hour.
def test_a_full_day_stops_the_run_early_and_the_next_day_goes_on_where_it_stopped(make_rig: Make) -> None:
    rig = make_rig(activities=45, limits=Limits(900, 2000, 900, 30), **THIS_YEAR)
    outcome = rig.run("flow_backfill")
    assert "2026-03-11 00:00:00 UTC" in str(outcome.stopped_early)
    assert rig.one("SELECT count(*) FROM activities") == 45, "what was fetched is merged and published"
    assert rig.one("SELECT count(*) FROM activity_details") == 25, "three of the day's calls are left to the daily run"
    run = rig.remembered.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.is_success
    assert "stopped_early" in run.tags
    report = outcome.metadata["bronze_activity_details"]
    assert (report["details_missing"], report["calls_left"]) == (20, 0)
    assert rig.do("enrich_all").stopped, "the same day there is nothing left"
    assert (calls := rig.calls())["refused"] == 0
    assert calls["total"] == 27
    rig.control("clock", set="2026-03-11T00:00:05Z")
    later = rig.do("flow_backfill")  # this machine's clock hasn't moved: the server is asked what day it is
    assert later.stopped is None
    calls = rig.calls()
    assert calls["refused"] == 0
    assert calls["by_endpoint"][DETAIL] == 20
    rig.assert_true_to_source()


# Only the overall limit's headers were read: the read limit was run into each quarter.
def test_the_read_limit_is_waited_for_and_no_call_is_refused(make_rig: Make) -> None:
    rig = make_rig(activities=45, limits=Limits(20, 2000, 10, 1000), **QUICK)
    done = rig.do("flow_backfill")
    calls = rig.calls()
    assert (done.stopped, calls["refused"], calls["total"]) == (None, 0, 47)
    rig.assert_true_to_source()


# An access token expired during a long run: exit 1, ten restarts for a backfill of 10,000.
def test_a_run_longer_than_its_tokens_live_needs_no_restart_and_no_call_twice(make_rig: Make) -> None:
    rig = make_rig(activities=20, token_lifetime=320, **QUICK)
    rig.fault("/activities/", "status", status=401, times=1, after=10)
    rig.do("flow_backfill")
    calls = rig.calls()
    assert calls["token"] >= 2
    assert calls["by_endpoint"] == {LISTING: 2, DETAIL: 20}
    rig.assert_true_to_source()


# The answer of a token refresh was lost: dead until a person logs in again, the login file written in place.
def test_a_refresh_without_an_answer_is_asked_for_again_and_its_login_is_kept(make_rig: Make) -> None:
    rig = make_rig(activities=10, **QUICK)
    login = rig.settings.secrets_dir / "strava_token.json"
    before = (login.stat().st_ino, json.loads(login.read_bytes())["refresh_token"])
    rig.control("expire-tokens")
    rig.fault("/oauth/token", "reset", times=2)
    rig.do("run_all")
    assert rig.calls()["token"] == 3
    after = (login.stat().st_ino, json.loads(login.read_bytes())["refresh_token"])
    assert all(one != other for one, other in zip(before, after, strict=True)), "another token, in another file"


# On a host in Europe/Berlin every start was shifted by one or two hours.
@pytest.mark.parametrize("host_zone", ["Europe/Berlin", "Pacific/Auckland"])
def test_the_hosts_zone_shifts_no_start(rig: Rig, monkeypatch: pytest.MonkeyPatch, host_zone: str) -> None:
    monkeypatch.setenv("TZ", host_zone)
    time.tzset()
    try:
        rig.do("refresh", [2025, 2026])
    finally:
        monkeypatch.undo()
        time.tzset()
    truth = {item["id"]: (item["start_date"], item["start_date_local"]) for item in rig.truth()}
    rows = rig.gold(
        "SELECT id, strftime(start_date AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ'),"
        " strftime(start_date_local, '%Y-%m-%dT%H:%M:%SZ') FROM activities"
    )
    assert rows
    assert all(truth[row[0]] == row[1:] for row in rows)


# Absent booleans became false, and counts floats as soon as one was null.
def test_what_is_absent_is_null_and_a_null_among_counts_leaves_them_whole_numbers(make_rig: Make) -> None:
    rig = make_rig(activities=5, **THIS_YEAR)
    activity = {"start_date": "2026-03-09T08:00:00Z", "kudos_count": None, "achievement_count": None}
    bare = rig.control("add", activity=activity)["id"]
    rig.do("flow_backfill")
    query = f"SELECT commute, trainer, flagged, kudos_count FROM activities WHERE id = {bare}"
    assert rig.gold(query) == [(None, None, None, None)]
    types = rig.gold("SELECT DISTINCT typeof(kudos_count), typeof(achievement_count) FROM activities")
    assert types == [("BIGINT", "BIGINT")]


# 27 of 56 list fields were kept; laps and best efforts were lost.
def test_every_field_of_every_summary_and_detail_is_in_gold(make_rig: Make) -> None:
    rig = make_rig(activities=25, **THIS_YEAR)
    rig.begin_with("flow_backfill")
    token = json.loads((rig.settings.secrets_dir / "strava_token.json").read_bytes())["access_token"]

    def served(path: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{rig.settings.api_url}{path}", headers=headers, timeout=PATIENCE).json()

    summaries = served(f"{LISTING}?per_page=200")
    details = [served(f"/activities/{item['id']}?include_all_efforts=true") for item in summaries]
    assert len(summaries) == 25
    assert summary_differences(rig.lake, summaries) == []
    assert detail_differences(rig.lake, details) == []


# Details were written by an INSERT per row.
def test_the_statements_that_merge_details_are_as_many_for_thirty_as_for_three(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make_rig(activities=33, **THIS_YEAR)
    rig.begin_with("run_all")
    rig.do("compact")
    connect, changing = duckdb.connect, [0]

    class Counted:
        def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._connection, name)

        def execute(self, query: str, *values: Any) -> Any:
            changing[0] += any(word in query.upper() for word in ("INSERT", "MERGE", "UPDATE", "DELETE", "BEGIN"))
            return self._connection.execute(query, *values)

    monkeypatch.setattr(duckdb, "connect", lambda *given, **more: Counted(connect(*given, **more)))
    counts = []
    for calls in (3, 30):
        changing[0] = 0
        rig.do("enrich_all", bronze_activity_details={"max_calls": calls})
        counts.append(changing[0])
    assert rig.one("SELECT count(*) FROM activity_details") == 33
    assert counts[0] == counts[1] > 0


# A year of daily runs made 730 shards that were never merged.
def test_the_shards_of_a_year_stay_few_however_often_it_is_pulled(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARDS_PER_YEAR", 3)
    rig = make_rig(activities=5, **THIS_YEAR)
    for day in range(8):
        add(rig, NOW + timedelta(days=day))
        rig.control("clock", advance=86_400)
        rig.do("run")
        assert len(list(rig.lake.shards.rglob("*.parquet"))) <= 3 + 1
    rig.do("compact")
    assert rig.one("SELECT count(*) FROM activities") == len(rig.truth())
