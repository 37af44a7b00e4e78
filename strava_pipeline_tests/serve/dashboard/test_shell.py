"""The shell of the dashboard: pages have a layout, errors are problem documents, vendored files are what NOTICE says."""

import hashlib
import os
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.serve.dashboard.problems import MEDIA_TYPE
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard

REPO = Path(__file__).resolve().parents[3]
STATIC = REPO / "strava_pipeline" / "serve" / "dashboard" / "static"
PAGE = {"Accept": "text/html"}


def test_the_first_page_has_the_layout_and_says_what_to_do_where_there_is_no_data(site: TestClient) -> None:
    page = site.get("/", headers=PAGE)
    assert page.status_code == 200
    for part in (
        '<html lang="en" data-dates="d mmm yyyy">',
        'aria-current="page">Overview',
        "strava-pipeline start",
        "Nothing has been published yet",
    ):
        assert part in page.text
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        assert site.get(address).status_code == 200, address
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|https?:", page.text), "no script, no style"


@pytest.mark.slow
def test_each_page_has_the_date_of_its_data_in_the_set_zone_and_a_stranger_sees_none(dashboard: Dashboard) -> None:
    snapshot = dashboard.site.lake.snapshot
    snapshot.parent.mkdir(parents=True)
    snapshot.touch()
    os.utime(snapshot, (1_780_000_000, 1_780_000_000))  # 2026-05-28 20:26:40 UTC
    for path in ("/", "/nowhere"):
        assert "28 May 2026, 21:26</time> (Europe/London)" in dashboard.browser().get(path, headers=PAGE).text
    for path in ("/login", "/static/nowhere"):
        shown = dashboard.browser(logged_in=False).get(path, headers=PAGE).text
        assert "</footer>" in shown
        assert "2026" not in shown


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/health", 405),
        ("GET", "/api/nowhere", 404),
    ],
)
def test_an_error_is_a_problem_document_or_a_page(site: TestClient, method: str, path: str, status: int) -> None:
    answer = site.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert answer.json()["status"] == status
    assert answer.json()["detail"]
    shown = site.request(method, path, headers=PAGE)
    assert shown.status_code == status
    is_document = path.startswith("/api")
    assert shown.headers["content-type"].startswith(MEDIA_TYPE if is_document else "text/html")


def test_vendored_files_are_those_that_notice_lists() -> None:
    listed = re.findall(r"^  ([0-9a-f]{64})  (\S+)$", (REPO / "NOTICE").read_text(), re.MULTILINE)
    vendor = STATIC / "vendor"
    present = {path for path in vendor.rglob("*") if path.is_file() and path.name != "LICENSE"}
    assert {vendor / name for _, name in listed} == present
    assert [name for digest, name in listed if hashlib.sha256((vendor / name).read_bytes()).hexdigest() != digest] == []
    assert all((folder / "LICENSE").is_file() for folder in vendor.iterdir())
