"""A source whose calls are counted in a budget shared by processes: its pace, its allowances, and the calls it leaves
to others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import cast
from urllib.parse import urlsplit

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import Allowance
from strava_pipeline.core.plan import PER_CALL, PER_LOCAL_CALL, exceeds_a_day, finish_time
from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.setting_values import is_this_machine
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.budget import CallShare, RateBudget
from strava_pipeline.ingest.budgeted import BudgetedProvider
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.lake.bronze.listings import refuse_emulator
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.source import Source

FLOW_LOCK = "flow"
ENOUGH = 5  # calls: the first one, which opens the connection and renews the token, says little of the others


class BudgetedSource(Source):
    """A source with a shared budget. A run that fetches whole years leaves others the calls of a quiet day's run
    (docs/adr/0022).
    """

    def client_for(self, limits: CallOptions | None = None) -> BudgetedProvider:
        """As `Source.client_for`."""
        if self._client is None:
            self.refuse_emulator()
        return cast(BudgetedProvider, super().client_for(limits))

    def refuse_emulator(self) -> None:
        """Raise PipelineError if an emulator would answer for the folder of a real athlete."""
        refuse_emulator(self._run.lake, self.settings.api_url)

    @property
    def client(self) -> BudgetedProvider:
        """The run's one client."""
        return self.client_for()

    def _clock(self) -> ServerClock:
        return self._run.clock

    def _share(self, limits: CallOptions) -> CallShare:
        return share_of(self.spec.name, self.settings, limits)

    def waiting(self, why: str, seconds: float) -> None:
        """Show in the run that the client waits; the budget itself records until when."""
        self._run.progress.waiting(why, seconds)

    @cached_property
    def pace(self) -> "Pace":
        """The pace of the run's client."""
        return Pace(self.client, self.usual_per_call)

    @property
    def usual_per_call(self) -> timedelta:
        """The expected time of a call before any was made; by the server's clock."""
        return (
            PER_LOCAL_CALL * self._run.clock.speed
            if is_this_machine(urlsplit(self.settings.api_url).hostname or "")
            else PER_CALL
        )

    def allowances(self, limits: CallOptions | None) -> dict[Ceiling, Allowance]:
        """The calls that each limit still allows a run with these limits. Makes no call."""
        return budget_of(self.spec.name, self.settings, limits or CallOptions(), self._run.clock).allowances()

    def probe(self) -> None:
        """Make a call that a working API answers, even if single activities fail."""
        self.client.probe()


class Pace:
    """The pace of one client's calls for single activities, by the server's clock. `usual`: the assumed time of a call.

    A page of a listing takes as long as some ten of these.
    """

    def __init__(self, client: BudgetedProvider, usual: timedelta) -> None:
        self._client, self._usual = client, usual
        self._past = (timedelta(0), 0)
        self._began: tuple[float, timedelta, int] | None = None

    @contextmanager
    def calling(self) -> Iterator[None]:
        """A stage that makes calls; time between two stages is not counted."""
        self._began = self._now()
        try:
            yield
        finally:
            self._past = self._so_far()
            self._began = None

    def per_call(self) -> timedelta:
        """The mean time of a call."""
        busy, calls = self._so_far()
        return max(busy / calls, timedelta(0)) if calls >= ENOUGH else self._usual

    def done_at(self, calls: int) -> datetime | None:
        """When that many more calls will have been made, under all limits; None if a limit never allows them."""
        allowances = list(self._client.budget.allowances().values())
        return finish_time(calls, allowances, self._client.clock.now(), self.per_call())

    def needs_another_day(self, calls: int) -> bool:
        """Whether the day's limit ends the command before that many more calls are made."""
        return exceeds_a_day(calls, list(self._client.budget.allowances().values()))

    def _now(self) -> tuple[float, timedelta, int]:
        return self._client.clock.monotonic(), self._client.waited, self._client.calls

    def _so_far(self) -> tuple[timedelta, int]:
        """The total time of the calls so far, without waits, and their number."""
        busy, made = self._past
        if self._began is None:
            return busy, made
        (began, waited, calls), (at, waited_since, calls_since) = self._began, self._now()
        passed = timedelta(seconds=at - began) * self._client.clock.speed
        return busy + passed - (waited_since - waited), made + calls_since - calls


def budget_of(source: str, settings: Settings, limits: CallOptions, clock: ServerClock) -> RateBudget:
    """The application's budget as a run with these limits sees it. Makes no call."""
    return registry.budget(source, settings, clock, share_of(source, settings, limits))


def share_of(source: str, settings: Settings, limits: CallOptions) -> CallShare:
    """The share of the budget that a run with these limits may use."""
    quiet_day = calls_of_a_quiet_day(source, settings)
    return CallShare(
        limits.cushion_15min,
        limits.cushion_daily,
        quiet_day if limits.whole_years else 0,
        limits.max_calls,
        quiet_day,
    )


def calls_of_a_quiet_day(source: str, settings: Settings) -> int:
    """The calls of a daily run that finds nothing new: the listing, and its spare calls."""
    return spec_of(source).quiet_day_calls + settings.refresh_calls
