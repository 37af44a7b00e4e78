"""Time that nobody waits for: what this process sleeps through, its clocks and its emulator's have jumped over."""

import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from strava_pipeline.emulator.service import Clock
from strava_pipeline.ingest import clock
from strava_pipeline.ingest.strava.emulator.app import Emulator

QUICK: dict[str, Any] = {"years": (2026, 2026), "jumping": True, "settings": {"first_year": 2026}}
"""How to make a rig of this year alone, in which nobody waits."""


class JumpingTime:
    """Real time, and every wait for Strava's clock (a limit's, a retry's) on top of it, for all threads of this process."""

    def __init__(self) -> None:
        self._ahead, self._one_at_a_time = 0.0, threading.Lock()

    def steady(self) -> float:
        return time.monotonic() + self._ahead

    def local(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def sleep(self, seconds: float) -> None:
        with self._one_at_a_time:
            self._ahead += max(seconds, 0.0)

    def rule(self, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
        """Become the emulator's time, and that of all clients that `connect` makes from now on."""
        emulator.state.clock = Clock(emulator.state.clock.now(), 1.0, self.steady)
        monkeypatch.setattr(clock, "_steady", self.steady)
        monkeypatch.setattr(clock, "utc_now", self.local)
        monkeypatch.setattr(clock, "time", SimpleNamespace(sleep=self.sleep))
