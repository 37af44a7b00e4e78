"""Fixtures for all rooms: a whole pipeline on temporary folders."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.rig import Rig, started

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


@pytest.fixture
def make_rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    """Starts rigs: `make_rig(activities=…, settings={…})`."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(started(tmp_path, **config))


@pytest.fixture
def rig(make_rig: Callable[..., Any]) -> Rig:
    """30 activities of 2022 to 2026, seen from 10 March 2026, and a login."""
    made = make_rig()
    assert isinstance(made, Rig)
    return made
