"""The world of each provider that the contract is tested with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strava_pipeline_tests.providers.subjects import SUBJECTS
from strava_pipeline_tests.providers.worlds import World, world_of
from strava_pipeline_tests.verbs.conftest import type_in, type_on

__all__ = ["type_in", "type_on", "world"]  # fixtures


@pytest.fixture(params=SUBJECTS)
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world_of(request.param, tmp_path, monkeypatch) as found:
        yield found
