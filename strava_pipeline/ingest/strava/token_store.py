"""The login on disk: Strava's token answer as JSON, kept so that no crash and no second process loses it.

Only loading, saving and locking; `oauth.py` refreshes. Nothing here shows a token. A token of an emulator never leaves this
machine, and a real one is never withdrawn at an emulator.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from strava_pipeline.core.errors import ForbiddenError, MissingSettingsError, NeedsLoginError, PipelineError
from strava_pipeline.file_locks import exclusive
from strava_pipeline.ingest.secret_file import make_private_folder, save_secret, sync_private_folder, write_aside
from strava_pipeline.setting_values import is_this_machine
from strava_pipeline.settings import Settings

LOCK_TIMEOUT = 300  # seconds; a holder refreshes once, at worst three tries of 70 s
POLL = 0.02  # seconds between tries while another process refreshes
LOGIN = "strava-pipeline auth"
WRITES = "activity:write"  # the scope that `auth --write` alone asks for
EXPIRES_AT_LOCAL = "expires_at_local"  # a field of ours: `expires_at` by the clock of the machine that got the answer
_REFUSED_AT = "refused_at"  # a field of ours
EMULATOR_PREFIX = "emulator-"  # of every token and code of strava_pipeline.emulator


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A login. `raw` is the file's whole object: Strava's answer, with our `scope`, `athlete_id` and EXPIRES_AT_LOCAL."""

    raw: Mapping[str, Any] = field(repr=False)

    def __post_init__(self) -> None:
        if not _text(self.raw.get("refresh_token")):
            raise ValueError("a login needs a refresh_token")

    @property
    def refresh_token(self) -> str:
        """What buys a new access token."""
        return str(self.raw["refresh_token"])

    @property
    def access_token(self) -> str | None:
        """What the API accepts; None if it is still to be bought."""
        return _text(self.raw.get("access_token"))

    @property
    def expires_at(self) -> datetime | None:
        """When (UTC) the access token expires, if that is known."""
        return _moment(self.raw.get("expires_at"))

    @property
    def expires_at_local(self) -> datetime | None:
        """The same by this machine's clock, however wrong that is, if that is known."""
        return _moment(self.raw.get(EXPIRES_AT_LOCAL))

    @property
    def scope(self) -> str | None:
        """The scopes granted at login, separated by commas."""
        return _text(self.raw.get("scope"))

    @property
    def may_write(self) -> bool | None:
        """Whether the athlete allowed changes of activities and uploads; None: not known."""
        return None if self.scope is None else WRITES in self.scope.replace(",", " ").split()

    @property
    def athlete_id(self) -> int | None:
        """Whose login it is, if known."""
        athlete = self.raw.get("athlete")
        nested = athlete.get("id") if isinstance(athlete, dict) else None
        found = self.raw.get("athlete_id", nested)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def with_answer(self, answer: Mapping[str, Any]) -> "StoredToken":
        """This login after a token answer: the answer wins, what it doesn't mention stays."""
        kept = {name: value for name, value in self.raw.items() if name != _REFUSED_AT}
        return StoredToken({**kept, **answer})

    def refused(self, at: datetime) -> "StoredToken":
        """This login, marked as refused by Strava: it is kept, as a person may want to know whose it was."""
        return StoredToken({**self.raw, _REFUSED_AT: at.timestamp()})

    @property
    def refused_at(self) -> datetime | None:
        """When (UTC) Strava refused the refresh token; None: it did not."""
        return _moment(self.raw.get(_REFUSED_AT))


class TokenStore:
    """The token file (0600, its folder 0700) and the lock beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"TokenStore({self.path})"

    def load(self) -> StoredToken:
        """The login; MissingSettingsError if there is none yet, NeedsLoginError if the file is garbage."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            raise MissingSettingsError(f"no login yet ({self.path} does not exist): run {LOGIN}") from None
        except OSError as error:
            raise PipelineError(
                f"The login in {self.path} can't be read: {error.strerror}. Correct its permissions."
            ) from None
        try:
            return _parse(raw)
        except (ValueError, RecursionError):
            pass  # the original error would carry the file's content
        raise NeedsLoginError(f"{self.path} is not a login file any more; move it away and run {LOGIN}")

    def save(self, token: StoredToken) -> None:
        """Replace the file durably: whole before or whole after, whatever happens in between."""
        try:
            self._clear_up()
            save_secret(self.path, token.raw)
        except OSError as error:
            raise _unsaved(self.path, error) from None

    def forget(self) -> None:
        """Delete the login, what dead processes left of it, and the lock's file, which a process that waits creates again."""
        with self.lock():
            halves = self.path.parent.glob(f".{self.path.name}.*")
            for path in (*halves, self.path, self.path.with_name(f"{self.path.name}.lock")):
                path.unlink(missing_ok=True)
            sync_private_folder(self.path.parent)

    def probe(self, token: StoredToken | None = None) -> None:
        """Raise PipelineError if `save` would fail, which must be known before a token or a code is spent.

        `token`: the present login, if there is one; the new one will be about as long.
        """
        try:
            make_private_folder(self.path.parent)
            self._clear_up()
            write_aside(self.path, token.raw if token else {}).unlink()
        except OSError as error:
            raise _unsaved(self.path, error) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the login against other processes; re-entrant within a thread."""
        with ExitStack() as held:
            try:
                make_private_folder(self.path.parent)
                held.enter_context(exclusive(f"{self.path}.lock", timeout=LOCK_TIMEOUT, poll=POLL, mode=0o600))
            except OSError as error:
                raise _unsaved(self.path, error) from None
            yield

    def _clear_up(self) -> None:
        """Remove what a process that died under the lock left half written."""
        for left in self.path.parent.glob(f".{self.path.name}.*"):
            left.unlink(missing_ok=True)


def _parse(raw: bytes) -> StoredToken:
    value = json.loads(raw)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return StoredToken(value)


def _moment(value: object) -> datetime | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 10**11:
        return None
    return datetime.fromtimestamp(value, UTC)


def _text(value: object) -> str | None:
    """Text that can stand in a header; anything else counts as absent."""
    return value if isinstance(value, str) and value.isascii() and value.isprintable() and value else None


def _unsaved(path: Path, error: OSError) -> PipelineError:
    return PipelineError(
        f"The login can't be saved to {path}: {error.strerror}. Free some space or correct the folder's permissions."
    )


def token_store(settings: Settings) -> TokenStore:
    """Where the settings keep the login."""
    return TokenStore(settings.secrets_dir / "strava_token.json")


def is_loopback(url: str) -> bool:
    """Whether the address's host is this machine, by name or number."""
    return is_this_machine(urlsplit(url).hostname or "")


def keep_emulator_tokens_here(secret: str, url: str) -> None:
    """Raise ForbiddenError if a token, refresh token or code of an emulator is about to leave this machine."""
    if secret.startswith(EMULATOR_PREFIX) and not is_loopback(url):
        raise ForbiddenError(
            f"This login is an emulator's, but the settings point at {urlsplit(url).hostname}; nothing "
            "was sent. Set STRAVA_BASE_URL and STRAVA_API_URL to the emulator, or run strava-pipeline auth."
        )


def keep_real_tokens_from_emulator(secret: str, url: str) -> None:
    """Raise ForbiddenError if a login that is no emulator's is about to be withdrawn on this machine."""
    if not secret.startswith(EMULATOR_PREFIX) and is_loopback(url):
        raise ForbiddenError(
            f"This login is not an emulator's, but the settings point at {urlsplit(url).hostname}; nothing was sent. Set "
            "STRAVA_BASE_URL and STRAVA_API_URL to where it is from."
        )
