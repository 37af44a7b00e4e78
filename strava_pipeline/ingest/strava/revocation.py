"""Access that was taken away or given back: whether a login still works, withdrawing it, and the note that it is gone.

A webhook event only claims that the access is gone, so the login is tried. The data then has to be deleted: `purge`.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.errors import NeedsLoginError, WrongApplicationError
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.strava.oauth import AccessTokens, make_oauth
from strava_pipeline.ingest.strava.token_store import token_store
from strava_pipeline.settings import Settings

_PURGED = ".purged"  # lake/paths.py: what a purge is deleting; a call made now would bring some of it back


def examine_claim(settings: Settings, claimed_at: datetime, clock: ServerClock) -> bool:
    """Try whether the access was taken away, as an event claims, and note it if so: at `claimed_at`.

    Returns False where nothing was to be tried: it is noted already, or there is no login. Raises as `is_login_dead` does.
    """
    if revoked_at(settings) is not None or not token_store(settings).path.exists():
        return False
    if is_login_dead(settings, clock):
        note_revoked(settings, claimed_at)
    return True


def is_login_dead(settings: Settings, clock: ServerClock) -> bool:
    """Whether Strava refuses the stored login, tried by renewing it once: a token call, which counts in no limit.

    The new pair is kept. Raises what says nothing about the login: MissingSettingsError without one, NeedsLoginError where its
    file is garbage, WrongApplicationError, ForbiddenError (an inactive application), LoginServiceError (no answer).
    """
    store = token_store(settings)
    tokens = AccessTokens(store, make_oauth(settings, make_wire(settings, clock), clock), clock)
    with store.lock():  # or another process could renew it in between, and nothing would be tried
        stored = store.load()
        try:
            tokens.renew(stored.access_token or "")
        except WrongApplicationError:
            raise
        except NeedsLoginError:
            return True
    return False


def give_access_back(settings: Settings, clock: ServerClock) -> None:
    """Withdraw the stored login at Strava and note that it is. Raises as TokenStore.load and OAuth.revoke do."""
    store = token_store(settings)
    with store.lock():  # or a refresh at the same time could bring one that is not withdrawn
        make_oauth(settings, make_wire(settings, clock), clock).revoke(store.load().refresh_token)
    note_revoked(settings, clock.now())


def note_revoked(settings: Settings, at: datetime) -> None:
    """Note that the athlete took the access away at `at`: no call is made with this login any more."""
    path = _note(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps({"at": at.astimezone(UTC).isoformat().replace("+00:00", "Z")}))
    temporary.replace(path)


def revoked_at(settings: Settings) -> datetime | None:
    """When the athlete took the access away (UTC); None: they did not. A note that can't be read counts from its file's time."""
    path = _note(settings)
    try:
        at = datetime.fromisoformat(json.loads(path.read_bytes())["at"])
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def forget_revoked(settings: Settings) -> None:
    """The athlete has logged in again."""
    _note(settings).unlink(missing_ok=True)


def revoked_words(at: datetime) -> str:
    """What happened and what to do, for a person."""
    return (
        f"The athlete took this application's access away on {at:%Y-%m-%d}. Strava asks that their data is then deleted: "
        "strava-pipeline purge. If it was a mistake: strava-pipeline auth."
    )


def why_no_access(settings: Settings) -> str | None:
    """Why no call may be made though a login may be there: access taken away, or a purge under way. None: calls may be made."""
    if revoked := revoked_at(settings):
        return revoked_words(revoked)
    if (settings.data_dir / _PURGED).exists():
        return f"A purge of {settings.data_dir} is running, or was interrupted: strava-pipeline purge finishes it."
    return None


def _note(settings: Settings) -> Path:
    return settings.data_dir / "state" / "revoked.json"
