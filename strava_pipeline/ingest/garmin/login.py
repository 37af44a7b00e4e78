"""A person's login to Garmin: with garminconnect if it is installed, or with a file of tokens that it made elsewhere.

Garmin's login is made for its own apps: garminconnect, which imitates them, is the only part of this package that
changes every week or two. It is imported only here, asks Garmin itself, and stores nothing; e-mail and password go
nowhere else.
"""

import importlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from strava_pipeline.core.errors import MissingSettingsError, MisuseError, NeedsLoginError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.service import refusals_file
from strava_pipeline.ingest.garmin.tokens import Tokens, is_garth_folder, login_file
from strava_pipeline.ingest.login_file import parsed
from strava_pipeline.ingest.provider import LoginRequest

LIBRARY = "garminconnect"
_NEEDS_CODE = "needs_mfa"
_HOW = "strava-pipeline providers login garmin --tokens FILE takes over a garmin_tokens.json that garminconnect made elsewhere"


def login(settings: Settings, _: ServerClock, request: LoginRequest) -> None:
    """Get a login, from a file or from Garmin itself, and save it for its owner alone.

    Raises MisuseError for a file without a login, MissingSettingsError if garminconnect is needed and not installed,
    NeedsLoginError if Garmin refuses.
    """
    request.say(
        "This is the unofficial way, by the API of Garmin's own app; the official one is `providers login garmin --key`."
    )
    tokens = _taken_over(request.tokens) if request.tokens is not None else _asked_for(settings, request)
    login_file(settings).save(tokens)
    refusals_file(settings).unlink(missing_ok=True)


def _taken_over(path: Path) -> Tokens:
    if is_garth_folder(path) or path.name in ("oauth1_token.json", "oauth2_token.json"):
        raise MisuseError(
            f"{path} is a login of garth, which Garmin no longer accepts since March 2026. Log in with garminconnect 0.3.20 "
            "or newer; it makes a garmin_tokens.json."
        )
    try:
        return parsed(path.read_bytes(), Tokens)
    except OSError as error:
        raise MisuseError(f"{path} can't be read: {error.strerror}.") from None
    except ValueError:
        pass  # the original error would carry the file's content
    raise MisuseError(
        f"{path} is no login of garminconnect: that is a JSON object with di_token, di_refresh_token and di_client_id."
    )


def _asked_for(settings: Settings, request: LoginRequest) -> Tokens:
    try:
        library: Any = importlib.import_module(LIBRARY)
    except ImportError:
        raise MissingSettingsError(
            "To log in to Garmin from here, install garminconnect, which needs Python 3.12 or newer: "
            f"pip install 'strava_pipeline[garmin]'. With an older Python, {_HOW}."
        ) from None
    email, password = request.ask("E-mail at Garmin").strip(), request.ask_secret("Password")
    request.say("Asking Garmin; it may take a minute, because garminconnect tries several ways and waits in between.")
    is_chinese = (urlsplit(settings.garmin_api_url).hostname or "").endswith(".cn")
    try:
        garmin = library.Garmin(email, password, is_cn=is_chinese, return_on_mfa=True)
        state = garmin.login()
        if isinstance(state, tuple) and state and state[0] == _NEEDS_CODE:
            garmin.resume_login(state[1], request.ask("Code that Garmin sent you").strip())
        said = garmin.client.dumps()
    except Exception as error:  # noqa: BLE001 - of whatever kind the library raises; its text may hold a token
        failure = NeedsLoginError(_refused(error))
    else:
        return _of_library(said)
    raise failure


def _of_library(said: Any) -> Tokens:
    try:
        return parsed(said.encode() if isinstance(said, str) else b"", Tokens)
    except ValueError:
        pass
    raise NeedsLoginError("garminconnect logged in and gave no tokens. Update it and try again.")


def _refused(error: Exception) -> str:
    kind = type(error).__name__
    if "TooManyRequests" in kind:
        return "Garmin lets nobody log in from here for now (429). Every further try prolongs that: wait some hours."
    if "Authentication" in kind:
        return "Garmin does not accept this e-mail, password or code."
    return f"The login at Garmin failed ({kind}). Try again later, or update garminconnect."
