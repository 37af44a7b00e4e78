"""Strava's OAuth: the consent page's address, buying, refreshing and withdrawing tokens, and the meaning of refusals.

The login on disk is Strava's token answer; `login_file.py` renews it. A token of an emulator never leaves this machine,
and a real one is never withdrawn at an emulator. Nothing here shows a token. Token calls don't count against the limits.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from strava_pipeline.core.errors import (
    ForbiddenError,
    NeedsLoginError,
    PipelineError,
    RefreshTokenRefusedError,
)
from strava_pipeline.core.json_values import object_of
from strava_pipeline.environment.setting_values import is_loopback
from strava_pipeline.environment.settings import Application, Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.login_file import (
    EXPIRES_AT_LOCAL,
    AccessTokens,
    LoginFile,
    StoredLogin,
    exchanged,
    local_end,
    moment_of,
    token_of,
)
from strava_pipeline.ingest.refusals import refusal_of, refuse_unusable, token_answer
from strava_pipeline.ingest.strava.refusals import fault_codes

LOGIN = "strava-pipeline auth"
LOG_IN = f"run {LOGIN}"
WRITES = "activity:write"  # the scope that `auth --write` alone asks for
_REFUSED_AT = "refused_at"  # a field of ours
EMULATOR_PREFIX = "emulator-"  # of every token and code of strava_pipeline.emulator


class StoredToken(StoredLogin):
    """Strava's answer, with our `scope`, `athlete_id` and EXPIRES_AT_LOCAL."""

    needs = ("refresh_token",)
    goes_by_presumed_time = True  # a call that is refused is a call
    renewed_before = timedelta(minutes=5)  # longer than any call takes, far less than the six hours a token lives

    @property
    def refresh_token(self) -> str:
        """Buys a new access token."""
        return str(self.raw["refresh_token"])

    @property
    def scope(self) -> str | None:
        """The scopes granted at login, separated by commas."""
        return token_of(self.raw.get("scope"))

    @property
    def may_write(self) -> bool | None:
        """Whether the athlete allowed changes of activities and uploads, or None if unknown."""
        return None if self.scope is None else WRITES in self.scope.replace(",", " ").split()

    @property
    def athlete_id(self) -> int | None:
        """The login's athlete, if known."""
        athlete = self.raw.get("athlete")
        nested = athlete.get("id") if isinstance(athlete, dict) else None
        found = self.raw.get("athlete_id", nested)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def with_answer(self, answer: Mapping[str, Any]) -> "StoredToken":
        """This login after a token answer: the answer wins, fields that it lacks stay."""
        kept = {name: value for name, value in self.raw.items() if name != _REFUSED_AT}
        return StoredToken({**kept, **answer})

    def refused(self, at: datetime) -> "StoredToken":
        """This login, marked as refused by Strava: it is kept, because a person may want to know whose it was."""
        return StoredToken({**self.raw, _REFUSED_AT: at.timestamp()})

    @property
    def refused_at(self) -> datetime | None:
        """When (UTC) Strava refused the refresh token, or None."""
        return moment_of(self.raw.get(_REFUSED_AT))


def token_store(settings: Settings) -> LoginFile[StoredToken]:
    """The login's file."""
    path = settings.secrets_dir / "strava_token.json"
    return LoginFile(
        path=path,
        parse=StoredToken,
        log_in=LOG_IN,
        missing=f"no login yet ({path} does not exist): {LOG_IN}",
        damaged=f"{path} is not a login file any more; move it away and {LOG_IN}",
    )


def keep_emulator_tokens_here(secret: str, url: str) -> None:
    """Raise ForbiddenError if a token, refresh token or code of an emulator is about to leave this machine."""
    if secret.startswith(EMULATOR_PREFIX) and not is_loopback(url):
        raise ForbiddenError(
            f"This login is an emulator's, but the settings point at {urlsplit(url).hostname}; nothing "
            "was sent. Set STRAVA_BASE_URL and STRAVA_API_URL to the emulator, or run strava-pipeline auth."
        )


def keep_real_tokens_from_emulator(secret: str, url: str) -> None:
    """Raise ForbiddenError if a login that isn't an emulator's is about to be withdrawn on this machine."""
    if not secret.startswith(EMULATOR_PREFIX) and is_loopback(url):
        raise ForbiddenError(
            f"This login is not an emulator's, but the settings point at {urlsplit(url).hostname}; nothing was sent. Set "
            "STRAVA_BASE_URL and STRAVA_API_URL to where it is from."
        )


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
        """Strava's consent page; it sends the athlete on to `redirect_uri` with a code, `state` and scopes.

        `is_asked_again`: even if the athlete consented to other scopes before.
        """
        query = {
            "client_id": self._application.client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "approval_prompt": "force" if is_asked_again else "auto",
            "scope": ",".join(scopes),
            "state": state,
        }
        return f"{self._base_url}/oauth/authorize?{urlencode(query)}"

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
