"""Fixtures for all rooms: a whole pipeline on temporary folders."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from strava_pipeline_tests.jumping import JumpingTime
from strava_pipeline_tests.rig import Rig, started
from strava_pipeline_tests.small_disk import SmallDisk, small_disk

if find_spec("pandas") is None:
    sys.modules["pandas"] = None  # type: ignore[assignment]  # or DuckDB looks for it at every statement: a tenth of the time

# The same examples every time, however fast the machine: what fails here fails everywhere.
settings.register_profile(
    "same", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

LONGEST = (
    "test_kept_true",
    "test_kill",
    "test_service",
    "test_wheel",
    "test_resumed",
    "test_backfill_from",
    "test_two_at",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who has a rig runs whole jobs, and is slow. Those that take minutes first: at the end no worker is alone with one."""
    for item in items:
        if "make_rig" in getattr(item, "fixturenames", ()) and not any(
            map(item.get_closest_marker, ("soak", "samples"))
        ):
            item.add_marker(pytest.mark.slow)
    items.sort(
        key=lambda item: next((place for place, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))
    )


@pytest.fixture(scope="session")
def beginnings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where first runs are kept for rigs to begin with, by all workers of a session."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "beginnings"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def make_rig(tmp_path: Path, beginnings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    """Starts rigs: `make_rig(activities=…, settings={…})`. With `jumping` none of its runs in this process waits really."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def make(*, jumping: bool = False, **config: Any) -> Rig:
            made = stack.enter_context(started(tmp_path, kept=beginnings, **config))
            if jumping:
                JumpingTime().rule(made.emulator, monkeypatch)
            return made

        yield make


@pytest.fixture
def rig(make_rig: Callable[..., Any]) -> Rig:
    """30 activities of 2022 to 2026, seen from 10 March 2026, and a login."""
    made = make_rig()
    assert isinstance(made, Rig)
    return made


@pytest.fixture
def on_disk() -> Iterator[Callable[[Path], SmallDisk]]:
    """Mounts a disk of a few megabytes over a folder."""
    with ExitStack() as stack:

        def made(folder: Path) -> SmallDisk:
            try:
                return stack.enter_context(small_disk(folder))
            except OSError as error:
                pytest.skip(f"this kernel lets nobody mount in a namespace of their own: {error}")

        yield made
