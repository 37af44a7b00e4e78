"""Local records about the access to Strava: the login, its state, the server's time and the calls that are left.

For `status`, `doctor`, `purge`, schedules and sensors. Nothing here makes a call, and nothing shows a token. The
registry finds `login_problem`, `login_files` and `forget` here.
"""

from collections.abc import Sequence
from pathlib import Path

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.setting_sources import env_file
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.ingest.login_file import traces_of
from strava_pipeline.ingest.strava.access import examine_claim, login_facts, make_budget, no_access_reason, revoked_at
from strava_pipeline.ingest.strava.oauth import StoredToken, token_store
from strava_pipeline.ingest.strava.subscriptions import subscription_path

__all__ = ["examine_claim", "login_facts", "revoked_at"]  # the registry calls these here, and this module's own

APPLICATION_SETTINGS = ("STRAVA_CLIENT_ID", "STRAVA_CLIENT_SECRET")


def login_state(settings: Settings) -> StoredToken:
    """The login on disk. Raises MissingSettingsError without one, PipelineError if it can't be read."""
    return token_store(settings).load()


def write_problem(settings: Settings) -> str | None:
    """Why nothing can be changed at Strava, for a person; None if possible or unknown."""
    try:
        may_write = login_state(settings).may_write
    except PipelineError:  # the login is missing or unreadable, which a call to Strava reports
        return None
    return "The login may only read. To allow changes: strava-pipeline auth --write" if may_write is False else None


def has_login(settings: Settings) -> bool:
    """Whether there is a login on disk, readable or not."""
    return token_store(settings).path.exists()


def access_problem(settings: Settings) -> str | None:
    """Why Strava can't be asked, for a person; None if a login exists and may be used."""
    if reason := no_access_reason(settings):
        return reason
    way = "start" if settings.client_id is None else "auth"
    return None if has_login(settings) else f"There is no login yet. Run `strava-pipeline {way}`."


def login_problem(settings: Settings) -> str | None:
    """Why a pull from Strava would fail, for a person, as far as known here; else None.

    More reasons than `access_problem`: also a refused or unreadable login, and a missing application.
    """
    if reason := access_problem(settings):
        return reason
    if settings.client_id is None or settings.client_secret is None:
        return f"STRAVA_CLIENT_ID and STRAVA_CLIENT_SECRET are not both set. Write them into {env_file()}."
    try:
        refused = login_state(settings).refused_at
    except PipelineError:  # whose text names the file
        return "The login of Strava can't be read: `strava-pipeline doctor` says what to do."
    if refused is None:
        return None
    return f"Strava refused the login on {refused:%Y-%m-%d %H:%M} UTC. Log in again: `strava-pipeline auth`."


def login_files(settings: Settings) -> Sequence[Path]:
    """The files of the login and of the webhook subscription."""
    return [token_store(settings).path, subscription_path(settings)]


def forget(settings: Settings) -> None:
    """Delete the login under its lock, which a waiting process makes again."""
    if any(traces_of(path) for path in login_files(settings)):
        token_store(settings).forget()


def login_owner(settings: Settings) -> int | None:
    """The athlete of the stored login, or None if there is none, or it does not say. Raises PipelineError if it can't be read."""
    return token_store(settings).load().athlete_id if has_login(settings) else None


def primed_clock(settings: Settings) -> ServerClock:
    """The system clock, corrected by the server time recorded by the last process that saw an answer."""
    clock = system_clock(settings)
    make_budget(settings, clock).remaining()
    return clock
