"""Garmin's login on disk and how it is renewed: an access token for a day or so, and a refresh token that works once.

The file has the names that garminconnect gives it, so that a file of that program can be taken over, and fields of ours. A
new refresh token is on disk before the access token that came with it is used: the old one is dead by then. Nothing here
shows a token, and no error holds an answer's text, which may.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import (
    LoginServiceError,
    MissingSettingsError,
    NeedsLoginError,
    PipelineError,
    TransientError,
)
from strava_pipeline.core.json_values import finite_number
from strava_pipeline.core.process import deferred_interrupts
from strava_pipeline.file_locks import exclusive
from strava_pipeline.ingest.calls import ATTEMPTS, retrying
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.keys import FIRST_KEY
from strava_pipeline.ingest.garmin.token_values import claims_of, is_token, moment_of, object_of
from strava_pipeline.ingest.http import Exchange, NotSentError, Wire
from strava_pipeline.ingest.secret_file import make_private_folder, save_secret, write_aside
from strava_pipeline.settings import Settings

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
EARLY = timedelta(minutes=15)  # as the app does; of a token that lives for less than 150 minutes, a tenth of its life
LOCK_TIMEOUT = 300  # seconds; a holder refreshes once, at worst three tries of 70 s
_ACCESS, _REFRESH, _CLIENT = "di_token", "di_refresh_token", "di_client_id"
_EXPIRES, _EXPIRES_HERE, _ACCOUNT = "expires_at", "expires_at_local", "account"  # fields of ours
_GARTH = ("oauth1_token.json", "oauth2_token.json")


@dataclass(frozen=True, slots=True)
class Tokens:
    """A login as it stands in the file. Raises ValueError where the object is none."""

    raw: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        for name in (_ACCESS, _REFRESH):
            if not is_token(self.raw.get(name)):
                raise ValueError(f"a login has a {name}")

    @property
    def access(self) -> str:
        return str(self.raw[_ACCESS])

    @property
    def refresh(self) -> str:
        return str(self.raw[_REFRESH])

    @property
    def client_id(self) -> str:
        """The app that the tokens are of."""
        found = self.raw.get(_CLIENT)
        return found if isinstance(found, str) and is_token(found) else CLIENT_ID

    @property
    def account(self) -> str | None:
        """The account's number at Garmin, if it was asked for since the login."""
        found = self.raw.get(_ACCOUNT)
        return found if isinstance(found, str) and found else None

    def with_account(self, account: str) -> "Tokens":
        return Tokens({**self.raw, _ACCOUNT: account})

    @property
    def life(self) -> tuple[datetime | None, timedelta]:
        """When the access token expires (UTC; None: unknown), and how long before that another one is got."""
        claims = claims_of(self.access)
        ends = moment_of(claims.get("exp")) or moment_of(self.raw.get(_EXPIRES))
        began = moment_of(claims.get("iat"))
        return ends, min(EARLY, (ends - began) / 10) if ends and began and ends > began else EARLY

    @property
    def expires_here(self) -> datetime | None:
        """The same by this machine's clock, however wrong that is; None: not known."""
        return moment_of(self.raw.get(_EXPIRES_HERE))


class TokenFile:
    """The file with the login (0600, in a folder 0700), and the lock beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Tokens:
        """The login. Raises MissingSettingsError where there is none yet, NeedsLoginError where the file is none."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "rb") as file:
                raw = file.read(1_000_000)  # a login has some kilobytes
        except FileNotFoundError:
            raise MissingSettingsError(f"There is no login to Garmin Connect yet. {FIRST_KEY}.") from None
        except IsADirectoryError:
            raise NeedsLoginError(_folder_in_place(self.path)) from None
        except OSError as error:
            if self.path.is_symlink():
                raise NeedsLoginError(
                    f"{self.path} is a link, and a login is not read through links. Remove the link, and {LOGIN}."
                ) from None
            raise NeedsLoginError(
                f"The login in {self.path} can't be read: {error.strerror}. Correct its permissions, or {LOGIN}."
            ) from None
        try:
            return parse_tokens(raw)
        except ValueError:
            pass  # the original error would carry the file's content
        raise NeedsLoginError(f"{self.path} is no login to Garmin Connect. Move it away, and {LOGIN}.")

    def save(self, tokens: Tokens) -> None:
        """Replace the file durably: it is whole before and after, whatever happens in between."""
        try:
            self._refuse_link()
            for left in self.path.parent.glob(f".{self.path.name}.*"):
                left.unlink(missing_ok=True)  # what a process that died under the lock left half written
            save_secret(self.path, tokens.raw)
        except OSError as error:
            raise self._unsaved(error) from None

    def probe(self, tokens: Tokens) -> None:
        """Raise PipelineError if `save` would fail, which must be known before the refresh token is used up."""
        try:
            self._refuse_link()
            make_private_folder(self.path.parent)
            write_aside(self.path, tokens.raw).unlink()
        except OSError as error:
            raise self._unsaved(error) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the login against other processes; re-entrant within a thread."""
        with ExitStack() as held:
            try:
                make_private_folder(self.path.parent)
                held.enter_context(exclusive(f"{self.path}.lock", timeout=LOCK_TIMEOUT, mode=0o600))
            except OSError as error:
                raise self._unsaved(error) from None
            yield

    def _refuse_link(self) -> None:
        if self.path.is_symlink():
            raise PipelineError(
                f"The login can't be saved to {self.path}, which is a link. Remove the link, and {LOGIN}."
            )

    def _unsaved(self, error: OSError) -> PipelineError:
        return PipelineError(
            f"The login can't be saved to {self.path}: {error.strerror}. Free some space or correct the folder's permissions."
        )


class AccessTokens:
    """The stored login's access token, renewed under the file's lock when it is about to expire.

    Args:
        url: the address of the token service.
        refused: the error of a 403, 427 or 429 there: how long nothing is to be asked.
    """

    def __init__(
        self,
        file: TokenFile,
        url: str,
        wire: Wire,
        clock: ServerClock,
        jitter: Callable[[], float],
        refused: Callable[[str, Exchange], PipelineError],
    ) -> None:
        self._file, self._url, self._wire, self._clock, self._jitter = file, url, wire, clock, jitter
        self._refused = refused
        self.current = file.load()

    def get(self) -> str:
        """An access token that is valid for some minutes."""
        return self.current.access if self._is_valid(self.current) else self._renewed(None)

    def renew(self, rejected: str) -> str:
        """Another token after a 401 to `rejected`: the stored one if it differs, else a fresh one."""
        return self._renewed(rejected)

    def note_account(self, account: str) -> None:
        """Keep whose login it is, so that no later run asks for it. Where the file can't be saved, this run alone knows it."""
        self.current = self.current.with_account(account)
        with suppress(PipelineError), self._file.lock():
            if self._file.load().access == self.current.access:  # another process may have renewed it, or logged in
                self._file.save(self.current)

    def _renewed(self, rejected: str | None) -> str:
        with self._file.lock():
            stored = self._file.load()  # another process may have renewed it while this one waited
            if stored.access == rejected or not self._is_valid(stored):
                self._file.probe(stored)
                with deferred_interrupts():  # from here on the old refresh token may be dead
                    stored = self._bought(stored)
                    self._file.save(stored)
            self.current = stored
        return stored.access

    def _bought(self, stored: Tokens) -> Tokens:
        lost = False
        try:
            for attempt in retrying(self._jitter, self._clock.sleep):
                with attempt:
                    try:
                        return self._buy(stored, lost)
                    except TransientError as error:
                        lost = lost or not isinstance(error, NotSentError)
                        raise
        except TransientError as error:  # else the call that needs the token would be tried again
            raise LoginServiceError(
                f"{error}, {ATTEMPTS} times. The login is kept; run the same command again later."
            ) from error
        raise AssertionError("tenacity either returns or raises")

    def _buy(self, stored: Tokens, lost: bool) -> Tokens:
        form = {"grant_type": "refresh_token", "client_id": stored.client_id, "refresh_token": stored.refresh}
        exchange = self._wire.send(
            "POST", f"{self._url}{TOKEN_PATH}", form=form, basic=(stored.client_id, ""), headers=HEADERS
        )
        self._clock.learn(exchange.headers, elapsed=exchange.seconds)
        status, answer = exchange.status, object_of(exchange.body)
        if status == 200 and is_token(answer.get("access_token")):
            return self._with_answer(stored, answer)
        name = "Garmin's login service"
        if status == 200 or status >= 500 or status == 408:
            raise TransientError(f"{name} answered {status} without a token", status=status)
        if status in (403, 427, 429):
            raise self._refused(f"POST {TOKEN_PATH}", exchange)
        if 300 <= status < 400:
            raise PipelineError(
                f"{name} answered with a redirect ({status}), not followed. Either this network asks for a login of its "
                "own, in a browser, or GARMIN_AUTH_URL is wrong."
            )
        why = " An answer was lost just before; it may have held the next refresh token." if lost else ""
        raise NeedsLoginError(
            f"{name} does not accept the login any more ({status}): it was used elsewhere, or not for a month.{why} "
            f"Please {LOGIN}."
        )

    def _with_answer(self, stored: Tokens, answer: Mapping[str, Any]) -> Tokens:
        new = {**stored.raw, _ACCESS: answer["access_token"]}
        if is_token(answer.get("refresh_token")):
            new[_REFRESH] = answer["refresh_token"]
        for name in (_EXPIRES, _EXPIRES_HERE):
            new.pop(name, None)
        lasts = finite_number(answer.get("expires_in"))
        if lasts is not None and lasts > 0:
            new[_EXPIRES] = (self._clock.now() + timedelta(seconds=min(lasts, 1e9))).timestamp()
        ends, _ = Tokens(new).life
        if ends is not None:
            left = (ends - self._clock.now()) / self._clock.speed
            new[_EXPIRES_HERE] = (self._clock.local() + left).timestamp()
        return Tokens(new)

    def _is_valid(self, tokens: Tokens) -> bool:
        """Whether the access token lasts for some minutes, by the server's clock; without a date, until a 401 says otherwise.

        Before this process had an answer, this machine's clock may be wrong by more than a token's life. It then only
        measures how long ago the token came, where that is known.
        """
        (ends, early), now = tokens.life, self._clock.now()
        if not self._clock.synced:
            ends, now = tokens.expires_here, self._clock.local()
        return ends is None or ends - now > early


def tokens_file(settings: Settings) -> Path:
    """Where the settings keep the login."""
    return settings.garmin_tokens_file or settings.secrets_dir / "garmin_tokens.json"


def parse_tokens(raw: bytes) -> Tokens:
    """The login in a file's bytes. Raises ValueError where they hold none."""
    try:
        value = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return Tokens(value)


def is_garth_folder(path: Path) -> bool:
    """Whether a folder is one of garth, whose logins no longer work."""
    return path.is_dir() and any((path / name).exists() for name in _GARTH)


def _folder_in_place(path: Path) -> str:
    if is_garth_folder(path):
        return f"{path} is a login of garth, which Garmin no longer accepts. Move it away, and {LOGIN}."
    return f"{path} is a folder, and not a login to Garmin Connect. Move it away, and {LOGIN}."
