"""Garmin's login and its login service: an access token for a day or so, and a refresh token that works once.

The file uses garminconnect's names, so that a file of that program can be taken over, and fields of ours. Nothing here
shows a token, and no error contains an answer's text, which may.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import NeedsLoginError, PipelineError
from strava_pipeline.core.json_values import finite_number
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.keys import FIRST_KEY
from strava_pipeline.ingest.garmin.record import SPEC
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.login_file import (
    EXPIRES_AT_LOCAL,
    AccessTokens,
    LoginFile,
    StoredLogin,
    exchanged,
    is_token,
    local_end,
    token_of,
)
from strava_pipeline.ingest.refusals import token_answer

LOGIN = "run strava-pipeline providers login garmin"
CLIENT_ID = "GARMIN_CONNECT_MOBILE_ANDROID_DI_2025Q2"  # the app that garminconnect logs in as
TOKEN_PATH = "/di-oauth2-service/oauth/token"
HEADERS = {  # what Garmin's own app sends
    "User-Agent": "GCM-Android-5.23",
    "X-Garmin-User-Agent": "com.garmin.android.apps.connectmobile/5.23; ; Google/sdk_gphone64_arm64/google; Android/33; "
    "Dalvik/2.1.0",
    "X-Garmin-Client-Platform": "Android",
    "X-App-Ver": "10861",
    "X-Lang": "en",
    "Accept": "application/json",
}
_ACCESS, _REFRESH, _CLIENT = "di_token", "di_refresh_token", "di_client_id"
_EXPIRES = "expires_at"  # a field of ours
_GARTH = ("oauth1_token.json", "oauth2_token.json")


class Tokens(StoredLogin):
    """A login as garminconnect stores it, with fields of ours."""

    needs = (_ACCESS, _REFRESH)
    token_name = _ACCESS
    renewed_before = timedelta(minutes=15)  # as the app does

    @property
    def client_id(self) -> str:
        """The app of the tokens."""
        return token_of(self.raw.get(_CLIENT)) or CLIENT_ID


def access_tokens(
    settings: Settings, wire: Wire, clock: ServerClock, refused: Callable[[str, Exchange], PipelineError]
) -> AccessTokens[Tokens]:
    """The access token of the stored login, whose renewal invalidates that login. Raises as `LoginFile.load` does.

    A renewal raises NeedsLoginError if the stored login is refused, LoginServiceError, LimitReachedError.

    Args:
        refused: makes the error of a limit or a block at the login service: how long no call may be made.
    """

    def buy(stored: Tokens, lost: bool) -> Tokens:
        form = {"grant_type": "refresh_token", "client_id": stored.client_id, "refresh_token": stored.raw[_REFRESH]}
        url, basic, name = f"{settings.garmin_auth_url}{TOKEN_PATH}", (stored.client_id, ""), "Garmin's login service"
        exchange = wire.send("POST", url, form=form, basic=basic, headers=HEADERS)
        clock.learn(exchange.headers, elapsed=exchange.seconds)
        status = exchange.status
        if status == 429 or SPEC.refusals.meaning(status, exchange.body, at_login=True) == "pause":
            raise refused(f"POST {TOKEN_PATH}", exchange)
        if (answer := token_answer(exchange, name, "GARMIN_AUTH_URL")) is not None:
            return _with_answer(stored, answer, clock)
        why = " An answer was lost just before; it may have held the next refresh token." if lost else ""
        raise NeedsLoginError(
            f"{name} does not accept the login any more ({status}): it was used elsewhere, or not for a month.{why} "
            f"Please {LOGIN}."
        )

    def renewed(stored: Tokens) -> Tokens:
        return exchanged(lambda lost: buy(stored, lost), clock.sleep, LOGIN, "The login is kept")

    return AccessTokens(login_file(settings), clock, renewed)


def _with_answer(stored: Tokens, answer: Mapping[str, Any], clock: ServerClock) -> Tokens:
    new = {**stored.raw, _ACCESS: answer["access_token"]}
    if is_token(answer.get("refresh_token")):
        new[_REFRESH] = answer["refresh_token"]
    for name in (_EXPIRES, EXPIRES_AT_LOCAL):
        new.pop(name, None)
    lasts = finite_number(answer.get("expires_in"))
    if lasts is not None and lasts > 0:
        new[_EXPIRES] = (clock.now() + timedelta(seconds=min(lasts, 1e9))).timestamp()
    if (ends := Tokens(new).expires_at) is not None:
        new[EXPIRES_AT_LOCAL] = local_end(ends, clock)
    return Tokens(new)


def tokens_file(settings: Settings) -> Path:
    """The path of the login."""
    return settings.garmin_tokens_file or settings.secrets_dir / "garmin_tokens.json"


def login_file(settings: Settings) -> LoginFile[Tokens]:
    """The file with the login. Raises NeedsLoginError for a login of garth in its place."""
    path = tokens_file(settings)
    if is_garth_folder(path):
        raise NeedsLoginError(f"{path} is a login of garth, which Garmin no longer accepts. Move it away, and {LOGIN}.")
    missing = f"There is no login to Garmin Connect yet. {FIRST_KEY}."
    damaged = f"{path} is no login to Garmin Connect. Move it away, and {LOGIN}."
    return LoginFile(path=path, parse=Tokens, log_in=LOGIN, missing=missing, damaged=damaged)


def is_garth_folder(path: Path) -> bool:
    """Whether a folder is garth's, whose logins no longer work."""
    return path.is_dir() and any((path / name).exists() for name in _GARTH)
