"""Strava among the services: its login, limits and pull on the pages, with a real login file and ledger; and what a year takes."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.failed_calls import counting
from strava_pipeline.ingest.strava.access import make_budget, note_revocation
from strava_pipeline.ingest.strava.oauth import StoredToken, token_store
from strava_pipeline.lake.gold.warehouse import exclusively
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import BackfillWanted, Request, open_requests
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.planning import plan_backfill
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline.serve.dashboard.routes import routes
from strava_pipeline.serve.dashboard.sentences import moment
from strava_pipeline.verbs.options import context_without_run
from strava_pipeline_tests.serve.dashboard.conftest import served
from strava_pipeline_tests.serve.dashboard.test_pages import PAGE, page, words

NO_LOGIN = "There is no login yet. Run strava-pipeline auth ."

LONDON = ZoneInfo("Europe/London")  # of the settings: there is no athlete yet


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {name: tmp_path / name for name in ("data_dir", "secrets_dir", "ledger_dir", "logs_dir")}
    application = {"client_id": "1", "client_secret": "hush", "providers_config": tmp_path / "providers.toml"}
    return Settings.load(_env_file=None, first_year=2020, **folders, **application)


@pytest.fixture
def site(settings: Settings) -> Iterator[TestClient]:
    with served(settings, time=datetime.now(UTC)) as made:
        yield made.browser()


def log_in(settings: Settings, **more: int) -> None:
    token_store(settings).save(StoredToken({"refresh_token": "hush", "scope": "read,activity:read_all", **more}))


def test_an_empty_folder_says_to_log_in_first_and_no_button_asks_for_what_would_be_refused(site: TestClient) -> None:
    home = words(page(site, "/"))
    assert "no activities here yet. strava-pipeline start asks" in home
    services = words(page(site, "/providers"))
    assert (NO_LOGIN in services, "Pull Strava now" in services) == (True, False)


def test_strava_has_its_limits_and_a_button_and_tells_used_up_ones(site: TestClient, settings: Settings) -> None:
    log_in(settings)
    budget = make_budget(settings)
    budget.record_answer({"X-RateLimit-Limit": "200,2000", "X-RateLimit-Usage": "12,150"})
    text = page(site, "/providers")
    seen = words(text)
    assert "188 of 200 calls in 15 minutes left until" in seen
    assert "1,850 of 2,000 calls in a day left until" in seen
    assert ("Pull Strava now" in seen, "lets no more calls" in seen) == (True, False)
    assert site.post("/requests", data={"kind": "pull", "provider": "strava"}).status_code == 303
    budget.record_answer({"X-RateLimit-Limit": "200,2000", "X-RateLimit-Usage": "12,2000"})
    for path in ("/", "/providers"):
        assert "Strava lets no more calls through until" in words(page(site, path))
    left = {fact["name"]: fact["values"].get("left") for fact in site.get("/api/status").json()["facts"]}
    assert left["limit: calls in a day"] == 0


def test_a_source_that_is_used_no_more_and_the_folder_have_their_facts_without_a_button(
    site: TestClient, settings: Settings
) -> None:
    counting(settings, "garmin")("server")
    seen = words(page(site, "/providers"))
    assert "Garmin Connect Failed calls 1 with a fault of the service (500 or more)" in seen
    assert re.search(r"\b0 (?:unread|waiting|running|in|fail)", seen) is None, "what is 0 is left out"
    assert "This data folder" in seen
    assert "Pull Garmin Connect now" not in seen


def test_a_login_refused_or_taken_away_is_on_both_pages_and_refuses(site: TestClient, settings: Settings) -> None:
    asked = ({"kind": "pull", "provider": "strava"}, {"kind": "backfill", "year": "2024"})
    log_in(settings, refused_at=int(datetime(2026, 3, 1, 8, tzinfo=UTC).timestamp()))
    for path in ("/", "/providers"):
        assert "Strava refused it on 1 Mar 2026, 08:00. Log in again: strava-pipeline auth" in words(page(site, path))
    note_revocation(settings, datetime(2026, 3, 2, tzinfo=UTC))
    for path in ("/", "/providers"):
        assert "took this application's access away on 2 Mar 2026" in words(page(site, path)).replace("&#39;", "'")
    for form in asked:
        answer = site.post("/requests", data=form)
        assert (answer.status_code, "access away" in answer.json()["detail"]) == (400, True), form
    token_store(settings).path.write_text("hush")
    assert "hush" not in page(site, "/") + page(site, "/providers")


@pytest.mark.dear
def test_a_folder_that_uses_another_service_alone_is_not_told_to_log_in_at_strava(tmp_path: Path) -> None:
    config = tmp_path / "providers.toml"
    config.write_text("[providers.spreadsheet]\nenabled = true\n")
    alone = {"data_dir": tmp_path / "data", "secrets_dir": tmp_path / "secrets", "providers_config": config}
    with served(Settings.load(_env_file=None, **alone)) as made:
        facts = made.browser().get("/api/status").json()["facts"]
        assert {fact["of"] for fact in facts} == {"", "spreadsheet"}
        for path in (route.path for route in routes() if "GET" in route.methods and "{" not in route.path):
            seen = words(made.browser().get(path, headers=PAGE).text) if not path.startswith("/api/") else ""
            of_services = {
                "/segments",
                "/settings",
                "/why",
            }  # of Strava's segments, every service, and its relative effort
            assert path in of_services or "Strava" not in seen, path


def test_a_year_is_pulled_again_after_the_page_showed_what_it_takes(site: TestClient, settings: Settings) -> None:
    assert NO_LOGIN in words(text := page(site, "/backfill"))
    assert '<button type="submit">Pull 20' not in text
    log_in(settings)
    make_budget(settings).record_answer({"X-RateLimit-Limit": "200,2000", "X-RateLimit-Usage": "12,150"})
    run = context_without_run(settings)
    plan, _ = plan_backfill(
        run, BudgetedSource(STRAVA, settings, run), [2024], ListingOptions(per_page=None, days=None)
    )
    text = page(site, "/backfill?year=2024")
    seen = words(text)
    assert f"Strava: at least {plan.calls} call : 1 page of the listing, 0 details." in seen
    assert plan.done_at is not None
    assert f"no earlier than {moment(plan.done_at, LONDON)}" in seen
    assert f"{plan.allowances[plan.governing].left} of them left until" in seen
    assert "<option selected>2024</option>" in text
    asked = site.post("/requests", data={"kind": "backfill", "year": "2024"})
    assert asked.status_code == 303, "a browser shows the request, on a page that can be loaded again"
    assert "Pull 2024 again: waiting" in page(site, asked.headers["location"])
    (request,) = open_requests(Lake(settings.data_dir))
    assert isinstance(request, Request)
    assert request.wanted == BackfillWanted(kind="backfill", year=2024)
    assert "years go from 2020" in words(page(site, "/backfill?year=1999"))
    for odd in ("1999", "9" * 5000, "2024.0", "+2024"):
        assert site.post("/requests", data={"kind": "backfill", "year": odd}).status_code == 400
    page(site, "/backfill?year=0", 400)


def test_a_page_does_not_wait_for_a_run_that_merges(
    site: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(settings)
    monkeypatch.setattr("strava_pipeline.operations.estimating.PATIENCE", 0.0)
    with ThreadPoolExecutor(1) as other, exclusively(Lake(settings.data_dir)):
        seen = words(other.submit(page, site, "/backfill").result())
    assert ("run is at work on the warehouse" in seen, "Pull 20" in seen) == (True, True)
