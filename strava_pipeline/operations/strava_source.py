"""Strava as one run uses it: one client with one pace, however many assets fetch something. No fetching of its own.

What is kept here of the access, and can be read without a run, is strava_access.py's.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from strava_pipeline.core.errors import Ceiling
from strava_pipeline.core.limits import Allowance
from strava_pipeline.core.plan import PER_CALL, PER_LOCAL_CALL, exceeds_a_day, finish_time
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.strava.access import examine_claim, revoked_at
from strava_pipeline.ingest.strava.budget import RateBudget, make_budget
from strava_pipeline.ingest.strava.client import StravaClient, connect
from strava_pipeline.ingest.strava.oauth import SEES_PRIVATE
from strava_pipeline.ingest.strava.subscriptions import OwnSubscription
from strava_pipeline.ingest.strava.token_store import is_loopback, token_store
from strava_pipeline.lake.bronze.listings import refuse_emulator
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Account, Source
from strava_pipeline.settings import Settings

FLOW_LOCK = "flow"
ENOUGH = 5  # calls: the first one, which opens the connection and renews the token, says little of the others


class StravaSource(Source):
    """Strava: its API has a budget. The connection is made with the first call."""

    def __init__(self, settings: Settings, run: RunContext) -> None:
        super().__init__(STRAVA, settings, run)
        self._client: StravaClient | None = None

    @property
    def host(self) -> str | None:
        """The host of the API."""
        return urlsplit(self.settings.api_url).hostname

    def lister(self, limits: CallOptions | None = None) -> StravaClient:
        """The run's one client. The `limits` of the first caller hold for the whole run.

        A run that fetches whole years leaves others what a quiet day's flow needs (docs/adr/0022).
        Raises PipelineError where an emulator would answer for the folder of a real athlete.
        """
        if self._client is None:
            refuse_emulator(self._run.lake, self.settings.api_url)
            limits = limits or CallOptions()
            progress = self._run.progress
            self._client = connect(
                self.settings,
                cushion_15min=limits.cushion_15min,
                cushion_daily=limits.cushion_daily,
                yielding=_yielding(self.settings, limits),
                max_calls=limits.max_calls,
                on_wait=lambda error, seconds: progress.waiting(str(error), seconds),
                clock=self._run.clock,
            )
        return self._client

    @cached_property
    def pace(self) -> "Pace":
        """How fast the run's client is."""
        return Pace(self.lister(), self.usual_per_call)

    @property
    def usual_per_call(self) -> timedelta:
        """How long a call takes, as far as is known before one was made; by the server's clock."""
        return PER_LOCAL_CALL * self._run.clock.speed if is_loopback(self.settings.api_url) else PER_CALL

    def allowances(self, limits: CallOptions | None) -> dict[Ceiling, Allowance]:
        """What each limit of Strava's still allows a run with these limits. Makes no call."""
        return budget_of(self.settings, limits or CallOptions(), self._run.clock).allowances()

    def calling(self) -> AbstractContextManager[None]:
        """A stage that lists."""
        return self.pace.calling("page")

    @property
    def account_name(self) -> None:
        """Strava's listings name the athlete."""
        return

    def account(self) -> Account:
        """Whose login it is, as far as is known, and whether it sees activities that only the athlete may see."""
        scope = token_store(self.settings).load().scope
        sees_private = scope is None or SEES_PRIVATE in scope.replace(",", " ").split()
        return Account(self.athlete_id, None, sees_private)

    def owner(self) -> int | None:
        """The athlete of the data folder, as far as is known; without a login, too."""
        if (athlete_id := self.athlete_id) is not None:
            return athlete_id
        store = token_store(self.settings)
        return store.load().athlete_id if store.path.exists() else None

    def subscription(self) -> OwnSubscription:
        """The application's webhook subscription; events of others are not this installation's."""
        return OwnSubscription(self.settings, self._run.clock)

    @property
    def is_revoked(self) -> bool:
        """Whether the athlete took the access away."""
        return revoked_at(self.settings) is not None

    def examine_revocation(self, claimed_at: datetime) -> bool:
        """Try whether the access was taken away, as an event claims; False: nothing was to be tried. See `examine_claim`."""
        return examine_claim(self.settings, claimed_at, self._run.clock)


Kind = Literal["page", "detail"]
"""What a call brings: a page of a listing, or what belongs to one activity. A page takes as long as some ten of the others."""


class Pace:
    """The pace of one client's calls of each kind, by the server's clock. `usual`: how long a call takes until it is known."""

    def __init__(self, client: StravaClient, usual: timedelta) -> None:
        self._client, self._usual = client, usual
        self._past: dict[Kind, tuple[timedelta, int]] = {}
        self._began: tuple[Kind, float, timedelta, int] | None = None

    @contextmanager
    def calling(self, kind: Kind = "detail") -> Iterator[None]:
        """A stage that makes calls; what lies between two of them takes no call's time."""
        self._began = (kind, *self._now())
        try:
            yield
        finally:
            self._past[kind] = self._so_far(kind)
            self._began = None

    def per_call(self, kind: Kind = "detail") -> timedelta:
        """How long a call of this kind takes."""
        busy, calls = self._so_far(kind)
        return max(busy / calls, timedelta(0)) if calls >= ENOUGH else self._usual

    def done_at(self, details: int, *, pages: int = 0) -> datetime | None:
        """When so many more will have been made, under all limits; None: one of them never lets them through."""
        allowances, calls = list(self._client.budget.allowances().values()), pages + details
        busy = pages * self.per_call("page") + details * self.per_call()
        return finish_time(calls, allowances, self._client.clock.now(), busy / max(calls, 1))

    def needs_another_day(self, calls: int) -> bool:
        """Whether the day's limit ends the command before so many more are made."""
        return exceeds_a_day(calls, list(self._client.budget.allowances().values()))

    def _now(self) -> tuple[float, timedelta, int]:
        return self._client.clock.monotonic(), self._client.waited, self._client.calls

    def _so_far(self, kind: Kind) -> tuple[timedelta, int]:
        """How long the calls of this kind took, waits aside, and how many they were."""
        busy, made = self._past.get(kind, (timedelta(0), 0))
        if self._began is None or self._began[0] != kind:
            return busy, made
        (_, began, waited, calls), (at, waited_since, calls_since) = self._began, self._now()
        passed = timedelta(seconds=at - began) * self._client.clock.speed
        return busy + passed - (waited_since - waited), made + calls_since - calls


def budget_of(settings: Settings, limits: CallOptions, clock: ServerClock) -> RateBudget:
    """The application's budget as a run with these limits sees it. Makes no call."""
    return make_budget(
        settings,
        clock,
        cushion_15min=limits.cushion_15min,
        cushion_daily=limits.cushion_daily,
        yielding=_yielding(settings, limits),
    )


def _yielding(settings: Settings, limits: CallOptions) -> int:
    return calls_of_a_quiet_day(settings) if limits.whole_years else 0


def calls_of_a_quiet_day(settings: Settings) -> int:
    """What `flow` needs when nothing is new: the listing, and its spare calls."""
    return spec_of(STRAVA).quiet_day_calls + settings.refresh_calls
