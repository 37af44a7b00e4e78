"""The pipeline's verbs as a person types them: what is said, what is asked of Strava, and the exit code."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline.lake.locks import locked
from strava_pipeline.operations.source import FLOW_LOCK
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline_tests.rig import Make, Rig
from strava_pipeline_tests.verbs.conftest import Typed, TypeOn

pytestmark = pytest.mark.slow

LISTING, DETAIL = "/athlete/activities", "/activities/{id}"


def told(said: Typed, code: int = 0) -> dict[str, Any]:
    """The one object that a command with --json prints."""
    assert said.code == code, said.err
    found = json.loads(said.out)
    assert said.out.count("\n") == 1
    return dict(found)


@pytest.mark.dear
def test_flow_backfill_then_flow_say_what_they_did(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    first = typed("flow-backfill", "--per-page", "15")
    assert first.code == 0
    assert "Listed 30 rows in 3 calls" in first.out
    assert "Fetched 30 details in 30 calls" in first.out
    assert "Gear: " in first.out
    gear = rig.one("SELECT count(*) FROM gear")
    assert rig.calls()["by_endpoint"] == {LISTING: 3, DETAIL: 30, "/gear/{id}": gear}
    second = typed("flow")
    assert (second.code, rig.calls()["total"]) == (0, 2)
    assert "Nothing changed since the last publish" in second.out
    rig.assert_true_to_source()


@pytest.mark.dear
def test_step_by_step_is_the_same_as_flow_and_each_step_tells_what_it_did(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    steps: dict[str, dict[str, Any]] = {}
    for verb in ("run-all", "compact", "enrich-all", "recompact", "run-lite", "refresh"):
        steps[verb] = told(typed(verb, "--json"))
        assert steps[verb]["calls"] == rig.calls()["total"], verb
        assert steps[verb]["stopped_early"] is None
    assert all(len(step["run_ids"]) == 1 for verb, step in steps.items() if verb != "refresh")
    assert (steps["run-all"]["listed"], steps["run-all"]["inserted"], steps["run-all"]["published"]) == (30, None, None)
    assert (steps["compact"]["inserted"], steps["compact"]["changed"], steps["compact"]["published"]) == (30, 0, True)
    assert (steps["enrich-all"]["fetched"], steps["enrich-all"]["missing"], steps["enrich-all"]["failed"]) == (30, 0, 0)
    assert steps["enrich-all"]["listed"] is None
    rig.assert_true_to_source()
    gone = next(item["id"] for item in rig.truth() if item["start_date_local"].startswith("2025"))
    rig.control("delete", id=gone)
    compared = told(typed("reconcile", "--years", "2024", "2025", "--json"))
    assert (compared["deleted"], compared["inserted"], len(compared["run_ids"]), compared["held_back"]) == (1, 0, 1, [])
    assert compared["calls"] == rig.calls()["total"]


@pytest.mark.dear
def test_compact_makes_no_run_where_nothing_changed(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    rig.begin_with("flow_backfill")
    assert "Nothing changed since" in typed("compact").out  # copied shards are other files than those that were merged
    said = typed("compact")
    assert (said.code, said.out) == (
        0,
        "Nothing to merge: gold holds all that the shards do, and is published. No run was made.\n",
    )
    report = json.loads(typed("compact", "--json").out)
    assert (report["run_ids"], report["inserted"], report["changed"], report["published"]) == ([], 0, 0, False)
    with rig.instance() as instance:
        assert len(instance.get_runs()) == 1
        typed("recompact")
        assert len(instance.get_runs()) == 2


def test_rebuild_says_what_it_made_and_asks_nothing(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    rig.begin_with("flow_backfill")
    said = typed("rebuild")
    assert (said.code, rig.calls()["total"]) == (0, 0)
    assert "Rebuilt from bronze and published: 30 rows of sources, 30 details" in said.out
    assert "Merging details: 30 to do" in said.err
    rig.assert_true_to_source()


@pytest.mark.dear
def test_backfill_takes_years_in_every_form_and_a_few_in_a_row_are_a_run(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    said = typed("backfill", "--years", "2026", "2023", "2024")
    assert said.code == 0
    assert [line for line in said.out.splitlines() if line in ("2026", "2023 to 2024")] == ["2026", "2023 to 2024"]
    assert {row[0] for row in rig.gold("SELECT DISTINCT year FROM activities")} == {2023, 2024, 2026}
    with rig.instance() as instance:
        runs = [run for run in instance.get_runs() if run.job_name == "backfill"]
        assert sorted(map(years_of_run, runs)) == [[2023, 2024], [2026]], "no run covers a year that nobody named"
    plan = told(typed("backfill", "--years", "2022-2024,2026", "--dry-run", "--json"))
    assert [each["year"] for each in plan["changes"]] == [2026, 2024, 2023, 2022]


@pytest.mark.parametrize("words", [(), ("--years", "nineteen"), ("--years", "1999"), ("--years", "2024-2022")])
def test_years_that_are_none_are_refused(rig: Rig, type_on: TypeOn, words: tuple[str, ...]) -> None:
    said = type_on(rig)("backfill", *words)
    assert said.code == 2
    assert "--years" in said.err
    assert rig.calls()["total"] == 0


@pytest.mark.dear
def test_enrich_by_ids_and_by_dates(rig: Rig, type_on: TypeOn) -> None:
    typed = type_on(rig)
    rig.begin_with("refresh")
    ids = [item["id"] for item in rig.truth()[:3]]
    assert typed("enrich", "--ids", ",".join(map(str, ids))).code == 0
    assert set(rig.calls()["details"]) == set(map(str, ids))
    typed("enrich", "--ids", str(ids[0]))
    assert rig.calls()["details"] == {str(ids[0]): 1}, "what is named is fetched again"
    of_2024 = {str(item["id"]) for item in rig.truth() if item["start_date_local"].startswith("2024")}
    typed("enrich", "--from", "2024-01-01", "--to", "2024-12-31")
    assert set(rig.calls()["details"]) == of_2024 - set(map(str, ids))
    assert typed("enrich", "--from", "last week").code == 2
    assert typed("enrich", "--ids", "one").code == 2


@pytest.mark.dear
def test_a_limit_ends_with_exit_code_3_and_says_when_it_goes_on(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig(limits=Limits(900, 2000, 900, 20))
    said = type_on(rig)("flow-backfill")
    assert said.code == 3
    assert "2026-03-11 00:00:00 UTC" in said.err
    assert "Fetched 16 details" in said.out, "two of the day are left to the daily run"
    capped = told(type_on(rig)("flow-backfill", "--max-calls", "1", "--json"), code=3)
    assert (capped["calls"], capped["fetched"], capped["missing"]) == (0, 0, 14)
    assert "2026-03-11 00:00:00 UTC" in capped["stopped_early"]


@pytest.mark.dear
def test_max_calls_holds_for_everything_a_verb_asks(make_rig: Make, type_on: TypeOn) -> None:
    rig = make_rig()
    typed = type_on(rig)
    assert typed("flow-backfill", "--max-calls", "33").code == 3, "the gear is still to come"
    assert rig.calls()["total"] == 33
    assert typed("backfill", "--years", "2022-2026", "--max-calls", "5").code == 3
    assert rig.calls()["total"] == 5


def test_a_second_flow_says_who_is_at_work_and_ends_with_0(rig: Rig, type_on: TypeOn) -> None:
    held = locked(rig.lake, FLOW_LOCK, who="flow, run 1234")
    with held, ThreadPoolExecutor(1) as another:  # the thread that holds a lock may take it again
        said = another.submit(type_on(rig), "flow").result()
        busy = told(another.submit(type_on(rig), "flow", "--json").result())
    assert said.code == 0
    assert "flow, run 1234" in said.out
    assert ("flow, run 1234" in busy["already_at_work"], busy["run_ids"], busy["listed"]) == (True, [], None)
    assert rig.calls()["total"] == 0


def test_a_missing_login_is_named(rig: Rig, type_on: TypeOn) -> None:
    (rig.settings.secrets_dir / "strava_token.json").unlink()
    said = type_on(rig)("flow")
    assert (said.code, "strava-pipeline auth" in said.err, "Traceback" in said.err) == (2, True, False)
