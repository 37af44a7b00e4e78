"""Wahoo's login: an access token for two hours, and a refresh token that is replaced with it.

The previous pair dies with the first call of the new access token. At most ten access tokens may live, so a new one is
fetched only right before a call, by one process at a time. No error contains a token, or an answer's text, which may.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import NeedsLoginError, PipelineError
from strava_pipeline.core.json_values import finite_number
from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Wire, make_wire
from strava_pipeline.ingest.login_file import (
    EXPIRES_AT_LOCAL,
    AccessTokens,
    LoginFile,
    StoredLogin,
    exchanged,
    is_token,
    local_end,
)
from strava_pipeline.ingest.provider import LoginRequest
from strava_pipeline.ingest.refusals import refusal_of, token_answer
from strava_pipeline.ingest.service_oauth import ServiceApplication, buy_by_consent
from strava_pipeline.ingest.wahoo.record import NAME

LIFE = timedelta(hours=2)  # of an access token that does not say it
SCOPES = {
    "user_read": "nobody can say whose login it is, so nothing can be pulled",
    "workouts_read": "no workout can be read at all",
    "offline_data": "the login may end after two hours",
}
APPLICATION = ServiceApplication(
    name=NAME,
    prefix="WAHOO",
    pair=lambda settings: (settings.wahoo_client_id, settings.wahoo_client_secret),
    url=lambda settings: settings.wahoo_url,
    token_path="/oauth/token",
    scopes=lambda request: SCOPES,
    scope_mark=" ",
)
LOG_IN = f"run {APPLICATION.page.command}"


class WahooLogin(StoredLogin):
    """A pair of tokens."""

    needs = ("access_token", "refresh_token")
    renewed_before = timedelta(minutes=5)


def token_file(settings: Settings) -> Path:
    """The path of the login."""
    return settings.wahoo_token_file or settings.secrets_dir / f"{NAME}_token.json"


def login_file(settings: Settings) -> LoginFile[WahooLogin]:
    """The file with the login."""
    path = token_file(settings)
    none = f"There is no login at Wahoo yet. {APPLICATION.again}"
    return LoginFile(
        path=path,
        parse=WahooLogin,
        log_in=LOG_IN,
        missing=none if APPLICATION.is_set(settings) else APPLICATION.missing,
        damaged=f"{path} holds no login at Wahoo. {APPLICATION.again}",
    )


def login(settings: Settings, clock: ServerClock, request: LoginRequest) -> None:
    """Log in on Wahoo's page, and store the pair of tokens."""
    answer, granted = buy_by_consent(APPLICATION, settings, make_wire(settings, clock), request)
    login_file(settings).save(_with_answer({"scope": list(granted or ())}, answer, clock))


def access_tokens(settings: Settings, wire: Wire, clock: ServerClock) -> AccessTokens[WahooLogin]:
    """The access token of the stored login. Raises as `LoginFile.load` does."""

    def renewed(stored: WahooLogin) -> WahooLogin:
        form = APPLICATION.credentials(settings) | {"grant_type": "refresh_token"}
        form["refresh_token"] = stored.raw["refresh_token"]
        url = f"{settings.wahoo_url}{APPLICATION.token_path}"
        return exchanged(
            lambda lost: _buy(url, form, stored, wire, clock, lost=lost),
            clock.sleep,
            LOG_IN,
            "The login is kept",
        )

    return AccessTokens(login_file(settings), clock, renewed)


def _buy(
    url: str, form: Mapping[str, str], stored: WahooLogin, wire: Wire, clock: ServerClock, *, lost: bool
) -> WahooLogin:
    exchange, name = wire.send("POST", url, form=form), "Wahoo's login service"
    clock.learn(exchange.headers, elapsed=exchange.seconds)
    if (answer := token_answer(exchange, name, "Wahoo's address")) is not None:
        return _with_answer(stored.raw, answer, clock)
    status = exchange.status
    if b"unrevoked access token" in exchange.body.lower():
        raise NeedsLoginError(
            f"{name} gives no further token ({status}): ten of this app live already. At Wahoo, take your app's access away, "
            f"and then {LOG_IN}."
        )
    why = "An answer was lost just before; it may have held the next login. " if lost else ""
    advice = f"{why}Please {LOG_IN}; if that fails, check WAHOO_CLIENT_ID and WAHOO_CLIENT_SECRET."
    if (refused := refusal_of(spec_of(NAME), "login service", exchange, advice, at_login=True)) is not None:
        raise refused
    raise PipelineError(f"{name} answered {status}; {LOG_IN}.")


def _with_answer(login: Mapping[str, Any], answer: Mapping[str, Any], clock: ServerClock) -> WahooLogin:
    """The login with the tokens of an answer. Raises NeedsLoginError if it lacks a refresh token and there was none."""
    lasts = finite_number(answer.get("expires_in"))
    ends = clock.now() + (timedelta(seconds=min(lasts, 1e9)) if lasts is not None and lasts > 0 else LIFE)
    times = {"received_at": clock.now().timestamp(), "expires_at": ends.timestamp()}
    new = {**login, "access_token": answer["access_token"], **times, EXPIRES_AT_LOCAL: local_end(ends, clock)}
    if is_token(answer.get("refresh_token")):
        new["refresh_token"] = answer["refresh_token"]
    try:
        return WahooLogin(new)
    except ValueError:
        raise NeedsLoginError(
            f"Wahoo gave no refresh token, without which a login lasts two hours. {APPLICATION.again}"
        ) from None
