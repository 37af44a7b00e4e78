"""A dashboard for a test: on a temporary data folder, with a clock that the test sets, asked by Starlette's client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.dashboard import DashboardPipeline
from strava_pipeline.serve.dashboard.app import build_dashboard
from strava_pipeline.serve.dashboard.records.database import database_of, migrate
from strava_pipeline.serve.dashboard.site import Site
from strava_pipeline.settings import Settings

ADDRESS = "http://127.0.0.1:8723"
NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


@dataclass
class Dashboard:
    """A dashboard, what it logged, and its clock."""

    settings: Settings
    behind_proxy: bool = False
    link_command: str = "strava-pipeline dashboard link"
    address: str = ADDRESS
    dagster: str | None = None
    client: str = "127.0.0.1"
    time: datetime = NOW
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        migrate(database_of(self.settings), Lake(self.settings.data_dir).state)
        self.app: FastAPI = build_dashboard(
            self.settings,
            DashboardPipeline(self.settings),
            now=lambda: self.time,
            behind_proxy=self.behind_proxy,
            link_command=self.link_command,
            dagster=self.dagster,
            say=self.lines.append,
        )

    @property
    def site(self) -> Site:
        site: Site = self.app.state.site
        return site

    def browser(self, *, logged_in: bool = True) -> TestClient:
        """A browser's side of it, whose requests come from the dashboard's own pages."""
        client = TestClient(
            self.app,
            self.address,
            raise_server_exceptions=False,
            follow_redirects=False,
            client=(self.client, 50_000),
        )
        if logged_in:
            token = self.site.records.begin_session(self.time)
            client.cookies.set(self.site.cookie, token, path="/")
            session = self.site.records.session(token, self.time)
            assert session is not None
            client.headers["X-CSRF-Token"] = session.csrf_token
        client.headers["Sec-Fetch-Site"] = "same-origin"
        return client

    def later(self, **span: float) -> None:
        self.time += timedelta(**span)


@contextmanager
def served(settings: Settings, **more: Any) -> Iterator[Dashboard]:
    """A dashboard until the body has ended."""
    made = Dashboard(settings, **more)
    try:
        yield made
    finally:
        made.site.records.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {"data_dir": tmp_path / "data", "secrets_dir": tmp_path / "secrets"}
    return Settings.load(_env_file=None, dashboard_address="127.0.0.1:8723", **folders)


@pytest.fixture
def dashboard(settings: Settings) -> Iterator[Dashboard]:
    """A dashboard without any data; nothing secret was in its log."""
    with served(settings) as made:
        yield made


@pytest.fixture
def site(dashboard: Dashboard) -> TestClient:
    """A browser that has logged in to a dashboard without any data."""
    return dashboard.browser()
