"""The key of Garmin's official API for persons: where it is found, how it is kept, and when it ends.

A key is made by its owner at Garmin, is shown once and lives for a year at most; no call tells when it ends, so the day stands
beside it. Nothing is sent here, and nothing here shows a key.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from strava_pipeline.core.errors import NeedsLoginError
from strava_pipeline.ingest.garmin.token_values import is_token, object_of
from strava_pipeline.ingest.secret_file import save_secret
from strava_pipeline.settings import Settings

KEY_PAGE = "https://connect.garmin.com/app/settings/personalApiToken"
KEY_SETTING = "GARMIN_PERSONAL_API_KEY"
LOGIN_BY_KEY = "strava-pipeline providers login garmin --key"
FIRST_KEY = f"Make a key at {KEY_PAGE}, and run {LOGIN_BY_KEY}"
NEW_KEY = f"Make a new key at {KEY_PAGE}, and run {LOGIN_BY_KEY}"
CLIENTS_FILE = Path(".config/garmin/connect-personal-api-key")  # of Garmin's own client, in the home folder


@dataclass(frozen=True, slots=True)
class Key:
    """A key. `place`: where it was found; `ends_on`: the last day on which it works, where its owner said so."""

    value: str = field(repr=False)
    place: str
    ends_on: date | None = None


def key_file(settings: Settings) -> Path:
    """Where a login by key is kept."""
    return settings.secrets_dir / "garmin_personal_key.json"


def find_key(settings: Settings) -> Key | None:
    """The key of the setting, or that of the login, or that of Garmin's own client; None: there is none.

    Raises NeedsLoginError for a file that holds no usable key.
    """
    found = settings.secret(KEY_SETTING)
    value = "" if found is None else found.get_secret_value()
    if value and not is_placeholder(value):
        return Key(_checked(value, f"The setting {KEY_SETTING}"), f"the setting {KEY_SETTING}")
    return _saved_key(key_file(settings)) or _clients_key(settings)


def save_key(settings: Settings, value: str, ends_on: date | None) -> None:
    """Keep a key for its owner alone. Raises OSError."""
    save_secret(key_file(settings), {"key": value, "ends_on": None if ends_on is None else ends_on.isoformat()})


def is_key(value: str) -> bool:
    """Whether a text can be a key: it goes into a header."""
    return is_token(value) and " " not in value


def is_placeholder(value: str) -> bool:
    """Whether a text is a variable's name that nothing filled in."""
    return value.startswith("${") and value.endswith("}")


def _saved_key(path: Path) -> Key | None:
    raw = _read(path)
    if raw is None:
        return None
    said = object_of(raw)
    ends_on: date | None = None
    with suppress(TypeError, ValueError):
        ends_on = date.fromisoformat(said["ends_on"]) if said.get("ends_on") else None
    return Key(_checked(said.get("key"), str(path)), str(path), ends_on)


def _clients_key(settings: Settings) -> Key | None:
    path = settings.garmin_personal_api_key_file
    if path is None:
        try:
            path = Path.home() / CLIENTS_FILE
        except RuntimeError:  # a user without a home, as in some containers
            return None
    raw = _read(path)
    value = "" if raw is None else raw.decode("utf-8", "replace").strip()
    return Key(_checked(value, str(path)), str(path)) if value and not is_placeholder(value) else None


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(100_000)  # a key has some hundred characters
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NeedsLoginError(
            f"The key in {path} can't be read: {error.strerror}. Correct its permissions, or run {LOGIN_BY_KEY}."
        ) from None


def _checked(value: object, place: str) -> str:
    if isinstance(value, str) and is_key(value):
        return value
    raise NeedsLoginError(f"{place} holds no key of Garmin's. {NEW_KEY}.")
