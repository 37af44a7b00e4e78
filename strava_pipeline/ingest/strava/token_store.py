"""The login as Strava's token answer, and where it is kept (`login_file.py`); `oauth.py` gets and renews it.

Nothing here shows a token. A token of an emulator never leaves this machine, and a real one is never withdrawn at an emulator.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from strava_pipeline.core.errors import ForbiddenError
from strava_pipeline.environment.setting_values import is_this_machine
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.login_file import LoginFile, StoredLogin
from strava_pipeline.ingest.token_values import moment_of, token_of

LOGIN = "strava-pipeline auth"
LOG_IN = f"run {LOGIN}"
WRITES = "activity:write"  # the scope that `auth --write` alone asks for
_REFUSED_AT = "refused_at"  # a field of ours
EMULATOR_PREFIX = "emulator-"  # of every token and code of strava_pipeline.emulator


class StoredToken(StoredLogin):
    """Strava's answer, with our `scope`, `athlete_id` and EXPIRES_AT_LOCAL."""

    needs = ("refresh_token",)
    goes_by_presumed_time = True  # a call that is refused is a call
    renewed_before = timedelta(minutes=5)  # longer than any call takes, far less than the six hours a token lives

    @property
    def refresh_token(self) -> str:
        """Buys a new access token."""
        return str(self.raw["refresh_token"])

    @property
    def scope(self) -> str | None:
        """The scopes granted at login, separated by commas."""
        return token_of(self.raw.get("scope"))

    @property
    def may_write(self) -> bool | None:
        """Whether the athlete allowed changes of activities and uploads, or None if unknown."""
        return None if self.scope is None else WRITES in self.scope.replace(",", " ").split()

    @property
    def athlete_id(self) -> int | None:
        """The login's athlete, if known."""
        athlete = self.raw.get("athlete")
        nested = athlete.get("id") if isinstance(athlete, dict) else None
        found = self.raw.get("athlete_id", nested)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def with_answer(self, answer: Mapping[str, Any]) -> "StoredToken":
        """This login after a token answer: the answer wins, fields that it lacks stay."""
        kept = {name: value for name, value in self.raw.items() if name != _REFUSED_AT}
        return StoredToken({**kept, **answer})

    def refused(self, at: datetime) -> "StoredToken":
        """This login, marked as refused by Strava: it is kept, because a person may want to know whose it was."""
        return StoredToken({**self.raw, _REFUSED_AT: at.timestamp()})

    @property
    def refused_at(self) -> datetime | None:
        """When (UTC) Strava refused the refresh token, or None."""
        return moment_of(self.raw.get(_REFUSED_AT))


def token_store(settings: Settings) -> LoginFile[StoredToken]:
    """The login's file."""
    path = settings.secrets_dir / "strava_token.json"
    return LoginFile(
        path=path,
        parse=StoredToken,
        log_in=LOG_IN,
        missing=f"no login yet ({path} does not exist): {LOG_IN}",
        damaged=f"{path} is not a login file any more; move it away and {LOG_IN}",
    )


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
    """Raise ForbiddenError if a login that isn't an emulator's is about to be withdrawn on this machine."""
    if not secret.startswith(EMULATOR_PREFIX) and is_loopback(url):
        raise ForbiddenError(
            f"This login is not an emulator's, but the settings point at {urlsplit(url).hostname}; nothing was sent. Set "
            "STRAVA_BASE_URL and STRAVA_API_URL to where it is from."
        )
