"""The record that a person withdrew this application's access to a service, after which no call is made with that login.

The record names the login by a hash. It doesn't apply to another login of the same service, so a new one ends it.
"""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.errors import NeedsLoginError
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.secret_file import save_secret


def note_revoked(settings: Settings, provider: str, login_digest: str, at: datetime) -> None:
    """Record that the login with that hash was withdrawn at `at`."""
    save_secret(revocation_file(settings, provider), {"login": login_digest, "at": at.astimezone(UTC).isoformat()})


def refuse_revoked(settings: Settings, provider: str, login_digest: str, title: str) -> None:
    """Raise NeedsLoginError if the login with that hash was withdrawn."""
    # damaged is unknown: then the service itself refuses the login
    with suppress(OSError, ValueError, TypeError, KeyError):
        noted = json.loads(revocation_file(settings, provider).read_bytes())
        at = datetime.fromisoformat(noted["at"])
        if noted["login"] == login_digest:
            raise NeedsLoginError(
                f"The access to {title} was taken away at {at:%Y-%m-%d %H:%M} UTC, so nothing is asked of it. "
                f"`strava-pipeline providers login {provider}` gives a new access, `strava-pipeline purge` deletes what is here."
            )


def revocation_file(settings: Settings, provider: str) -> Path:
    """The file of the record."""
    return settings.secrets_dir / f"{provider}_revoked.json"
