"""Where a token may go: an emulator's stays on this machine, and a real one is not withdrawn at an emulator."""

from urllib.parse import urlsplit

from strava_pipeline.core.addresses import is_this_machine
from strava_pipeline.core.errors import ForbiddenError

EMULATOR_PREFIX = "emulator-"  # what every token and code of strava_pipeline.emulator starts with


def is_loopback(url: str) -> bool:
    """Whether the address's host is this machine by name or number."""
    return is_this_machine(urlsplit(url).hostname or "")


def keep_at_home(secret: str, url: str) -> None:
    """Raise ForbiddenError if an emulator's token, refresh token or code is about to leave this machine."""
    if secret.startswith(EMULATOR_PREFIX) and not is_loopback(url):
        raise ForbiddenError(
            f"This login is an emulator's, but the settings point at {urlsplit(url).hostname}; nothing "
            "was sent. Set STRAVA_BASE_URL and STRAVA_API_URL to the emulator, or run strava-pipeline auth."
        )


def keep_from_emulator(secret: str, url: str) -> None:
    """Raise ForbiddenError if another login than an emulator's is about to be withdrawn on this machine, where none is known."""
    if not secret.startswith(EMULATOR_PREFIX) and is_loopback(url):
        raise ForbiddenError(
            f"This login is not an emulator's, but the settings point at {urlsplit(url).hostname}; nothing was sent. Set "
            "STRAVA_BASE_URL and STRAVA_API_URL to where it is from."
        )
