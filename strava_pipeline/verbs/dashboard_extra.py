"""Whether the extra `dashboard` is installed."""

import sys
from importlib.util import find_spec

from strava_pipeline.core.errors import MissingSettingsError

EXTRA = ("fastapi", "argon2", "httpcore2", "python_multipart")  # what only the extra `dashboard` brings


def has_extra() -> bool:
    """Whether this installation has the dashboard's libraries."""
    return not _absent()


def check_extra() -> None:
    """Raise MissingSettingsError if this installation lacks the dashboard's libraries."""
    if absent := _absent():
        raise MissingSettingsError(
            f"The dashboard needs {' and '.join(absent)}, which this installation does not have. Type: {sys.executable} -m "
            "pip install 'strava_pipeline[dashboard]'"
        )


def _absent() -> list[str]:
    return [name for name in EXTRA if find_spec(name) is None]
