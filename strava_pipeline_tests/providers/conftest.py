"""The world of each provider that the contract is tested with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.settings import Settings
from strava_pipeline_tests.providers.subjects import SUBJECTS
from strava_pipeline_tests.providers.worlds import World
from strava_pipeline_tests.verbs.conftest import type_in, type_on

__all__ = ["type_in", "type_on", "world"]  # fixtures


@pytest.fixture(params=SUBJECTS)
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with SUBJECTS[request.param](monkeypatch) as subject:

        def sleep(_: ServerClock, seconds: float) -> None:
            """Nobody waits: the emulator's clock moves instead."""
            subject.clock.advance(max(seconds, 0.0))

        monkeypatch.setattr(ServerClock, "sleep", sleep)
        config = tmp_path / "providers.toml"
        config.write_text(f"[providers.{subject.name}]\nenabled = true\n")
        folders = {"data_dir": tmp_path / "data", "logs_dir": tmp_path / "logs", "secrets_dir": tmp_path / "secrets"}
        settings = Settings(
            _env_file=None, **folders, providers_config=config, first_year=2024, clock_speed=1, **subject.settings
        )
        subject.log_in(settings)
        yield World(subject, settings)
