"""Errors that nobody expected, and those of the pipeline, as answers and in the log."""

import pytest
from fastapi import Query

from strava_pipeline.core.errors import LimitReachedError, MisuseError
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.serve.dashboard.problems import MEDIA_TYPE, log
from strava_pipeline_tests.serve.dashboard.conftest import Dashboard


def test_each_error_has_its_status_and_no_foreign_text(dashboard: Dashboard, caplog: pytest.LogCaptureFixture) -> None:
    @dashboard.app.get("/api/broken")
    def broken() -> None:
        raise ValueError("hush 48.2")

    @dashboard.app.get("/api/misused")
    def misused(limit: int = Query(le=500)) -> None:
        raise MisuseError(f"There is no {limit}.")

    @dashboard.app.get("/api/limited")
    def limited() -> None:
        raise LimitReachedError("Acme", dashboard.time)

    browser = dashboard.browser()
    for path, status, detail in (
        ("/api/broken", 500, "Something went wrong here. The dashboard's log on this machine says where."),
        ("/api/misused?limit=3", 400, "There is no 3."),
        ("/api/misused?limit=501", 400, "limit: Input should be less than or equal to 500"),
        ("/api/misused?limit=hush", 400, "limit: Input should be a valid integer"),
        ("/api/limited", 503, "Acme lets no more calls through"),
    ):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), path
        assert detail in answer.json()["detail"]
        assert "hush" not in answer.text
        assert "content-security-policy" in answer.headers
    assert browser.get("/api/misused?limit=x").json()["errors"].keys() == {"limit"}
    [line] = [text for name, level, text in caplog.record_tuples if (name, level) == (log.name, 40)]
    assert line.startswith("ValueError at ")
    assert line.endswith("broken")
    assert "hush" not in caplog.text


def test_records_out_of_reach_are_said_and_nobody_is_let_in(dashboard: Dashboard) -> None:
    browser = dashboard.browser()
    token = dashboard.site.records.add_link(dashboard.time)
    (dashboard.site.lake.state / "app.sqlite3").unlink()
    dashboard.site.records.close()
    for path in ("/", "/api/status", f"/login?token={token}"):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (503, MEDIA_TYPE)
        assert answer.json()["detail"].startswith(
            "The dashboard's sessions can't be read or written (OperationalError)."
        )
        assert token not in answer.text
    assert browser.get("/health").status_code == 200


def test_nothing_sent_and_no_path_here_is_repeated(dashboard: Dashboard, caplog: pytest.LogCaptureFixture) -> None:
    browser = dashboard.browser()
    for body, place in (
        ({"kind": "hush"}, "body"),
        ({"kind": "pull", "hush": 1}, "body"),
        ({"kind": "pull", "provider": {"hush": 1}}, "provider"),
    ):
        answer = browser.post("/api/requests", json=body)
        assert (answer.status_code, "hush" in answer.text, place in answer.json()["errors"]) == (400, False, True), body
    answer = browser.patch("/api/changes", json={"hush": "hush"})
    assert (answer.status_code, "hush" in answer.text) == (400, False)
    save_secret(dashboard.settings.dashboard_password_file, {"argon2": "hush"})
    answer = browser.post("/login", data={"password": "x"})
    assert (answer.status_code, "dashboard password" in answer.text) == (503, True)
    path = str(dashboard.settings.dashboard_password_file)
    assert (path in answer.text, path in caplog.text) == (False, True), "where it is stands in the log alone"
