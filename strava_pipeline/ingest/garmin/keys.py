"""The key of Garmin's official API for persons: where it is found, how it is stored, and when it ends.

A key is made by its owner at Garmin, is shown once and lives for a year at most; no call tells when it ends, so the day
is stored with it. Nothing is sent here, and nothing here shows a key.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeGuard

from strava_pipeline.core.errors import NeedsLoginError
from strava_pipeline.environment.private_files import NotPrivateError, read_private
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.login_file import LoginFile, StoredLogin, is_token

KEY_PAGE = "https://connect.garmin.com/app/settings/personalApiToken"
KEY_SETTING = "GARMIN_PERSONAL_API_KEY"
LOGIN_BY_KEY = "strava-pipeline providers login garmin --key"
FIRST_KEY = f"Make a key at {KEY_PAGE}, and run {LOGIN_BY_KEY}"
NEW_KEY = f"Make a new key at {KEY_PAGE}, and run {LOGIN_BY_KEY}"
TYPED = "this login"  # the place of a key that a person has just typed, who is asked again
_NO_KEY = f"holds no key of Garmin's. {NEW_KEY}."
CLIENTS_FILE = Path(".config/garmin/connect-personal-api-key")  # of Garmin's own client, in the home folder


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `place`: where it was found; `ends_on`: the last day on which it works, if its owner said so."""

    value: str = field(repr=False)
    place: str
    ends_on: date | None = None


def key_file(settings: Settings) -> Path:
    """Where a login by key is kept."""
    return settings.secrets_dir / "garmin_personal_key.json"


def find_key(settings: Settings) -> Key | None:
    """The key of the setting, or of the login, or of Garmin's own client; None without one.

    Raises NeedsLoginError for a file without a usable key.
    """
    found = settings.secret(KEY_SETTING)
    value = "" if found is None else found.get_secret_value()
    if value and not is_placeholder(value):
        return Key(_checked(value, f"The setting {KEY_SETTING}"), f"the setting {KEY_SETTING}")
    return _saved_key(settings) or _clients_key(settings)


def save_key(settings: Settings, value: str, ends_on: date | None) -> None:
    """Keep a key for its owner alone."""
    login = {"key": value, "ends_on": None if ends_on is None else ends_on.isoformat()}
    login_file(settings).save(KeptKey(login))


def is_key(value: object) -> TypeGuard[str]:
    """Whether it can be a key: text that fits into a header."""
    return isinstance(value, str) and is_token(value) and " " not in value


def is_placeholder(value: str) -> bool:
    """Whether a text is an unfilled variable's name."""
    return value.startswith("${") and value.endswith("}")


class KeptKey(StoredLogin):
    """A key as a login stores it."""

    def __post_init__(self) -> None:
        if not is_key(self.raw.get("key")):
            raise ValueError("a login has a key")

    @property
    def ends_on(self) -> date | None:
        """The last day on which it works, if its owner said so."""
        with suppress(KeyError, TypeError, ValueError):
            return date.fromisoformat(self.raw["ends_on"])
        return None


def login_file(settings: Settings) -> LoginFile[KeptKey]:
    """The file of a login by key."""
    path = key_file(settings)
    damaged = f"{path} {_NO_KEY}"
    return LoginFile(path=path, parse=KeptKey, log_in=f"run {LOGIN_BY_KEY}", damaged=damaged)


def _saved_key(settings: Settings) -> Key | None:
    kept, path = login_file(settings).find(), key_file(settings)
    return None if kept is None else Key(kept.raw["key"], str(path), kept.ends_on)


def _clients_file(settings: Settings) -> Path | None:
    # with several athletes the home folder belongs to none of them
    if settings.garmin_personal_api_key_file or settings.athlete_folder:
        return settings.garmin_personal_api_key_file
    with suppress(RuntimeError):  # a user without a home, as in some containers
        return Path.home() / CLIENTS_FILE
    return None


def _clients_key(settings: Settings) -> Key | None:
    path = _clients_file(settings)
    if path is None:
        return None
    try:
        value = read_private(path).decode("utf-8", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except NotPrivateError as error:
        raise NeedsLoginError(str(error)) from None
    except OSError as error:
        raise NeedsLoginError(
            f"The key in {path} can't be read: {error.strerror}. Correct its permissions, or run {LOGIN_BY_KEY}."
        ) from None
    return Key(_checked(value, str(path)), str(path)) if value and not is_placeholder(value) else None


def _checked(value: str, place: str) -> str:
    if is_key(value):
        return value
    raise NeedsLoginError(f"{place} {_NO_KEY}")
