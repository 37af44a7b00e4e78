"""A dashboard for a test: on a temporary data folder, with a clock that the test sets, asked by Starlette's client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from sqlalchemy import URL
from starlette.testclient import TestClient

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold import shared_snapshot
from strava_pipeline.lake.gold.warehouse import NAME, Connection, attach
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.dashboard import DashboardPipeline
from strava_pipeline.serve.dashboard.app import build_dashboard
from strava_pipeline.serve.dashboard.records.database import database_of, migrate
from strava_pipeline.serve.dashboard.site import Site
from strava_pipeline_tests.templates import OPEN, Templates

ADDRESS = "http://127.0.0.1:8723"
NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


@cache
def new_records() -> bytes:
    """The file of records of a dashboard that nobody has used: to migrate one costs more than most tests."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "app.db"
        migrate(URL.create("sqlite+pysqlite", database=str(file)), Path(folder))
        return file.read_bytes()


def begin_records(settings: Settings) -> None:
    """Migrate the records, which are there already but for their first use."""
    lake = Lake(settings.data_dir)
    if settings.database_url is None and not lake.app_records.exists():
        lake.state.mkdir(parents=True, exist_ok=True)
        lake.app_records.write_bytes(new_records())
    migrate(database_of(settings), lake.state)


@dataclass
class Dashboard:
    """A dashboard, what it logged, and its clock."""

    settings: Settings
    behind_proxy: bool = False
    link_command: str = "strava-pipeline dashboard link"
    address: str = ADDRESS
    dagster: str | None = None
    takes_files: bool = False
    time: datetime = NOW
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        begin_records(self.settings)
        self.app: FastAPI = build_dashboard(
            self.settings,
            DashboardPipeline(self.settings),
            now=lambda: self.time,
            behind_proxy=self.behind_proxy,
            link_command=self.link_command,
            dagster=self.dagster,
            takes_files=self.takes_files,
            say=self.lines.append,
        )

    @property
    def site(self) -> Site:
        site: Site = self.app.state.site
        return site

    def browser(self, *, logged_in: bool = True) -> TestClient:
        """A browser's side of it, whose requests come from the dashboard's own pages."""
        client = TestClient(
            self.app, self.address, raise_server_exceptions=False, follow_redirects=False, client=("127.0.0.1", 50_000)
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


@pytest.fixture(scope="session", autouse=True)
def one_loop() -> Iterator[None]:
    """One event loop for all requests of clients, as a server has it; by itself each request starts a thread with another."""
    with start_blocking_portal() as portal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(TestClient, "portal", portal)
        yield


@pytest.fixture(scope="session", autouse=True)
def empty_tables(templates: Templates) -> Iterator[None]:
    """Where nothing was published, the tables without a row are those of a copied file: to make them takes 0.2 s."""

    def attach_tables(connection: Connection) -> None:
        connection.execute(f"USE memory; DETACH {NAME}")
        attach(connection, templates.tables(OPEN), NAME, "READ_ONLY")
        connection.execute(f"USE {NAME}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_snapshot, "make_tables", attach_tables)
        yield


def settings_in(folder: Path, **more: Any) -> Settings:
    places = {"data_dir": folder / "data", "secrets_dir": folder / "secrets"}
    return Settings.load(_env_file=None, dashboard_address="127.0.0.1:8723", **places, **more)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def dashboard(settings: Settings) -> Iterator[Dashboard]:
    """A dashboard without any data; nothing secret was in its log."""
    with served(settings) as made:
        yield made


@pytest.fixture
def site(dashboard: Dashboard) -> TestClient:
    """A browser that has logged in to a dashboard without any data."""
    return dashboard.browser()
