"""A dashboard for a test: on a temporary data folder, asked by Starlette's client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from strava_pipeline.operations.dashboard import DashboardPipeline
from strava_pipeline.serve.dashboard.app import build_dashboard
from strava_pipeline.settings import Settings

ADDRESS = "http://127.0.0.1:8723"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(_env_file=None, data_dir=tmp_path / "data", secrets_dir=tmp_path / "secrets")


@pytest.fixture
def site(settings: Settings) -> Iterator[TestClient]:
    """A dashboard without any data."""
    with TestClient(
        build_dashboard(settings, DashboardPipeline(settings)), ADDRESS, raise_server_exceptions=False
    ) as client:
        yield client
