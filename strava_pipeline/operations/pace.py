"""How long a call takes here, waits for limits aside, and so when a number of calls will have been made."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from strava_pipeline.core.plan import PER_CALL, exceeds_a_day, finish_time
from strava_pipeline.ingest.strava.client import StravaClient

ENOUGH = 5  # calls: the first one, which opens the connection and renews the token, says little of the others


class Pace:
    """The pace of one client's calls, by the server's clock."""

    def __init__(self, client: StravaClient) -> None:
        self._client = client
        self._busy, self._calls = timedelta(0), 0
        self._began: tuple[float, timedelta, int] | None = None

    @contextmanager
    def calling(self) -> Iterator[None]:
        """A stage that makes calls; what lies between two of them takes no call's time."""
        self._began = self._now()
        try:
            yield
        finally:
            self._busy, self._calls = self._so_far()
            self._began = None

    @property
    def per_call(self) -> timedelta:
        busy, calls = self._so_far()
        return max(busy / calls, timedelta(0)) if calls >= ENOUGH else PER_CALL

    def done_at(self, calls: int) -> datetime | None:
        """When so many more will have been made, under all limits; None: one of them never lets them through."""
        allowances = list(self._client.budget.allowances().values())
        return finish_time(calls, allowances, self._client.clock.now(), self.per_call)

    def needs_another_day(self, calls: int) -> bool:
        """Whether the day's limit ends the command before so many more are made."""
        return exceeds_a_day(calls, list(self._client.budget.allowances().values()))

    def _now(self) -> tuple[float, timedelta, int]:
        return self._client.clock.monotonic(), self._client.waited, self._client.calls

    def _so_far(self) -> tuple[timedelta, int]:
        if self._began is None:
            return self._busy, self._calls
        (began, waited, calls), (at, waited_since, calls_since) = self._began, self._now()
        passed = timedelta(seconds=at - began) * self._client.clock.speed
        return self._busy + passed - (waited_since - waited), self._calls + calls_since - calls
