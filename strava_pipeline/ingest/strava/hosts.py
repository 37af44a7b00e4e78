"""Where a token may go. An emulator's token stays on this machine; nothing else is decided here."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from strava_pipeline.core.errors import ForbiddenError

EMULATOR_PREFIX = "emulator-"  # what every token and code of strava_pipeline.emulator starts with


def is_loopback(url: str) -> bool:
    """Whether the address's host is this machine by name or number."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, 6.3: always loopback
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def keep_at_home(secret: str, url: str) -> None:
    """Raise ForbiddenError if an emulator's token, refresh token or code is about to leave this machine."""
    if secret.startswith(EMULATOR_PREFIX) and not is_loopback(url):
        raise ForbiddenError(
            f"This login is an emulator's, but the settings point at {urlsplit(url).hostname}; nothing "
            "was sent. Set STRAVA_BASE_URL and STRAVA_API_URL to the emulator, or run strava-pipeline auth."
        )
