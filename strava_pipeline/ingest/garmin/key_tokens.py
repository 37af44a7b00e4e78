"""The access tokens of a key: each lasts for a day, and serves all runs until an hour before its end.

Exchanging a key uses nothing up, so a lost or deleted token costs a call. The file with the token also names its
account. No log and no error contains a key, a token or an answer that may contain one.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import GoneError, PipelineError, RefusedError, TransientError
from strava_pipeline.core.json_values import object_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.keys import KEY_PAGE, LOGIN_BY_KEY, NEW_KEY, TYPED, Key, is_key
from strava_pipeline.ingest.garmin.record import SPEC
from strava_pipeline.ingest.garmin.refusals import BY_KEY
from strava_pipeline.ingest.garmin.service import TITLE
from strava_pipeline.ingest.http import Wire
from strava_pipeline.ingest.login_file import (
    AccessTokens,
    LoginFile,
    StoredLogin,
    claims_of,
    exchanged,
    moment_of,
)
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.ingest.service_client import Answer, Call, ServiceClient

TOKEN_PATH = "/personalapitoken-service/personal-api/personal-api-key/token"
LIFE = timedelta(hours=24)  # of a token without an expiry, as Garmin documents it
SHORT = timedelta(hours=23)  # a token that lives for less ends with its key
UNSAID = timedelta(seconds=2)  # the pause after a 429 that names none, doubled each time


class KeyToken(StoredLogin):
    """An access token, with the fingerprint of its key."""

    renewed_before = timedelta(hours=1)  # as Garmin's own client does

    @property
    def expires_at_local(self) -> datetime | None:
        """This machine's clock time is not stored: at worst an additional token is fetched."""
        return self.expires_at


def token_file(settings: Settings) -> Path:
    """The file of the key's token."""
    return settings.secrets_dir / "garmin_personal_token.json"


def login_file(settings: Settings, key: Key) -> LoginFile[KeyToken]:
    """The file with the token, which is empty if its token is of another key."""
    path, fingerprint = token_file(settings), fingerprint_of(key, settings.garmin_personal_api_base_url)

    def of_key(raw: dict[str, Any]) -> KeyToken:
        return KeyToken(raw if raw.get("fingerprint") == fingerprint else {"fingerprint": fingerprint})

    return LoginFile(path=path, parse=of_key, log_in=f"run {LOGIN_BY_KEY}", empty=of_key({}))


def fingerprint_of(key: Key, base_url: str) -> str:
    """The fingerprint that ties a token to its key and its host."""
    return hashlib.sha256(f"{base_url}\0{key.value}".encode()).hexdigest()


def end_of_key(settings: Settings, key: Key) -> date | None:
    """The day on which a key ends, if its token shows it: one that lives for less than a day ends with its key."""
    claims = claims_of(login_file(settings, key).load().access_token)
    began, ends = moment_of(claims.get("iat")), moment_of(claims.get("exp"))
    return ends.date() if began is not None and ends is not None and ends - began < SHORT else None


class KeyExchange(ServiceClient):
    """The call that gives a token for a key. Args: as of `ServiceClient`."""

    at_login = True

    def __init__(self, base_url: str, key: Key, wire: Wire, clock: ServerClock, on_wait: OnWait) -> None:
        headers = {"Accept": "*/*", "Authorization": f"ApiKey {key.value}"}
        advice = NEW_KEY if key.place != TYPED else f"Make a new one at {KEY_PAGE}"
        login = f"The key of {key.place} is wrong, expired or deleted. {advice}."
        spec = replace(SPEC, refusals=BY_KEY)
        super().__init__(spec, base_url, wire, clock, login=login, unsaid=UNSAID, headers=headers, on_wait=on_wait)

    def __call__(self, kept: KeyToken) -> KeyToken:
        """A new token. Raises NeedsLoginError if the key is refused, LoginServiceError, LimitReachedError."""
        token, ends_at = exchanged(
            lambda _: self._asked(),
            self._pause,
            f"run {LOGIN_BY_KEY}",
            "The key is kept",
        )
        times = {"received_at": self.clock.now().timestamp(), "expires_at": ends_at.timestamp()}
        return KeyToken({**kept.raw, "access_token": token, **times, "account": kept.account})

    def _asked(self) -> tuple[str, datetime]:
        try:
            return self._token_in(self._of_login(lambda: self._attempt(Call("POST", TOKEN_PATH), None, is_json=False)))
        except (GoneError, RefusedError) as error:  # neither is a fault of the call that needs the token
            raise PipelineError(
                f"POST {TOKEN_PATH}: {TITLE} answered {error.status} to a key. Either this network asks for a login of its own, "
                "in a browser, or GARMIN_PERSONAL_API_BASE_URL is wrong."
            ) from None

    def _token_in(self, answer: Answer) -> tuple[str, datetime]:
        text = answer.body.decode("utf-8", "replace").strip()
        if text.startswith("{"):
            text = str(object_of(answer.body).get("access_token") or "")
        elif text.startswith('"'):
            with suppress(ValueError):
                text = str(json.loads(text))
        if not is_key(text):
            raise TransientError(f"POST {TOKEN_PATH}: {TITLE} answered {answer.status} without a token")
        now = self.clock.now()
        ends_at = moment_of(claims_of(text).get("exp"))
        return text, ends_at if ends_at is not None and ends_at > now else now + LIFE


def key_tokens(settings: Settings, key: Key, wire: Wire, clock: ServerClock, on_wait: OnWait) -> AccessTokens[KeyToken]:
    """The token of a key, stored or newly fetched."""
    exchange = KeyExchange(settings.garmin_personal_api_base_url, key, wire, clock, on_wait)
    return AccessTokens(login_file(settings, key), clock, exchange)
