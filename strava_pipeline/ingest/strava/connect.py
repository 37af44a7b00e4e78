"""Wires a client up from the settings: the one place where real randomness and the network come in; clocks.py has the time."""

import logging
import random

from strava_pipeline.core.errors import NeedsLoginError, PipelineError
from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.ingest.http import Wire, make_wire
from strava_pipeline.ingest.strava.access import AccessTokens
from strava_pipeline.ingest.strava.client import StravaClient
from strava_pipeline.ingest.strava.clocks import make_budget
from strava_pipeline.ingest.strava.oauth import OAuth
from strava_pipeline.ingest.strava.pacing import OnWait, Pacing
from strava_pipeline.ingest.strava.revocation import why_no_access
from strava_pipeline.ingest.strava.subscriptions import Subscriptions
from strava_pipeline.ingest.strava.token_store import TokenStore
from strava_pipeline.settings import Settings

log = logging.getLogger(__name__)


def connect(
    settings: Settings,
    *,
    cushion_15min: int | None = None,
    cushion_daily: int | None = None,
    yielding: int = 0,
    max_calls: int | None = None,
    wait: bool = True,
    on_wait: OnWait | None = None,
    clock: ServerClock | None = None,
) -> StravaClient:
    """A client on the settings' login, budget and server; nothing is sent yet.

    Raises MissingSettingsError when the application or the login is missing, NeedsLoginError when the athlete took the access
    away or a purge is under way. `wait`, `on_wait`: see Pacing; the cushions
    and `yielding`: see RateBudget.
    """
    if told := why_no_access(settings):
        raise NeedsLoginError(told)
    clock = clock or system_clock(settings)
    wire = make_wire(settings, clock)
    oauth = make_oauth(settings, wire, clock)
    store = token_store(settings)
    store.load()
    tokens = AccessTokens(store, oauth, clock)
    budget = make_budget(
        settings,
        clock,
        cushion_15min=cushion_15min,
        cushion_daily=cushion_daily,
        yielding=yielding,
        max_calls=max_calls,
    )
    pacing = Pacing(
        budget, clock, wait=wait, on_wait=on_wait, ask_time=lambda: _ask_time(wire, settings.base_url, clock)
    )
    return StravaClient(settings.api_url, tokens, pacing, clock, wire, random.random)


def make_oauth(settings: Settings, wire: Wire, clock: ServerClock) -> OAuth:
    """The OAuth of the settings' application."""
    return OAuth(settings.base_url, settings.require_application(), wire, clock, random.random)


def make_subscriptions(settings: Settings, wire: Wire, clock: ServerClock) -> Subscriptions:
    """The webhook subscription of the settings' application."""
    return Subscriptions(settings.api_url, settings.require_application(), wire, clock, random.random)


def token_store(settings: Settings) -> TokenStore:
    """Where the settings keep the login."""
    return TokenStore(settings.secrets_dir / "strava_token.json")


def _ask_time(wire: Wire, base_url: str, clock: ServerClock) -> None:
    """Read the server's clock off its front page, which is no API call and counts in no limit."""
    try:
        exchange = wire.send("HEAD", base_url)
    except PipelineError as error:
        log.info("The server's time could not be asked for: %s", error)
        return
    clock.learn(exchange.headers, elapsed=exchange.seconds)
