"""Fixtures for all rooms: a whole pipeline on temporary folders."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline_tests.rig import Rig, started


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
