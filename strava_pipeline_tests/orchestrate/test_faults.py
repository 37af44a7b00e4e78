"""What can go wrong between here and Strava, at every endpoint: what it costs, what is said, and that nothing is lost.

The host's clock is far from the emulator's, so that every first run begins with a refresh of the token.
"""

import json
from typing import Any

import pytest

from strava_pipeline.core.errors import LoginServiceError, NeedsLoginError, PipelineError, RefusedError, TransientError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest import http
from strava_pipeline.ingest.calls import ATTEMPTS
from strava_pipeline.lake.bronze.answers import newest_athlete, newest_gear
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.operations.fetching import ProfileReport, pull_profile
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline.orchestrate.config import CallLimits
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.jumping import QUICK
from strava_pipeline_tests.raw_answers import raw_answer
from strava_pipeline_tests.rig import Make, Rig, log_in

pytestmark = pytest.mark.slow

Fault = dict[str, Any]
LISTING, DETAIL = "/athlete/activities", "/activities/{id}"
TOKEN_REFUSED = {"message": "Bad Request", "errors": [{"resource": "RefreshToken", "field": "refresh_token", "code": "invalid"}]}  # fmt: skip


def raw(head: str, body: str = "") -> Fault:
    return {"kind": "raw", "body": raw_answer(head, body)}


UNPROCESSED: dict[str, Fault] = {  # what the server has not done can be asked for again, wherever it strikes
    "500": {"kind": "status", "status": 500},
    "502 HTML": {"kind": "html", "status": 502},
    "a captive portal's page": {"kind": "html", "status": 200},
    "invalid JSON": {"kind": "body", "body": '[{"id": 1,'},
    "an empty body": {"kind": "empty"},
    "{}": {"kind": "body", "body": {}},
    "null": {"kind": "body", "body": None},
    "a reset": {"kind": "reset"},
    "less than promised": raw("200 OK\r\nContent-Length: 5000", "[]"),
    "more than promised": raw("200 OK\r\nContent-Length: 3", '[{"id": 1}]'),
    "gzip garbage": raw("200 OK\r\nContent-Encoding: gzip", "garbage"),
}
PROCESSED: dict[str, Fault] = {  # done at the server, only the answer is lost
    "a truncated body": {"kind": "truncate"},
    "a reset after processing": {"kind": "reset", "processed": True},
    "a reset in mid-body": {"kind": "reset", "mid_body": True},
}
PASSING = UNPROCESSED | PROCESSED
WRONG_SHAPE: dict[str, Fault] = {"[] for an object": {"kind": "body", "body": []}}
LASTING: dict[str, Fault] = {
    "a redirect": raw("302 Found\r\nLocation: https://portal.invalid/\r\nContent-Length: 0"),
    "400": {"kind": "status", "status": 400},
    "403": {"kind": "status", "status": 403, "body": {}},
}


def rows(faults: dict[str, Fault]) -> Any:
    return pytest.mark.parametrize("fault", faults.values(), ids=list(faults))


def details_on_disk(rig: Rig) -> int:
    return len(list(rig.lake.details.rglob("*.json.gz")))


def pages_on_disk(rig: Rig) -> int:
    return len(list(rig.lake.listings.rglob("page-*.json.gz")))


def ids_on_disk(rig: Rig) -> set[int]:
    return {item["id"] for listing in listings(rig.lake) for _, items in listing.pages() for item in items}


def profile_of(rig: Rig, gear: list[str], *, athlete: bool) -> ProfileReport:
    run = context_without_run(rig.settings)
    return pull_profile(run, BudgetedSource(STRAVA, rig.settings, run), gear, CallLimits(), athlete=athlete)


def assert_says_only_what_it_should(error: PipelineError) -> None:
    assert not [word for word in ("<", "emulator-", "latlng", "Traceback", 'id":') if word in str(error)]


def test_a_page_that_fails_once_or_twice_costs_its_retries_and_the_listing_goes_on(make_rig: Make) -> None:
    rig = make_rig(activities=4 * len(PASSING), **QUICK)
    for page, fault in enumerate(PASSING.values(), start=1):
        rig.fault(LISTING, **fault, times=1 + page % 2, query={"page": str(page)})
    rig.do("run_all", bronze_activities={"per_page": 4})
    retries = sum(1 + page % 2 for page in range(1, len(PASSING) + 1))
    assert rig.calls()["by_endpoint"] == {LISTING: len(PASSING) + 1 + retries}
    assert pages_on_disk(rig) == len(PASSING) + 1
    assert ids_on_disk(rig) == {item["id"] for item in rig.truth()}


@rows(PASSING | LASTING)
def test_a_page_that_fails_for_good_keeps_those_before_and_the_next_run_goes_on(make_rig: Make, fault: Fault) -> None:
    rig = make_rig(activities=20, **QUICK)
    rig.fault(LISTING, **fault, times=-1, query={"page": "3"})
    told = {"bronze_activities": {"per_page": 5}}
    with pytest.raises((TransientError, RefusedError), match=LISTING) as caught:
        rig.do("run_all", **told)
    assert_says_only_what_it_should(caught.value)
    attempts = 1 if fault in LASTING.values() else ATTEMPTS
    assert (rig.calls()["by_endpoint"], pages_on_disk(rig)) == ({LISTING: 2 + attempts}, 2)
    rig.clear_faults()
    rig.do("run_all", **told)
    assert rig.calls()["by_endpoint"] == {LISTING: 5}, "so few are listed anew"
    assert ids_on_disk(rig) == {item["id"] for item in rig.truth()}


@pytest.mark.dear
def test_details_that_fail_cost_their_attempts_leave_evidence_rest_a_day_and_stop_no_other(make_rig: Make) -> None:
    faults = list((PASSING | WRONG_SHAPE | LASTING).values())
    rig = make_rig(activities=3 * len(faults), **QUICK)
    ids = [item["id"] for item in sorted(rig.truth(), key=lambda item: item["start_date"], reverse=True)]
    passing, sick = ids[0::3], ids[1::3]
    for fault, once, ever in zip(faults, passing, sick, strict=True):
        if fault not in LASTING.values():
            rig.fault(f"/activities/{once}", **fault, times=ATTEMPTS - 1)
        rig.fault(f"/activities/{ever}", **fault, times=-1)
    outcome = rig.run("flow_backfill")
    calls = rig.calls()
    cost = [1 if fault in LASTING.values() else ATTEMPTS for fault in faults]
    assert [calls["details"][str(one)] for one in sick] == cost
    assert [calls["details"][str(one)] for one in passing] == cost
    assert calls["total"] == 2 + len(faults) + 2 * sum(cost), "the athlete need not be asked for"
    assert outcome.metadata["bronze_activity_details"]["failed_ids"] == [str(one) for one in sick]
    evidence = {int(path.parent.name) for path in rig.lake.details.rglob("*.failed-*.gz")}
    assert evidence == set(sick)
    assert details_on_disk(rig) == 2 * len(faults)
    rig.do("enrich_all")
    assert rig.calls()["total"] == 0
    rig.clear_faults()
    rig.control("clock", advance=86_401)
    rig.do("flow")  # its listing tells what time it is
    rig.do("enrich_all")
    again = rig.calls()["details"]
    assert [again[str(one)] for one in sick] == [1] * len(sick)
    rig.assert_true_to_source()


def test_gear_that_fails_stops_no_other_and_comes_when_the_fault_is_over(make_rig: Make) -> None:
    rig = make_rig(activities=30, **QUICK)
    named = sorted({item["gear_id"] for item in rig.truth() if item["gear_id"]})
    sick, *others = named
    for name, fault in (PASSING | WRONG_SHAPE | LASTING).items():
        rig.fault(f"/gear/{sick}", **fault, times=-1)
        assert profile_of(rig, named, athlete=False).failed_names == [sick], name
        attempts = 1 if fault in LASTING.values() else ATTEMPTS
        assert rig.calls()["by_endpoint"] == {"/gear/{id}": attempts + len(others)}, name
        rig.clear_faults()
    assert [gear for gear, _, _ in newest_gear(rig.lake)] == others
    assert profile_of(rig, [sick], athlete=False).failed_names == []
    assert [gear for gear, _, _ in newest_gear(rig.lake)] == named


@pytest.mark.dear
def test_an_athlete_that_fails_keeps_no_gear_from_being_fetched(make_rig: Make) -> None:
    rig = make_rig(activities=30, **QUICK)
    rig.begin_with("flow_backfill")
    named = sorted({item["gear_id"] for item in rig.truth() if item["gear_id"]})
    for name, fault in (PASSING | WRONG_SHAPE | LASTING | {"404": {"kind": "status", "status": 404}}).items():
        rig.fault("/athlete", **fault, times=-1)
        assert profile_of(rig, named, athlete=True).failed_names == ["athlete"], name
        rig.clear_faults()
    assert newest_athlete(rig.lake) is None
    rig.fault("/athlete", "status", status=500, times=-1)
    outcome = rig.run_unpartitioned("profile")
    assert (outcome.metadata["athlete"]["failed_names"], outcome.metadata["athlete"]["dagster/row_count"]) == (
        ["athlete"],
        0,
    )
    assert outcome.metadata["gear"]["dagster/row_count"] == len(named)
    rig.clear_faults()
    rig.run_unpartitioned("profile")
    assert rig.one("SELECT count(*) FROM athlete") == 1


@pytest.mark.dear
@rows(
    {name: UNPROCESSED[name] for name in ("500", "a captive portal's page")}
    | {"429": {"kind": "status", "status": 429}}
)
def test_a_login_service_that_fails_is_asked_thrice_and_no_activity_is_blamed(make_rig: Make, fault: Fault) -> None:
    rig = make_rig(activities=6, **QUICK)
    rig.control("expire-tokens")
    rig.fault("/oauth/token", **fault, times=ATTEMPTS - 1)
    rig.fault("/oauth/token", **fault, times=ATTEMPTS, after=1)
    rig.fault("/activities/", "status", status=401, after=2)  # the token dies in the middle of the details
    with pytest.raises(LoginServiceError, match="run the same command again later") as caught:
        rig.do("flow_backfill")
    assert_says_only_what_it_should(caught.value)
    calls = rig.calls()
    assert (calls["token"], calls["by_endpoint"][DETAIL], details_on_disk(rig)) == (2 * ATTEMPTS, 2, 2)
    assert not list(rig.lake.details.rglob("*.failed-*"))
    rig.clear_faults()
    rig.do("flow_backfill")
    assert rig.calls()["by_endpoint"] == {LISTING: 2, DETAIL: 4}, "two details are on disk"
    rig.assert_true_to_source()


@pytest.mark.dear
@rows(PROCESSED | {"a revocation": {"kind": "status", "status": 400, "body": TOKEN_REFUSED}})
def test_a_login_lost_on_the_way_says_so_and_after_auth_the_command_goes_on(make_rig: Make, fault: Fault) -> None:
    rig = make_rig(activities=12, **QUICK)
    login = rig.settings.secrets_dir / "strava_token.json"
    rig.fault(LISTING, "status", status=401, after=2)  # in the middle of the listing
    rig.fault("/oauth/token", **fault, after=1)
    with pytest.raises(NeedsLoginError, match="strava-pipeline auth") as caught:
        rig.do("flow_backfill", bronze_activities={"per_page": 4})
    assert ("An answer was lost" in str(caught.value)) == (fault in PROCESSED.values())
    assert_says_only_what_it_should(caught.value)
    assert json.loads(login.read_bytes())["refresh_token"], "whole, if dead"
    assert pages_on_disk(rig) == 2
    log_in(rig)
    rig.calls()
    rig.do("flow_backfill", bronze_activities={"per_page": 4})
    assert rig.calls()["by_endpoint"] == {LISTING: 4, DETAIL: 12}, "so few pages are listed anew"
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_login_refused_for_two_details_in_a_row_stops_and_goes_on_later(make_rig: Make) -> None:
    rig = make_rig(activities=12, **QUICK)
    rig.fault("/activities/", "status", status=401, times=-1, after=5)
    with pytest.raises(
        NeedsLoginError, match=r"although it was just renewed\. If it stays so, run strava-pipeline auth"
    ):
        rig.do("flow_backfill")
    calls = rig.calls()
    assert (calls["unauthorized"], calls["token"], calls["by_endpoint"][DETAIL]) == (4, 3, 5)
    assert not list(rig.lake.details.rglob("*.failed-*")), "no activity is blamed"
    rig.clear_faults()
    rig.do("flow_backfill")
    assert rig.calls()["by_endpoint"] == {LISTING: 2, DETAIL: 7}
    rig.assert_true_to_source()


@pytest.mark.dear
@pytest.mark.parametrize(
    "fault", [UNPROCESSED["a captive portal's page"], LASTING["a redirect"]], ids=["page", "redirect"]
)
def test_an_outage_blames_no_activity_though_few_are_wanted_of_each_year(make_rig: Make, fault: Fault) -> None:
    rig = make_rig(activities=12, **QUICK | {"years": (2022, 2026), "settings": {"first_year": 2022}})
    rig.begin_with("run_all")
    rig.do("compact")
    rig.fault("/", **fault, times=-1, after=2)
    with pytest.raises((TransientError, RefusedError)) as caught:
        rig.do("enrich_all")
    assert_says_only_what_it_should(caught.value)
    assert (details_on_disk(rig), list(rig.lake.details.rglob("*.failed-*"))) == (2, [])
    rig.clear_faults()
    rig.do("enrich_all")
    rig.assert_true_to_source()


@pytest.mark.dear
def test_a_poisoned_last_one_is_told_from_an_outage_by_asking_for_the_athlete(make_rig: Make) -> None:
    rig = make_rig(activities=4, **QUICK)
    oldest = min(rig.truth(), key=lambda item: item["start_date"])["id"]
    rig.fault(f"/activities/{oldest}", "status", status=500, times=-1)
    outcome = rig.run("flow_backfill")
    assert rig.calls()["by_endpoint"] == {LISTING: 2, DETAIL: 3 + ATTEMPTS, "/athlete": 1}
    assert outcome.metadata["bronze_activity_details"]["failed_ids"] == [str(oldest)]


@pytest.mark.dear
def test_an_answer_that_takes_too_long_is_a_failure_like_any_other(
    make_rig: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "READ_TIMEOUT", 1)
    rig = make_rig(activities=4, **QUICK)
    for path in (LISTING, "/activities/"):
        rig.fault(path, "slow", seconds=3.0)
    rig.do("flow_backfill")
    rig.assert_true_to_source()
