"""A running emulator with a login to it, and a clock that sleeps by advancing the emulator's."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.ingest.world import World


@pytest.fixture
def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Starts emulators: `make_world(activities=…, limits=…, …)` takes EmulatorConfig's fields."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def make(**config: Any) -> World:
            return stack.enter_context(World.started(tmp_path, **config))

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """An emulator with 30 activities and a login."""
    world = make_world()
    world.log_in()
    return world
