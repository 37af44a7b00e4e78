"""`plan` and the dry runs: what is told beforehand, what that costs, and that a backfill then does just that."""

import json
from typing import Any

import pytest

from strava_pipeline.core.years import years_of_runs
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.facts import shown
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import Type, TypeOn

pytestmark = pytest.mark.slow

LISTING, DETAIL = "/athlete/activities", "/activities/{id}"


def planned(typed: Type, *words: str) -> dict[str, Any]:
    said = typed("plan", "--json", *words)
    assert said.code == 0, said.err
    return dict(json.loads(said.out))


def by_year(plan: dict[str, Any]) -> dict[int, tuple[bool, int]]:
    return {year["year"]: (year["is_known"], year["details"]) for year in plan["years"]}


def test_a_plan_of_an_empty_folder_gives_lower_bounds_and_makes_nothing(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    plan = planned(typed, "--years", "2024-2026")
    assert by_year(plan) == dict.fromkeys((2026, 2025, 2024), (False, 0))
    assert (plan["is_known"], plan["calls"], plan["listing_calls"], plan["gear_calls"]) == (False, 1, 1, 0)
    assert [one["of"] for one in plan["limits"]] == [
        "calls in 15 minutes",
        "calls in a day",
        "read calls in 15 minutes",
        "read calls in a day",
    ]
    assert f"calls: {len(years_of_runs(rig.years))}\n" in typed("plan").out
    assert rig.calls()["total"] == 0
    assert not rig.lake.data_dir.exists()


@pytest.mark.dear
def test_a_plan_is_what_a_backfill_then_takes(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(limits=Limits(100, 9999, 50, 9999))
    typed = type_on(rig)
    rig.do("run_all")
    rig.do("compact")
    rig.calls()
    plan = planned(typed, "--years", "2024,2025")
    listed = dict(rig.gold("SELECT year, count(*) FROM activities GROUP BY 1"))
    assert by_year(plan) == {year: (True, listed[year]) for year in (2025, 2024)}
    assert plan["listing_calls"] == 2, "one listing of both"
    assert (plan["governing"], plan["days"]) == ("read calls in 15 minutes", 1)
    assert rig.calls()["total"] == 0
    assert typed("backfill", "--years", "2024", "2025").code == 0
    made = rig.calls()
    assert made["by_endpoint"] == {
        LISTING: plan["listing_calls"],
        DETAIL: plan["details_calls"],
        "/gear/{id}": plan["gear_calls"],
    }
    assert made["total"] == plan["calls"]
    assert by_year(planned(typed, "--years", "2024"))[2024] == (True, 0)


@pytest.mark.dear
def test_the_finish_is_told_across_midnight(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(limits=Limits(900, 2000, 900, 15))
    typed = type_on(rig)
    rig.do("run_all")
    rig.do("compact")
    plan = planned(typed)
    assert (plan["governing"], plan["days"]) == ("read calls in a day", 3)
    assert plan["done_at"].startswith("2026-03-12T00:00:")
    assert "if it is started again when a day's limit opens" in typed("plan").out
    ran = typed("flow-backfill")
    assert ran.code == 3
    assert "if it is started again when a day's limit opens" in ran.err


@pytest.mark.dear
def test_a_dry_backfill_tells_what_a_backfill_will_change_and_spends_once(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=40)
    typed = type_on(rig)
    assert typed("flow-backfill").code == 0
    of_2024 = [item for item in rig.truth() if item["start_date_local"].startswith("2024")]
    renamed, gone = of_2024[0]["id"], of_2024[1]["id"]
    rig.control("edit", id=renamed, set={"name": "Another name"})
    rig.control("delete", id=gone)
    added = rig.control("add", generate={"start_date": "2024-05-05T06:00:00Z", "sport_type": "Run"})["id"]
    rig.calls()
    before = (rig.gold("SELECT * FROM activities_all ORDER BY id"), rig.lake.snapshot.stat().st_ino)
    shards = sorted(rig.lake.shards.rglob("*.parquet"))
    said = typed("backfill", "--years", "2024", "--dry-run", "--json")
    assert said.code == 0
    (change,) = json.loads(said.out)["changes"]
    assert change == {
        "year": 2024, "listed": len(of_2024), "inserted": 1, "changed": 1, "details_again": 1, "deleted_ids": [gone],
    }  # fmt: skip
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert (rig.gold("SELECT * FROM activities_all ORDER BY id"), rig.lake.snapshot.stat().st_ino) == before
    assert sorted(rig.lake.shards.rglob("*.parquet")) == shards

    again = planned(typed, "--years", "2024")
    assert (by_year(again), again["listing_calls"]) == ({2024: (True, 2)}, 0)
    done = typed("backfill", "--years", "2024")
    assert "Merged: 1 new, 1 changed" in done.out
    made = rig.calls()
    assert LISTING not in made["by_endpoint"]
    assert set(made["details"]) == {str(renamed), str(added)}


@pytest.mark.dear
def test_a_backfill_of_this_year_after_its_dry_run_lists_what_is_recent_again(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    assert typed("backfill", "--years", "2026", "--dry-run").code == 0
    recent = max(rig.truth(), key=lambda one: str(one["start_date"]))["id"]
    rig.control("edit", id=recent, set={"name": "Renamed after the dry run"})
    rig.calls()
    assert planned(typed, "--years", "2026")["listing_calls"] == 2
    said = typed("backfill", "--years", "2026")
    assert rig.calls()["by_endpoint"][LISTING] == 2
    assert rig.one(f"SELECT name FROM activities WHERE id = {recent}") == "Renamed after the dry run"
    assert "; older pages are as of 20" in next(line for line in said.out.splitlines() if line.startswith("Listed "))
    assert "; older pages are as of 20" in shown(typed("status", "--json").out)["strava pull"]["text"]


def test_a_dry_backfill_of_nothing_yet_lists_the_years_once(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    assert typed("backfill", "--years", "2024", "2025", "--dry-run").code == 0
    again = typed("backfill", "--years", "2024", "2025", "--dry-run", "--json")
    assert again.code == 0
    found = json.loads(again.out)
    assert found["calls_made"] == 0, "its listings are used again"
    assert [change["year"] for change in found["changes"]] == [2025, 2024]
    assert all(change["inserted"] == change["listed"] > 0 for change in found["changes"])
    assert rig.calls()["by_endpoint"] == {LISTING: 2}
    assert not rig.lake.working.exists()
    assert not rig.lake.snapshot.exists()


@pytest.mark.dear
def test_a_backfill_of_some_sports_lists_everything_and_calls_for_these_only(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(activities=60)
    typed = type_on(rig)
    of_2024 = {item["id"]: item["sport_type"] for item in rig.truth() if item["start_date_local"].startswith("2024")}
    wanted = {one for one, sport in of_2024.items() if sport in ("Run", "Swim")}
    assert 0 < len(wanted) < len(of_2024)
    plan = json.loads(typed("backfill", "--years", "2024", "--dry-run", "--json", "--sports", "run,swim").out)
    assert (plan["details_calls"], plan["sports"]) == (len(wanted), ["Run", "Swim"])
    assert plan["changes"][0]["inserted"] == len(of_2024)
    rig.calls()

    assert typed("backfill", "--years", "2024", "--sports", "run", "--sports", "Swim").code == 0
    made = rig.calls()
    assert set(made["details"]) == {str(one) for one in wanted}
    assert made["by_endpoint"].keys() <= {DETAIL, "/gear/{id}"}, "the dry run's listing was used"
    assert rig.one("SELECT count(*) FROM activities WHERE year = 2024") == len(of_2024), "no row is left out"

    assert typed("backfill", "--years", "2024", "--sports", "Run,Swim").code == 0
    assert DETAIL not in rig.calls()["by_endpoint"], "none is fetched twice"
    assert typed("backfill", "--years", "2024").code == 0
    assert set(rig.calls()["details"]) == {str(one) for one in of_2024.keys() - wanted}, "a later one fetches the rest"
    rig.calls()
    assert "sports: Run" in typed("streams", "--years", "2024", "--sports", "Run", "--dry-run").out
    assert typed("streams", "--years", "2024", "--sports", "Run").code == 0
    assert rig.calls()["by_endpoint"]["/activities/{id}/streams"] <= sum(sport == "Run" for sport in of_2024.values())


@pytest.mark.parametrize("verb", ["backfill", "streams"])
def test_a_sport_that_strava_does_not_have_is_refused_before_any_call(rig: Rig, type_on: TypeOn, verb: str) -> None:
    said = type_on(rig)(verb, "--years", "2024", "--sports", "Ride,Runn")
    assert (said.code, rig.calls()["total"]) == (2, 0)
    assert "Runn" in said.err
    assert "Run" in said.err


def test_a_dry_backfill_stopped_by_a_limit_says_what_it_does_not_know(rig: Rig, type_on: TypeOn) -> None:
    said = type_on(rig)("backfill", "--years", "2024", "2025", "--dry-run", "--max-calls", "1")
    assert said.code == 3
    assert rig.calls()["total"] == 1
    assert "--max-calls" in said.err


@pytest.mark.dear
@pytest.mark.parametrize("verb", ["flow", "flow-backfill", "run", "enrich", "enrich-all"])
def test_a_dry_run_of_another_verb_counts_what_is_there_and_makes_no_call(rig: Rig, type_on: TypeOn, verb: str) -> None:
    typed = type_on(rig)
    rig.do("run_all")
    rig.do("compact")
    rig.calls()
    said = typed(verb, "--dry-run", "--max-calls", "1", "--json")
    assert (said.code, rig.calls()["total"]) == (0, 0)
    plan = json.loads(said.out)
    calls = {"flow": 2, "run": 2, "flow-backfill": 32, "enrich": 0, "enrich-all": 30}
    gear = rig.one("SELECT count(DISTINCT gear_id) FROM activities") if verb == "flow-backfill" else 0
    since = {"flow": "(SELECT max(start_date) FROM activities)", "enrich": "TIMESTAMPTZ '2026-03-10 12:00:30Z'"}
    recent = "SELECT count(*) FROM activities WHERE start_date >= {} - INTERVAL 21 DAY"
    expected = calls[verb] + gear + (rig.one(recent.format(since[verb])) if verb in since else 0)
    assert (plan["calls"], plan["max_calls"]) == (expected, 1)
    assert "Nothing was asked for, nothing changed." in typed(verb, "--dry-run").out
