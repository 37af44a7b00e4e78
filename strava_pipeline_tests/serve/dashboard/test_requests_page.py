"""Requests on their pages: where they come from and why one waits."""

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import (
    ApplyWanted,
    BackfillWanted,
    ImportWanted,
    MonthWanted,
    PullWanted,
    SettingsWanted,
    Wanted,
    keep_request,
    note_look,
)
from strava_pipeline.settings import Settings
from strava_pipeline_tests.serve.dashboard.conftest import NOW, Dashboard
from strava_pipeline_tests.serve.dashboard.test_pages import page, words

WANTED: tuple[tuple[Wanted, str, str], ...] = (
    (PullWanted(kind="pull", provider="strava"), "Pull: Strava", "/providers"),
    (MonthWanted(kind="sync_month", month="2025-06"), "Pull and compare a month: June 2025", "/month/2025-06"),
    (ApplyWanted(kind="apply_changes", ids=("0f3c",)), "Write changes", "/calendar"),
    (BackfillWanted(kind="backfill", year=2024), "Pull a year: 2024", "/year/2024"),
    (ImportWanted(kind="import", names=("<b>.fit",)), "Import files: &lt;b&gt;.fit", "/"),
    (SettingsWanted(kind="change_settings", seal="0" * 32), "Write providers.toml", "/settings"),
)


@pytest.fixture
def lake(settings: Settings) -> Lake:
    return Lake(settings.data_dir)


def ask(lake: Lake, wanted: Wanted, minutes: int = 0) -> str:
    return keep_request(lake, wanted, NOW + timedelta(minutes=minutes), "a test").id


def test_a_request_leads_to_where_it_came_from(site: TestClient, lake: Lake) -> None:
    ids = [ask(lake, wanted, minutes) for minutes, (wanted, _, _) in enumerate(WANTED)]
    for key, (_, title, origin) in zip(ids, WANTED, strict=True):
        own = page(site, f"/requests/{key}")
        assert (f"<h1>{title}</h1>" in own, f'href="{origin}">' in own.split('id="request"')[1]) == (True, True), key


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
    made = Dashboard(Settings.load(_env_file=None, **folders, **choice))
    try:
        key = ask(made.site.lake, BackfillWanted(kind="backfill", year=2024))
        assert expected in words(page(made.browser(), f"/requests/{key}"))
        assert ("service up" in words(page(made.browser(), f"/requests/{key}"))) == automation
        note_look(made.site.lake, NOW)
        assert expected not in words(page(made.browser(), f"/requests/{key}"))
    finally:
        made.site.records.close()
