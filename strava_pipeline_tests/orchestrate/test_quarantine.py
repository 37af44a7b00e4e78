"""Activities whose detail always fails, over simulated days: what they cost, what is told, and who asks again when."""

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import requests

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.calls import ATTEMPTS
from strava_pipeline.lake.decisions import record_decisions
from strava_pipeline.lake.gold.notes import mark_changed
from strava_pipeline.lake.gold.quarantine import QuarantineDecision
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.operations.fetching import pull_details
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline.orchestrate.config import DetailsConfig
from strava_pipeline.orchestrate.jobs import DETAILS
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.lake.bronze import land_failed_detail
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.rig import NOW, Make, Rig, definitions

pytestmark = pytest.mark.slow

ATHLETE = "/athlete"
HOUR = 1 / 24  # of a day
POISONS: dict[str, tuple[dict[str, Any], int | None]] = {  # the answer, and the status in the table
    "500": ({"kind": "status", "status": 500}, 500),
    "no JSON": ({"kind": "body", "body": "[1"}, 200),
    "an empty object": ({"kind": "body", "body": {}}, 200),
    "another's id": ({"kind": "body", "body": {"id": 1}}, 200),
    "no answer": ({"kind": "reset"}, None),
    "400": ({"kind": "status", "status": 400}, 400),
    "401": ({"kind": "status", "status": 401}, 401),
    "404": ({"kind": "status", "status": 404}, 404),
}


def by_start(rig: Rig) -> list[int]:
    """Newest first, as they are fetched."""
    return [item["id"] for item in sorted(rig.truth(), key=lambda item: item["start_date"], reverse=True)]


def days_pass(rig: Rig, days: float) -> tuple[RunContext, BudgetedSource]:
    """Move the emulator's clock, and look at it as a run does."""
    rig.control("clock", advance=days * 86_400)
    run = context_without_run(rig.settings)
    run.clock.observe(requests.head(rig.emulator.url, timeout=PATIENCE).headers["Date"])
    return run, BudgetedSource(STRAVA, rig.settings, run)


def learn_the_time(rig: Rig, days: float) -> None:
    rig.control("clock", advance=days * 86_400)
    rig.do("run_lite", [2026])


def quarantine(rig: Rig) -> dict[int, tuple[Any, ...]]:
    found = rig.gold(
        "SELECT activity_id, failures, status, dropped_at IS NULL, retry_at > last_failed_at FROM quarantine"
    )
    return {row[0]: row[1:] for row in found}


@pytest.mark.dear
def test_what_fails_thrice_while_others_succeed_is_quarantined_and_leaves_with_a_good_answer(make_rig: Make) -> None:
    rig = make_rig(activities=2 * len(POISONS), **QUICK)
    sick = by_start(rig)[0::2]
    for one, (fault, _) in zip(sick, POISONS.values(), strict=True):
        rig.fault(f"/activities/{one}", times=-1, **fault)
    rig.do("flow_backfill")
    for pause in (1, 2):
        assert quarantine(rig) == {}
        learn_the_time(rig, pause)
        rig.do("enrich_all")
    statuses = [status for _, status in POISONS.values()]
    assert quarantine(rig) == {one: (3, status, True, True) for one, status in zip(sick, statuses, strict=True)}
    assert rig.one("SELECT count(*) FROM activity_details") == len(POISONS)
    rig.calls()
    rig.do("enrich_all")
    assert rig.calls()["total"] == 0, "they rest"
    before = rig.gold("SELECT * FROM quarantine ORDER BY 1")
    rig.do("rebuild")
    assert rig.gold("SELECT * FROM quarantine ORDER BY 1") == before
    rig.clear_faults()
    learn_the_time(rig, 4)
    rig.do("enrich_all")
    assert quarantine(rig) == {}
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_poisoned_one_costs_a_daily_run_some_forty_calls_a_year(make_rig: Make) -> None:
    rig = make_rig(activities=3, **QUICK)
    sick = by_start(rig)[0]
    rig.fault(f"/activities/{sick}", "status", status=500, times=-1)
    rig.do("flow_backfill")
    rig.calls()
    asked_on = [1, 3, 7, 15, *range(31, 366, 30)]
    attempts, probes, today = [], 0, 0.0
    for day in asked_on:
        for at, is_asked in ((day - 1 + HOUR, False), (day - HOUR, True)):  # a daily run an hour late, an hour early
            if at > today:
                pull_details(*days_pass(rig, at - today), DetailsConfig(scope="all"), [2026])
                calls, today = rig.calls(), at
                assert (str(sick) in calls["details"]) == is_asked
                if is_asked:
                    attempts.append(calls["details"][str(sick)])
                    probes += calls["by_endpoint"][ATHLETE]
    assert attempts == [ATTEMPTS] * 2 + [1] * 14, "one that is known to be poisoned is asked for once"
    assert ATTEMPTS + sum(attempts) + probes == 39


@pytest.mark.dear
def test_two_poisoned_with_401_stop_a_run_only_where_nothing_succeeds_between_them(make_rig: Make) -> None:
    rig = make_rig(activities=6, **QUICK)
    newest = by_start(rig)
    for one in (newest[0], newest[2], newest[5]):
        rig.fault(f"/activities/{one}", "status", status=401, times=-1)
    outcome = rig.run("flow_backfill")
    assert outcome.metadata["bronze_activity_details"]["failed_ids"] == [str(newest[each]) for each in (0, 2, 5)]
    calls = rig.calls()
    assert calls["by_endpoint"][ATHLETE] == 1, "for the last one: nothing else came after it"
    assert rig.one("SELECT count(*) FROM activity_details") == 3


# ------------------------------------------------------------------------------------------------ the sensor


def tick(rig: Rig) -> dg.RunRequest | None:
    sensor = definitions(rig.settings).resolve_sensor_def("quarantine_retry")
    with rig.instance() as instance, dg.build_sensor_context(instance=instance) as context:
        requested = sensor.evaluate_tick(context).run_requests or []
    assert len(requested) <= 1
    return requested[0] if requested else None


def follow(rig: Rig, request: dg.RunRequest) -> dict[str, int]:
    """Run what was requested, as the daemon would; what was asked for."""
    rig.calls()
    years = [int(request.tags[f"dagster/asset_partition_range_{end}"]) for end in ("start", "end")]
    rig.do("enrich", list(range(years[0], years[1] + 1)), **{DETAILS: request.run_config["ops"][DETAILS]["config"]})
    return dict(rig.calls()["details"])


@pytest.fixture
def failed(rig: Rig) -> list[int]:
    """The three oldest, years before any window, failed once in the first pull of everything."""
    oldest = by_start(rig)[-4:-1]
    for one in oldest:
        rig.fault(f"/activities/{one}", "status", status=404, times=-1)
    rig.do("flow_backfill")
    return oldest


@pytest.mark.dear
def test_what_failed_is_asked_for_again_when_its_pause_is_over_and_not_before(rig: Rig, failed: list[int]) -> None:
    assert tick(rig) is None
    for pause, failures in ((1, 2), (2, 3), (4, 4)):
        learn_the_time(rig, pause - 0.3)
        assert tick(rig) is None
        learn_the_time(rig, 0.3)
        request = tick(rig)
        assert request is not None
        again = tick(rig)
        assert again is not None
        assert request.run_key == again.run_key, "so that no run is started twice"
        assert follow(rig, request) == {str(one): 1 for one in failed}
        assert follow(rig, request) == {}, "one that comes late finds them resting"
        assert tick(rig) is None
        assert {row[0] for row in quarantine(rig).values()} == ({failures} if failures >= 3 else set())
    rig.clear_faults()
    learn_the_time(rig, 8)
    request = tick(rig)
    assert request is not None
    follow(rig, request)
    assert (tick(rig), quarantine(rig)) == (None, {})
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_request_that_came_to_nothing_is_made_again_the_next_day(rig: Rig, failed: list[int]) -> None:
    keys = set()
    for _ in range(3):
        learn_the_time(rig, 1)
        request = tick(rig)
        assert request is not None
        keys.add(request.run_key)
    assert len(keys) == 3


@pytest.mark.dear
def test_dropped_and_deleted_ones_are_asked_for_no_more_nor_is_any_without_login(rig: Rig, failed: list[int]) -> None:
    dropped, deleted, other = failed
    at = NOW + timedelta(hours=1)
    record_decisions(rig.lake, QuarantineDecision(at=at, by="a test", activity_id=dropped, dropped=True))
    with writing(rig.lake) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = now() WHERE id = $id", {"id": deleted})
        mark_changed(connection)
    rig.do("compact")
    learn_the_time(rig, 400)
    request = tick(rig)
    assert request is not None
    assert follow(rig, request) == {str(other): 1}
    learn_the_time(rig, 400)
    assert tick(rig) is not None
    (rig.settings.secrets_dir / "strava_token.json").unlink()
    assert tick(rig) is None


def test_nothing_is_requested_before_anything_is_published(rig: Rig) -> None:
    land_failed_detail(rig.lake, 2022, by_start(rig)[-1], b"", 500, NOW - timedelta(days=9))
    assert tick(rig) is None
