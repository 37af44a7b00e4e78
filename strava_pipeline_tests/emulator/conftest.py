"""Emulators for tests: one that many read, and as many of their own as a test that changes something needs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline_tests.emulator.client import EVERYTHING, Client

NOW = datetime(2026, 6, 1, 12, 7, 30, tzinfo=UTC)

Start = Callable[..., Client]


def config(**changes: Any) -> EmulatorConfig:
    """A small athlete without limits, at a moment that stands still."""
    small: dict[str, Any] = {"now": NOW, "activities": 16, "years": (2022, 2026), "limits": None, "speed": 0.0}
    return EmulatorConfig(**(small | changes))


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts emulators that end with the test; gives a client that is logged in."""
    with ExitStack() as running:

        def started(scope: str | None = EVERYTHING, **changes: Any) -> Client:
            return Client(running.enter_context(Emulator(config(**changes))).url, scope)

        yield started


@pytest.fixture(scope="session")
def default_athlete() -> Iterator[Client]:
    """An athlete of twelve years, for tests that change nothing."""
    with Emulator(config(activities=800, years=(2015, 2026))) as emulator:
        yield Client(emulator.url)


@pytest.fixture(scope="session")
def default_truth(default_athlete: Client) -> dict[str, Any]:
    """Everything the default athlete ever did."""
    return default_athlete.truth()
