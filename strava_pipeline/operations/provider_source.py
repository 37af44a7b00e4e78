"""Providers beside Strava as one run uses them: a client each, connected with the first call. Nothing is fetched here."""

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import cast

from strava_pipeline.core.errors import GoneError, RefusedError
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.provider import FeedProvider, HookedProvider, Lister, Login, Provider
from strava_pipeline.ingest.registry import connect, kept_login
from strava_pipeline.ingest.revocation import note_revoked
from strava_pipeline.ingest.service_client import ServiceProvider
from strava_pipeline.lake.notifications import notifications, notify
from strava_pipeline.lake.providers import KeptAllowance, feed_state, keep_account, keep_allowance, keep_pause
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import Account, Source
from strava_pipeline.settings import Settings


class ProviderSource(Source):
    """A provider beside Strava."""

    @cached_property
    def client(self) -> Provider:
        """The run's one client. Raises NeedsLoginError or MissingSettingsError where the login is missing."""
        clock = machine_clock(self.settings.clock_speed)
        return connect(self.spec.name, self.settings, clock, self.waiting)

    def waiting(self, why: str, seconds: float) -> None:
        """Show in the run that the client waits, and keep until when, for whoever asks from elsewhere."""
        self._run.progress.waiting(why, seconds)
        keep_pause(self._run.lake, self.spec.name, self._run.now() + timedelta(seconds=seconds))

    def keep_allowance(self) -> None:
        """Keep what the service said of its limit in this run, if it said anything, for whoever asks from elsewhere."""
        client = self.__dict__.get("client")  # where nothing was asked, nothing is connected for this
        said = client.service.allowance if isinstance(client, ServiceProvider) else None
        if said is not None and said.left is not None and said.limit is not None:
            kept = KeptAllowance(at=self._run.now(), left=said.left, limit=said.limit, resets_at=said.resets_at)
            keep_allowance(self._run.lake, self.spec.name, kept)

    def warn_of_end(self) -> None:
        """Keep a notification where the login ends within two weeks, unless there is the same."""
        kept, now = kept_login(self.spec.name, self.settings), self._run.now()
        warning = None if kept is None else kept.warning(self.spec.title, now.date())
        if warning is not None and all(each.message != warning for each in notifications(self._run.lake)):
            notify(self._run.lake, "warning", warning, now, link=self.spec.command("login"), run_id=self._run.run_id)

    def note_revoked(self, at: datetime) -> None:
        """Note that the athlete took the access away: no call is made with this login any more."""
        note_revoked(self.settings, self.spec.name, self.hooked.login_digest, at)

    @property
    def host(self) -> str | None:
        """The host of its API."""
        return self.client.host

    def lister(self, limits: CallOptions | None = None) -> Lister:
        """The client; limits of calls are Strava's, a provider's pace is its own."""
        return self.client

    @property
    def hooked(self) -> HookedProvider:
        """The run's client of a provider whose spec names `webhooks`."""
        return cast(HookedProvider, self.client)

    @property
    def feed(self) -> FeedProvider:
        """The run's client of a provider whose spec names `feed`."""
        return cast(FeedProvider, self.client)

    @cached_property
    def _login(self) -> Login:
        if "feed" in self.spec.capabilities:  # a quiet day must not cost a call for this
            known = feed_state(self._run.lake, self.spec.name)
            if known.login == self.feed.login_digest:
                return Login(known.account)
        return self.ask_login()

    def ask_login(self) -> Login:
        """Whose login it is, as the service says in this run."""
        self._login = login = self.client.login()
        if "feed" in self.spec.capabilities and login.sees_everything:
            keep_account(self._run.lake, self.spec.name, self.feed.login_digest, login.account)
        return login

    @property
    def account_name(self) -> str | None:
        """The account at the provider."""
        return self._login.account

    def account(self) -> Account:
        """Whose login it is; the athlete is the data folder's."""
        # What a listing of everything lacks is gone, so the account is not one that an earlier run was told.
        login = self.ask_login() if "feed" in self.spec.capabilities else self._login
        return Account(self.athlete_id, login.account, login.sees_everything)


@dataclass(slots=True)
class ProviderCalls:
    """A provider as `fetch_each` asks it: a base for what makes a call for each of many activities."""

    run: RunContext
    source: ProviderSource

    @property
    def title(self) -> str:
        return self.source.spec.title

    @property
    def clock(self) -> ServerClock:
        return self.run.clock

    def landing(self) -> AbstractContextManager[None]:
        return self.source.client.landing()

    def probe(self) -> None:
        """Ask for an empty listing."""
        with suppress(RefusedError, GoneError):  # a service that refuses a window of the future answers, too
            next(self.source.client.list_pages(int(self.run.now().timestamp()), None, 1), None)


class ProviderSources:
    """The providers of one run, each with one client however many steps use it."""

    def __init__(self, settings: Settings, run: RunContext) -> None:
        self._settings, self._run = settings, run
        self._sources: dict[str, ProviderSource] = {}

    def source(self, name: str) -> ProviderSource:
        """The provider `name`; nothing is sent yet."""
        if name not in self._sources:
            self._sources[name] = ProviderSource(name, self._settings, self._run)
        return self._sources[name]
