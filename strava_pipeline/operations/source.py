"""A source as one run uses it, for any service: one client, connected with the first call. Nothing is fetched here.

A `BudgetedSource` counts its calls in a budget that processes share: its pace, its allowances, what it leaves to others.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, cast

from strava_pipeline.core.deliveries import Hint
from strava_pipeline.core.errors import Ceiling, GoneError, NeedsLoginError, RefusedError
from strava_pipeline.core.limits import Allowance
from strava_pipeline.core.plan import PER_CALL, PER_LOCAL_CALL, exceeds_a_day, finish_time
from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.environment.setting_values import is_loopback
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.budget import CallShare, RateBudget
from strava_pipeline.ingest.budgeted import BudgetedProvider
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.provider import FeedProvider, HookedProvider, Login, Provider
from strava_pipeline.ingest.revocation import note_revoked
from strava_pipeline.ingest.service_client import ServiceProvider
from strava_pipeline.lake.bronze.answers import newest_athlete
from strava_pipeline.lake.bronze.listing import Listing, begin_listing
from strava_pipeline.lake.bronze.listings import refuse_emulator
from strava_pipeline.lake.bronze.manifests import Window
from strava_pipeline.lake.notifications import notifications, notify
from strava_pipeline.lake.providers import KeptAllowance, feed_state, keep_account, keep_allowance, keep_pause
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.run_context import RunContext


@dataclass(frozen=True, slots=True)
class Account:
    """The asker: the athlete of the data folder, the account at the source (None: the athlete), and whether everything
    is shown.
    """

    athlete_id: int | None
    account: str | None
    sees_private: bool


class Source:
    """The source `name` with the login of `settings`, for one run. `days`: how far before the watermark a listing begins."""

    def __init__(self, name: str, settings: Settings, run: RunContext) -> None:
        self.spec: ProviderSpec = spec_of(name)
        self.days, self.per_page = settings.days, settings.per_page
        self.settings, self._run = settings, run
        self._client: Provider | None = None
        self._is_refused = False

    def client_for(self, limits: CallOptions | None = None) -> Provider:
        """The run's one client; the `limits` of the first caller hold for the whole run.

        Raises NeedsLoginError or MissingSettingsError if the login is missing.
        """
        if self._client is None:
            clock, share = self._clock(), self._share(limits or CallOptions())
            self._client = registry.connect(self.spec.name, self.settings, clock, self.waiting, share=share)
        return self._client

    def refuse_emulator(self) -> None:
        """Raise PipelineError if an emulator would answer for the folder of a real athlete, as far as that can be told."""

    @property
    def client(self) -> Provider:
        """The run's one client."""
        return self.client_for()

    @property
    def calls(self) -> int:
        """The number of this run's attempts that reached the server or may have; without connecting."""
        return 0 if self._client is None else self._client.calls

    @property
    def hooked(self) -> HookedProvider:
        """The client of a source that is asked for single activities."""
        return cast(HookedProvider, self.client)

    @property
    def feed(self) -> FeedProvider:
        """The client of a source whose record names `feed`."""
        return cast(FeedProvider, self.client)

    def _clock(self) -> ServerClock:
        return machine_clock(self.settings.clock_speed)

    def _share(self, limits: CallOptions) -> CallShare:
        """The share of a budget that the run may use; without a budget, the service's own pace holds."""
        return CallShare()

    def waiting(self, why: str, seconds: float) -> None:
        """Show in the run that the client waits, and record until when, for other processes."""
        self._run.progress.waiting(why, seconds)
        keep_pause(self._run.lake, self.spec.name, self._run.now() + timedelta(seconds=seconds))

    def keep_allowance(self) -> None:
        """Store the service's statement about its limit in this run, if any, for other processes."""
        said = self._client.service.allowance if isinstance(self._client, ServiceProvider) else None
        if said is not None and said.left is not None and said.limit is not None:
            kept = KeptAllowance(at=self._run.now(), left=said.left, limit=said.limit, resets_at=said.resets_at)
            keep_allowance(self._run.lake, self.spec.name, kept)

    def warn_of_end(self) -> None:
        """Store a notification if the login ends within two weeks, unless there is the same."""
        kept, now = registry.kept_login(self.spec.name, self.settings), self._run.now()
        if kept is None or (warning := kept.warning(self.spec.title, now.date())) is None:
            return
        message, link = f"{warning} {kept.renewal}".rstrip(), registry.login_command(self.spec.name, self.settings)
        if all(each.message != message for each in notifications(self._run.lake)):
            notify(self._run.lake, "warning", message, now, link=link, run_id=self._run.run_id)

    @property
    def host(self) -> str | None:
        """The host of its API."""
        return self.client.host

    @property
    def athlete_id(self) -> int | None:
        """The data folder's athlete, as far as known."""
        athlete = newest_athlete(self._run.lake)
        return athlete[1].get("id") if athlete else None

    @cached_property
    def _login(self) -> Login:
        if "feed" in self.spec.capabilities:  # a quiet day must not cost a call for this
            known = feed_state(self._run.lake, self.spec.name)
            if known.login == self.feed.login_digest:
                return Login(known.account)
        return self._ask_login()

    def _ask_login(self) -> Login:
        """The login's owner, as the service says in this run."""
        self._login = login = self.client.login()
        if "feed" in self.spec.capabilities and login.sees_everything:
            keep_account(self._run.lake, self.spec.name, self.feed.login_digest, login.account)
        return login

    @property
    def account_name(self) -> str | None:
        """The account at the source, which separates its listings from another login's, or None if listings name the athlete."""
        return None if self.spec.unnamed else self._login.account

    def account(self) -> Account:
        """The login's account; the athlete is the data folder's."""
        # What a listing of everything lacks is gone, so the account is not one that an earlier run was told.
        login = self._ask_login() if "feed" in self.spec.capabilities else self._login
        return Account(self.athlete_id, login.account, login.sees_everything)

    def owner(self) -> int | None:
        """The athlete of the data folder, as far as known; without a login, too."""
        athlete_id = self.athlete_id
        return athlete_id if athlete_id is not None else registry.login_owner(self.spec.name, self.settings)

    def refusal(self, hint: Hint) -> str | None:
        """Why an event isn't this athlete's or application's, or None if it is, or unknown."""
        if hint.account is not None and self._account_of_events not in (None, hint.account):
            return "another owner" if self.spec.unnamed else "another account"
        if hint.subscription is not None and not self._subscription.may_be(hint.subscription):
            return "another subscription"
        return None

    @cached_property
    def _account_of_events(self) -> str | None:
        """The account whose events are followed, or None for all accounts."""
        if self.spec.unnamed:
            owner = self.owner()
            return None if owner is None else str(owner)
        found = self.account_name
        return None if self.spec.webhooks is not None and found == self.spec.webhooks.any_account else found

    @cached_property
    def _subscription(self) -> Any:
        return registry.subscription(self.spec.name, self.settings, self._run.clock)

    @property
    def is_revoked(self) -> bool:
        """Whether the athlete withdrew the access, as recorded before or found in this run."""
        return self._is_refused or registry.revoked_at(self.spec.name, self.settings) is not None

    def examine_claim(self, claimed_at: datetime) -> bool:
        """Test an event's claim that the access was withdrawn, and record it if true: this login then makes no more calls.

        False if there was nothing to test. Raises errors that say nothing about the login.
        """
        tried = registry.examine_claim(self.spec.name, self.settings, claimed_at, self._run.clock)
        if tried is not None:
            return tried
        try:
            self.probe()
        except NeedsLoginError:
            note_revoked(self.settings, self.spec.name, self.hooked.login_digest, claimed_at)
            self._is_refused = True
        return True

    def probe(self) -> None:
        """Ask for an empty listing."""
        with suppress(RefusedError, GoneError):  # a service that refuses a window in the future counts as answering
            next(self.client.list_pages(int(self._run.now().timestamp()), None, 1), None)

    def begin_listing(self, window: Window, at: datetime, account: Account | None = None) -> Listing:
        """A listing of this login (`account`) in bronze, without a page yet. `at`: when its first answer came."""
        account = account or Account(self.athlete_id, self.account_name, sees_private=True)
        return begin_listing(
            self._run.lake,
            window,
            athlete_id=account.athlete_id,
            at=at.astimezone(UTC),
            source=self.spec.name,
            account=account.account,
            sees_private=account.sees_private,
            host=self.host,
            run_id=self._run.run_id,
        )


@dataclass(slots=True)
class SourceCalls:
    """A source as `fetch_each` asks it: a base for classes that make a call for each of many activities."""

    run: RunContext
    source: Source

    @property
    def title(self) -> str:
        return self.source.spec.title

    @property
    def clock(self) -> ServerClock:
        return self.run.clock

    def landing(self) -> AbstractContextManager[None]:
        return self.source.client.landing()

    def probe(self) -> None:
        self.source.probe()


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
        return PER_LOCAL_CALL * self._run.clock.speed if is_loopback(self.settings.api_url) else PER_CALL

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
    # of a run that finds nothing new: the listing, and its spare calls
    quiet_day = spec_of(source).quiet_day_calls + settings.refresh_calls
    return CallShare(
        limits.cushion_15min,
        limits.cushion_daily,
        quiet_day if limits.whole_years else 0,
        limits.max_calls,
        quiet_day,
    )
