"""Requests on their pages: where they come from, why one waits, and the list by which one is found again."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.looks import note_look, requests_folder
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import (
    ApplyWanted,
    BackfillWanted,
    ImportWanted,
    MonthWanted,
    PublishWanted,
    PullWanted,
    RegionWanted,
    Wanted,
    begin_request,
    end_request,
    keep_request,
)
from strava_pipeline_tests.serve.dashboard.conftest import NOW, served
from strava_pipeline_tests.serve.dashboard.test_pages import page, words

WANTED: tuple[tuple[Wanted, str, str], ...] = (
    (PullWanted(kind="pull", provider="strava"), "Pull Strava", "/providers"),
    (MonthWanted(kind="sync_month", month="2025-06"), "Pull and compare June 2025", "/month/2025-06"),
    (ApplyWanted(kind="apply_changes", ids=("0f3c",)), "Write changes", "/sync"),
    (BackfillWanted(kind="backfill", year=2024), "Pull 2024 again", "/sync?year=2024"),
    (ImportWanted(kind="import", names=("<b>.fit",)), "Import &lt;b&gt;.fit", "/"),
    (PublishWanted(kind="publish"), "Use what was saved", "/settings"),
    (RegionWanted(kind="region"), "Streets around home", "/maps"),
)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.data_dir)


def ask(lake: Lake, wanted: Wanted, minutes: int = 0) -> str:
    return keep_request(lake, wanted, NOW + timedelta(minutes=minutes), "a test").id


@pytest.mark.slow
def test_requests_are_listed_newest_first_and_each_leads_to_where_it_is_from(site: TestClient, lake: Lake) -> None:
    assert "Nothing was asked for" in words(page(site, "/requests"))
    ids = [ask(lake, wanted, minutes) for minutes, (wanted, _, _) in enumerate(WANTED)]
    begin_request(lake, ids[0], "0", NOW, None)
    end_request(lake, ids[0], "failed", NOW, "It <b>failed</b>. Run `strava-pipeline doctor`.", "0")
    (requests_folder(lake) / "20260310T120000000000Z-00000000.json").write_bytes(b"{")
    text = page(site, "/requests")
    titles = [title for _, title, _ in WANTED]
    places = [text.index(f">{title}</a>") for title in titles]
    assert places == sorted(places, reverse=True)
    assert (words(text).count("waiting"), words(text).count("failed")) == (len(ids) - 1, 2)
    assert "It &lt;b&gt;failed&lt;/b&gt;. Run <code>strava-pipeline doctor</code>." in text
    for key, (_, title, origin) in zip(ids, WANTED, strict=True):
        own = page(site, f"/requests/{key}")
        assert (f"<h1>{title}</h1>" in own, f'href="{origin}">' in own.split('id="request"')[1]) == (True, True), key
        assert 'href="/requests"' in own
    for path in ("/notifications", "/providers"):
        assert 'href="/requests"' in page(site, path)
    for number in range(49 - len(ids) + 2):
        ask(lake, BackfillWanted(kind="backfill", year=1900 + number), 10 + number)
    text = page(site, "/requests")
    assert (text.count("<li><p>"), f">{titles[0]}</a>" in text) == (50, False)


@pytest.mark.parametrize(
    ("automation", "answering", "expected"),
    [
        (True, False, "Start it: strava-pipeline service up"),
        (False, True, "Start strava-pipeline dev , for the demo strava-pipeline dev --demo"),
        (False, False, "because of STRAVA_AUTOMATION=false"),
    ],
)
def test_a_request_that_waits_says_what_is_true_of_who_would_carry_it_out(
    tmp_path: Path, automation: bool, answering: bool, expected: str
) -> None:
    folders = {"data_dir": tmp_path / "data", "secrets_dir": tmp_path / "secrets"}
    choice = {"automation": automation, "dashboard_requests": answering}
    with served(Settings.load(_env_file=None, **folders, **choice)) as made:
        key = ask(made.site.lake, BackfillWanted(kind="backfill", year=2024))
        for path in (f"/requests/{key}", "/requests"):
            assert expected in words(page(made.browser(), path)), path
        assert ("service up" in words(page(made.browser(), f"/requests/{key}"))) == automation
        runs = "What you ask for on the pages of months and services runs."
        assert runs not in words(page(made.browser(), "/providers")), "nobody looks"
        note_look(made.site.lake, NOW, [])
        assert expected not in words(page(made.browser(), f"/requests/{key}"))
        assert (runs in words(page(made.browser(), "/providers"))) is answering


@pytest.mark.parametrize("takes_files", [True, False])
def test_what_runs_or_what_the_dashboard_imports_waits_for_nobody(tmp_path: Path, takes_files: bool) -> None:
    folders = {"data_dir": tmp_path / "data", "secrets_dir": tmp_path / "secrets"}
    advice = "Start it: strava-pipeline service up"
    with served(Settings.load(_env_file=None, **folders), takes_files=takes_files) as made:
        lake, browser = made.site.lake, made.browser()
        running, waiting = (ask(lake, ImportWanted(kind="import", names=(name,))) for name in ("a.gpx", "b.gpx"))
        begin_request(lake, running, None, NOW, None)
        for path in (f"/requests/{waiting}", "/requests"):
            assert (advice in words(page(browser, path))) is not takes_files, path
        assert advice not in words(page(browser, f"/requests/{running}"))
        end_request(lake, waiting, "done", NOW, "", None)
        assert advice not in words(page(browser, "/requests")), "beside one that runs"
        ask(lake, PullWanted(kind="pull", provider="strava"))
        assert advice in words(page(browser, "/requests"))
