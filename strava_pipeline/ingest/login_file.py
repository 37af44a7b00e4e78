"""The login of any source on disk, and the one way of renewing its access token.

The file is its owner's alone, isn't a link, and is replaced atomically; a process that renews holds the lock next to
it, so that a waiting one finds the new token. The file's contents and the service's questions are each source's own.
Nothing here shows a token.
"""

import base64
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from strava_pipeline.core.errors import (
    LoginServiceError,
    MissingSettingsError,
    NeedsLoginError,
    PipelineError,
    TransientError,
)
from strava_pipeline.core.json_values import finite_number, object_of
from strava_pipeline.core.process import deferred_interrupts
from strava_pipeline.environment.file_locks import LockHeldError, exclusive, sync_folder
from strava_pipeline.environment.private_files import NotPrivateError, read_private
from strava_pipeline.ingest.calls import ATTEMPTS, retrying
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import NotSentError
from strava_pipeline.ingest.secret_file import make_private_folder, save_secret, write_aside

LOCK_TIMEOUT = 300  # seconds; a holder renews once, at worst three tries of 70 s
EXPIRES_AT_LOCAL = "expires_at_local"  # a field of ours: when the token ends, by the clock of the machine that got it
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredLogin:
    """A login. `raw` is the file's whole object; if it lacks a token that the class `needs`, ValueError is raised.

    A source's class says what its file needs, how it names the access token, and how long before its end a new one is
    fetched; for a short-lived one, a tenth of its life before. `goes_by_presumed_time`: before the first answer, a
    login without a local end is judged by the presumed server time; otherwise it is tried.
    """

    raw: Mapping[str, Any] = field(repr=False)
    needs: ClassVar[tuple[str, ...]] = ()
    token_name: ClassVar[str] = "access_token"
    renewed_before: ClassVar[timedelta] = timedelta(0)
    goes_by_presumed_time: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name in self.needs:
            if not is_token(self.raw.get(name)):
                raise ValueError(f"a login has a {name}")

    @property
    def access_token(self) -> str:
        """The token for the API; empty if it is still to be fetched."""
        return token_of(self.raw.get(self.token_name)) or ""

    @property
    def account(self) -> str | None:
        """The login's account at the service, or None if unknown."""
        found = self.raw.get("account")
        return found if isinstance(found, str) and found else None

    @property
    def expires_at(self) -> datetime | None:
        """When the access token ends, by the server's clock (UTC), or None if unknown."""
        return moment_of(self.raw.get("expires_at")) or moment_of(claims_of(self.access_token).get("exp"))

    @property
    def expires_at_local(self) -> datetime | None:
        """The same by this machine's clock, however wrong that is, or None if unknown."""
        return moment_of(self.raw.get(EXPIRES_AT_LOCAL))

    @property
    def early(self) -> timedelta:
        """How long before its end a new one is fetched."""
        began = moment_of(self.raw.get("received_at")) or moment_of(claims_of(self.access_token).get("iat"))
        ends = self.expires_at
        if ends is None or began is None or ends <= began:
            return self.renewed_before
        return min(self.renewed_before, (ends - began) / 10)


L = TypeVar("L", bound=StoredLogin)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFile(Generic[L]):
    """The file with a login (0600, in a folder 0700), and the lock next to it.

    Args:
        parse: the login in the file's object; raises ValueError for other objects.
        log_in: a person's action to log in again, as the end of a sentence.
        missing, damaged: the sentences for a missing file, and for one without a login.
        empty: replaces a login that is missing or damaged if a new one costs nothing, such as a token for a key.
            Storing such a login may
            fail, too. None: a person has to log in.
    """

    path: Path
    parse: Callable[[dict[str, Any]], L] = field(repr=False)
    log_in: str
    missing: str = ""
    damaged: str = ""
    empty: L | None = None

    def load(self) -> L:
        """The login. Raises MissingSettingsError if there is none yet, NeedsLoginError if the file can't be used."""
        found = self.find()
        if found is None:
            raise MissingSettingsError(self.missing)
        return found

    def find(self) -> L | None:
        """The login, or None if there is none yet. Raises NeedsLoginError if the file can't be used."""
        content = self._content()
        if content is None:
            return self.empty
        with suppress(ValueError):  # which would carry the file's content
            return parsed(content, self.parse)
        if self.empty is None:
            raise NeedsLoginError(self.damaged)
        return self.empty

    def save(self, login: L) -> None:
        """Replace the file durably: it is whole before and after, whatever happens in between."""
        with self.lock(), self._saving():
            self._clear_up()
            save_secret(self.path, login.raw)

    def probe(self, login: L | None = None) -> None:
        """Raise PipelineError if `save` would fail, which must be known before a token or a code is spent.

        `login`: the present one, or None; the new one will be about as long.
        """
        with self.lock(), self._saving():
            self._clear_up()
            write_aside(self.path, login.raw if login else {}).unlink()

    def forget(self) -> None:
        """Delete the login, dead processes' leftovers of it, and the lock's file, which a waiting process creates again."""
        with self.lock():
            for path in traces_of(self.path):
                path.unlink(missing_ok=True)
            sync_folder(self.path.parent)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the login against other processes; re-entrant within a thread."""
        with ExitStack() as held:
            with self._saving():
                make_private_folder(self.path.parent)
                held.enter_context(exclusive(f"{self.path}.lock", timeout=LOCK_TIMEOUT, mode=0o600))
            yield

    def _content(self) -> bytes | None:
        """The file's contents, which are closed to others; None without a file."""
        try:
            return read_private(self.path, is_ours=True)
        except FileNotFoundError:
            return None
        except NotPrivateError as error:
            raise NeedsLoginError(f"{error} Then {self.log_in}.") from None
        except OSError as error:
            if self.path.is_symlink():
                raise NeedsLoginError(
                    f"{self.path} is a link, and a login is not read through links. Remove the link, and {self.log_in}."
                ) from None
            raise NeedsLoginError(
                f"The login in {self.path} can't be read: {error.strerror}. Correct its permissions, or {self.log_in}."
            ) from None

    def _clear_up(self) -> None:
        """Refuse a link, and remove half written files of processes that died under the lock."""
        if self.path.is_symlink():
            raise PipelineError(
                f"The login can't be saved to {self.path}, which is a link. Remove the link, and {self.log_in}."
            )
        for left in halves_of(self.path):
            left.unlink(missing_ok=True)

    @contextmanager
    def _saving(self) -> Iterator[None]:
        try:
            yield
        except (OSError, LockHeldError) as error:
            if self.empty is not None:
                return
            if isinstance(error, LockHeldError):
                raise
            raise PipelineError(
                f"The login can't be saved to {self.path}: {error.strerror}. Free some space or correct the folder's permissions."
            ) from None


class AccessTokens(Generic[L]):
    """The access token of the stored login, renewed under the file's lock when it is about to end.

    Args:
        exchange: fetches the service's next login to replace the stored one, which may be dead from then on.
    """

    def __init__(self, file: LoginFile[L], clock: ServerClock, exchange: Callable[[L], L]) -> None:
        self._file, self._clock, self._exchange = file, clock, exchange
        self.current = file.load()

    def get(self) -> str:
        """An access token that is valid for some minutes."""
        return self.current.access_token if self._is_valid(self.current) else self.renew("")

    def renew(self, rejected: str) -> str:
        """Another token after a 401 to `rejected`: the stored one if it differs, else a fresh one."""
        return self._renewed(lambda stored: stored.access_token != rejected and self._is_valid(stored))

    def get_new(self) -> str:
        """A fresh token, regardless of the stored one."""
        return self._renewed(lambda _: False)

    def note_account(self, account: str) -> None:
        """Store the login's account, so that no later run asks for it. If the file can't be saved, only this run knows it."""
        self.current = self._file.parse({**self.current.raw, "account": account})
        with suppress(PipelineError), self._file.lock():
            stored = self._file.load()  # another process may have renewed it, or logged in
            if stored.access_token == self.current.access_token:
                self._file.save(self.current)

    def _renewed(self, may_stay: Callable[[L], bool]) -> str:
        with self._file.lock():
            stored = self._file.load()  # another process may have renewed it while this one waited
            if not may_stay(stored):
                self._file.probe(stored)
                is_spent = self._file.empty is None  # from here on the stored login may be dead
                with deferred_interrupts() if is_spent else nullcontext():
                    stored = self._exchange(stored)
                    self._file.save(stored)
            self.current = stored
        return stored.access_token

    def _is_valid(self, login: L) -> bool:
        """Whether the access token lasts for some minutes, by the server's clock; without a date, until a 401 says otherwise.

        Before this process's first answer, this machine's clock may be wrong by more than a token's life. Then it only
        measures how long ago the token came, if known.
        """
        ends, now = login.expires_at, self._clock.now()
        if not self._clock.synced and not (login.goes_by_presumed_time and login.expires_at_local is None):
            ends, now = login.expires_at_local, self._clock.local()
        return bool(login.access_token) and (ends is None or ends - now > login.early)


def exchanged(
    call: Callable[[bool], T],
    sleep: Callable[[float], None],
    log_in: str,
    kept: str,
    jitter: Callable[[], float] = random.random,
) -> T:
    """The result of `call` at a login service, retried if that may help. Its argument: whether an answer was lost before.

    `log_in`: as in `LoginFile`. `kept`: what no failure costs, as a sentence without its stop.
    """
    lost = False
    try:
        for attempt in retrying(jitter, sleep):
            with attempt:
                try:
                    return call(lost)
                except TransientError as error:
                    lost = lost or not isinstance(error, NotSentError)
                    raise
    except TransientError as error:  # else the call that needs the token would be tried again
        is_refused = error.status == 403  # nothing that is certain, so the login counts as alive
        advice = f"If it stays so, {log_in}" if is_refused else f"{kept}; run the same command again later."
        raise LoginServiceError(f"{error}, {ATTEMPTS} times. {advice}") from error
    raise AssertionError("tenacity either returns or raises")


def local_end(expires_at: datetime, clock: ServerClock) -> float:
    """When a token ends, in epoch seconds of this machine's clock, however wrong: for processes without an answer."""
    return (clock.local() + (expires_at - clock.now()) / clock.speed).timestamp()


def parsed(content: bytes, parse: Callable[[dict[str, Any]], T]) -> T:
    """The login in a file's bytes. Raises ValueError if they contain none."""
    try:
        value = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return parse(value)


def halves_of(path: Path) -> list[Path]:
    """Half written files of a login, from processes that died."""
    return sorted(path.parent.glob(f".{path.name}.*"))


def traces_of(path: Path) -> list[Path]:
    """All files of a login: the file itself, half written ones, and the lock's file."""
    every = [path, *halves_of(path), path.with_name(f"{path.name}.lock")]
    return [found for found in every if found.exists() or found.is_symlink()]


def is_token(value: object) -> bool:
    """Whether it is text that fits into a header."""
    return token_of(value) is not None


def token_of(value: object) -> str | None:
    """Text that fits into a header; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and value.strip():
        return value
    return None


def claims_of(token: str) -> Mapping[str, Any]:
    """The claims of a JWT; {} for any other token. The signature is the service's to check."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        return object_of(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}


def moment_of(value: object) -> datetime | None:
    """The instant (UTC) of a number of seconds since 1970; None for anything else."""
    seconds = finite_number(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and 0 <= seconds < 10**11 else None
