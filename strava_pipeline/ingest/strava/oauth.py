"""Strava's OAuth: the consent page's address, buying, refreshing and withdrawing tokens, and the meaning of refusals.

The login on disk is `token_store.py`'s, and when it is renewed `login_file.py`'s. Token calls don't count against the
limits.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlencode

from strava_pipeline.core.errors import (
    NeedsLoginError,
    PipelineError,
    RefreshTokenRefusedError,
)
from strava_pipeline.environment.settings import Application, Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.login_file import EXPIRES_AT_LOCAL, AccessTokens, LoginFile, exchanged, local_end
from strava_pipeline.ingest.refusals import refusal_of, refuse_unusable, token_answer
from strava_pipeline.ingest.strava.refusals import fault_codes
from strava_pipeline.ingest.strava.token_store import (
    LOG_IN,
    WRITES,
    StoredToken,
    keep_emulator_tokens_here,
    keep_real_tokens_from_emulator,
)
from strava_pipeline.ingest.token_values import object_of

SEES_PRIVATE = "activity:read_all"  # without it a listing leaves out what only the athlete may see
SCOPES = ("read", "activity:read", SEES_PRIVATE, "profile:read_all")
CONSEQUENCES = {
    "read": "public routes and segments will be missing",
    "activity:read": "no activity can be read at all, so nothing can be pulled",
    SEES_PRIVATE: 'activities visible to "Only You" will be missing',
    "profile:read_all": "gear, weight, zones and follower-only profile details will be missing",
    WRITES: "nothing can be changed at Strava, and no file can be uploaded",
}
SERVICE = "Strava's login service"
T = TypeVar("T")


class OAuth:
    """Speaks for one API application to the OAuth host `base_url`."""

    def __init__(self, base_url: str, application: Application, wire: Wire, clock: ServerClock) -> None:
        self._base_url, self._application = base_url, application
        self._wire, self._clock = wire, clock

    def authorize_url(
        self, redirect_uri: str, state: str, scopes: Iterable[str] = SCOPES, *, is_asked_again: bool = False
    ) -> str:
        """The page on which the athlete consents; `is_asked_again`: even if the athlete consented to other scopes before."""
        client_id = self._application.client_id
        return authorize_url(self._base_url, client_id, redirect_uri, scopes, state, is_asked_again=is_asked_again)

    def exchange_code(self, code: str) -> dict[str, Any]:
        """Buy tokens with the code from the redirect: Strava's answer, with EXPIRES_AT_LOCAL. A code works once."""
        grant = {"grant_type": "authorization_code", "code": code}
        return self._ask(code, lambda lost: self._buy(grant, lost))

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """Buy an access token: Strava's answer, with EXPIRES_AT_LOCAL. A new refresh token replaces the old one."""
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self._ask(refresh_token, lambda lost: self._buy(grant, lost))

    def revoke(self, token: str) -> None:
        """Withdraw the application's access: no token of this login works any more. No error if none worked before."""
        keep_real_tokens_from_emulator(token, self._base_url)
        self._ask(token, lambda lost: self._withdraw(token))

    def _ask(self, secret: str, call: Callable[[bool], T]) -> T:
        """The result of `call`, retried if that may help. Its argument: whether an answer was lost before."""
        keep_emulator_tokens_here(secret, self._base_url)
        return exchanged(call, self._clock.sleep, LOG_IN, "Nothing was lost")

    def _buy(self, grant: Mapping[str, str], lost: bool) -> dict[str, Any]:
        form = {
            "client_id": self._application.client_id,
            "client_secret": self._application.client_secret.get_secret_value(),
            **grant,
        }
        exchange = self._wire.send("POST", f"{self._base_url}/oauth/token", form=form)
        self._clock.learn(exchange.headers, elapsed=exchange.seconds)
        answer = token_answer(exchange, SERVICE, "STRAVA_BASE_URL", ("access_token", "refresh_token"))
        if answer is None:
            raise _refusal(exchange, lost)
        expires_at = StoredToken(answer).expires_at
        return {**answer, EXPIRES_AT_LOCAL: None if expires_at is None else local_end(expires_at, self._clock)}

    def _withdraw(self, token: str) -> None:
        application = self._application
        basic = (application.client_id, application.client_secret.get_secret_value())
        exchange = self._wire.send("POST", f"{self._base_url}/oauth/revoke", form={"token": token}, basic=basic)
        self._clock.learn(exchange.headers, elapsed=exchange.seconds)
        about_the_token = _resources(exchange) & {"RefreshToken", "AccessToken"}
        if exchange.status != 200 and not about_the_token:
            refuse_unusable(exchange, SERVICE, "STRAVA_BASE_URL")
            raise _refusal(exchange, lost=False)


def authorize_url(
    base_url: str,
    client_id: str,
    redirect_uri: str,
    scopes: Iterable[str],
    state: str,
    *,
    is_asked_again: bool = False,
) -> str:
    """Strava's consent page; it sends the athlete on to `redirect_uri` with a code, `state` and scopes."""
    query = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "approval_prompt": "force" if is_asked_again else "auto",
        "scope": ",".join(scopes),
        "state": state,
    }
    return f"{base_url}/oauth/authorize?{urlencode(query)}"


def missing_scopes(asked: Iterable[str], granted: Iterable[str]) -> list[tuple[str, str]]:
    """The scopes that the athlete unticked, each with its consequence in plain words."""
    present = set(granted)
    if SEES_PRIVATE in present:
        present.add("activity:read")  # the greater holds the lesser
    return [(scope, CONSEQUENCES.get(scope, "some data will be missing")) for scope in asked if scope not in present]


def _refusal(exchange: Exchange, lost: bool) -> PipelineError:
    from strava_pipeline.ingest.strava.record import SPEC  # which loads Polars, and every command comes here

    if (refused := refusal_of(SPEC, "login service", exchange, f"Please {LOG_IN}", at_login=True)) is not None:
        return refused
    resources = _resources(exchange)
    if not resources.isdisjoint(("RequestToken", "AuthorizationCode")):
        return NeedsLoginError(
            "Strava does not accept this code. A code works once, for some minutes: open the page again, allow access, and use "
            "the address that it sends you to."
        )
    if "RefreshToken" in resources:
        why = " An answer was lost just before; it may have held the successor of what was sent." if lost else ""
        return RefreshTokenRefusedError(
            f"Strava no longer accepts the refresh token (revoked, used up or mistyped).{why} Please {LOG_IN}"
        )
    return PipelineError(f"{SERVICE} answered {exchange.status}; check the settings, then {LOG_IN}")


def _resources(exchange: Exchange) -> set[str]:
    """The subjects of an answer's faults."""
    return {resource for resource, _, _ in fault_codes(object_of(exchange.body))}


def make_oauth(settings: Settings, wire: Wire, clock: ServerClock) -> OAuth:
    """The OAuth of the settings' application."""
    return OAuth(settings.base_url, settings.require_application(), wire, clock)


def access_tokens(store: LoginFile[StoredToken], oauth: OAuth, clock: ServerClock) -> AccessTokens[StoredToken]:
    """The stored login's access token. Raises as LoginFile.load does; fetching another one, as OAuth.refresh does."""

    def exchange(stored: StoredToken) -> StoredToken:
        try:
            return stored.with_answer(oauth.refresh(stored.refresh_token))
        except RefreshTokenRefusedError:
            with suppress(PipelineError):  # without the note, the refusal is still what a person has to know
                store.save(stored.refused(clock.now()))
            raise

    return AccessTokens(store, clock, exchange)
