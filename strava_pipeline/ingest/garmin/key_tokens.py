"""The access tokens of a key: one is got for the key, lasts for a day, and serves all runs until an hour before its end.

Nothing is used up by that, so a token that was lost or deleted costs a call. The file with the token also says whose it is.
No log and no error holds a key, a token or an answer that may hold one.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import LoginServiceError, NeedsLoginError, PipelineError, TransientError
from strava_pipeline.ingest.calls import ATTEMPTS, retrying
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.keys import NEW_KEY, Key, is_key
from strava_pipeline.ingest.garmin.service import TITLE
from strava_pipeline.ingest.garmin.token_values import claims_of, moment_of, object_of
from strava_pipeline.ingest.http import Exchange, Wire
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.ingest.service_client import Answer, ServiceClient
from strava_pipeline.settings import Settings

TOKEN_PATH = "/personalapitoken-service/personal-api/personal-api-key/token"
LIFE = timedelta(hours=24)  # of a token that does not say it; as Garmin documents it
EARLY = timedelta(
    hours=1
)  # before its end a token is renewed, as Garmin's own client does; of a short one, a tenth of its life
SHORT = timedelta(hours=23)  # a token that lives for less ends with its key
UNSAID = timedelta(seconds=2)  # the pause after a 429 that names none, doubled each time


@dataclass(frozen=True, slots=True)
class KeyToken:
    """An access token as it is kept.

    Args:
        got_at, ends_at: by the server's clock (UTC).
        account: the account's number, if it was asked for.
    """

    value: str = field(repr=False)
    got_at: datetime
    ends_at: datetime
    account: str | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it lasts for some minutes."""
        return self.ends_at - now > min(EARLY, (self.ends_at - self.got_at) / 10)


def token_file(settings: Settings) -> Path:
    """Where the token of the key is kept."""
    return settings.secrets_dir / "garmin_personal_token.json"


def load_token(path: Path, fingerprint: str) -> KeyToken | None:
    """The token that is kept for a key; None: there is none."""
    try:
        kept = object_of(path.read_bytes())
    except OSError:
        return None
    value, account = kept.get("access_token"), kept.get("account")
    got_at, ends_at = moment_of(kept.get("received_at")), moment_of(kept.get("expires_at"))
    if kept.get("fingerprint") != fingerprint or not isinstance(value, str) or not is_key(value):
        return None
    if got_at is None or ends_at is None:
        return None
    return KeyToken(value, got_at, ends_at, account if isinstance(account, str) else None)


def fingerprint_of(key: Key, base_url: str) -> str:
    """What says of a token which key it is of, and of which host."""
    return hashlib.sha256(f"{base_url}\0{key.value}".encode()).hexdigest()


def end_of_key(settings: Settings, key: Key) -> date | None:
    """The day on which a key ends, where its token tells: one that lives for less than a day ends with its key."""
    token = load_token(token_file(settings), fingerprint_of(key, settings.garmin_personal_api_base_url))
    claims = {} if token is None else claims_of(token.value)
    began, ends = moment_of(claims.get("iat")), moment_of(claims.get("exp"))
    return ends.date() if began is not None and ends is not None and ends - began < SHORT else None


class KeyExchange(ServiceClient):
    """The call that gives a token for a key. Args: as of `ServiceClient`."""

    def __init__(
        self, base_url: str, key: Key, wire: Wire, clock: ServerClock, jitter: Callable[[], float], on_wait: OnWait
    ) -> None:
        headers = {"Accept": "*/*", "Authorization": f"ApiKey {key.value}"}
        super().__init__(
            TITLE, base_url, wire, clock, jitter, login=f"{NEW_KEY}.", unsaid=UNSAID, headers=headers, on_wait=on_wait
        )
        self.key, self.base_url = key, base_url
        self._is_forbidden = False

    def token(self) -> KeyToken:
        """A new token. Raises NeedsLoginError where the key is refused, LoginServiceError, LimitReachedError."""
        try:
            for attempt in retrying(self._jitter, self._pause):
                with attempt:
                    return self._token_in(self._write_once("POST", TOKEN_PATH, {}))
        except TransientError as error:  # else the call that needs the token would be tried again
            raise LoginServiceError(
                f"{error}, {ATTEMPTS} times. The key is kept; run the same command again later."
            ) from None
        raise AssertionError("tenacity either returns or raises")

    def _token_in(self, answer: Answer) -> KeyToken:
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
        return KeyToken(text, now, ends_at if ends_at is not None and ends_at > now else now + LIFE)

    def _sorted(
        self, name: str, exchange: Exchange, check: Callable[[Any], str | None] | None, *, is_json: bool
    ) -> Answer:
        status, was_forbidden = exchange.status, self._is_forbidden
        self._is_forbidden = status == 403
        if status == 403 and not was_forbidden:  # no certain word about the key
            raise TransientError(f"{name}: {TITLE} refuses for now (403)", status=status)
        if status in (400, 401, 403):
            raise NeedsLoginError(
                f"{TITLE} does not accept the key of {self.key.place} ({status}): it is wrong, expired or deleted. {NEW_KEY}."
            )
        if status >= 500 or status == 408:
            raise TransientError(f"{name}: {TITLE} answered {status}", status=status)
        raise PipelineError(
            f"{name}: {TITLE} answered {status} to a key. Either this network asks for a login of its own, in a browser, or "
            "GARMIN_PERSONAL_API_BASE_URL is wrong."
        )


class KeyTokens:
    """The token of a key, as it is kept or newly got. `path`: the file that keeps it."""

    def __init__(self, exchange: KeyExchange, path: Path) -> None:
        self._exchange, self._path = exchange, path
        self._fingerprint = fingerprint_of(exchange.key, exchange.base_url)
        self._current = load_token(path, self._fingerprint)

    @property
    def account(self) -> str | None:
        """The account's number, if it was asked for with this key."""
        return None if self._current is None else self._current.account

    def get(self) -> str:
        """A token that is valid for some minutes."""
        if self._current is not None and self._current.is_valid(self._exchange.clock.now()):
            return self._current.value
        return self.get_new()

    def renew(self, rejected: str) -> str:
        """Another token after a 401 to `rejected`."""
        return self.get_new()

    def note_account(self, account: str) -> None:
        """Keep whose key it is, so that no later run asks for it."""
        if self._current is not None:
            self._keep(self._current, account)

    def get_new(self) -> str:
        """A token in place of the one that is kept."""
        account = self.account
        self._keep(self._exchange.token(), account)
        assert self._current is not None, "it was just got"
        return self._current.value

    def _keep(self, token: KeyToken, account: str | None) -> None:
        self._current = KeyToken(token.value, token.got_at, token.ends_at, account)
        with suppress(OSError):  # the next run then gets a token of its own
            save_secret(
                self._path,
                {
                    "fingerprint": self._fingerprint,
                    "access_token": token.value,
                    "received_at": token.got_at.timestamp(),
                    "expires_at": token.ends_at.timestamp(),
                    "account": account,
                },
            )
