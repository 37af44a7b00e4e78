"""Whose answers a data folder holds: what an emulator made up must not come among what Strava answered."""

from urllib.parse import urlsplit

from strava_pipeline.core.addresses import is_private_host, is_this_machine
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.paths import Lake


def refuse_emulator(lake: Lake, api_url: str) -> None:
    """Raise MisuseError where `api_url` is on this machine or its network, and the newest listing is a public server's."""
    host = urlsplit(api_url).hostname or ""
    if not _is_near(host):
        return
    said = (listing.manifest.host for listing in listings(lake, newest_first=True))
    before = next((one for one in said if one is not None), host)
    if not _is_near(before):
        raise MisuseError(
            f"{lake.data_dir} holds what {before} answered, but the settings point at {host}; nothing was asked. "
            "Activities that are made up must not stand among real ones: set STRAVA_DATA_DIR to another folder, or "
            "STRAVA_BASE_URL and STRAVA_API_URL to the server that this one is of."
        )


def _is_near(host: str) -> bool:
    return is_this_machine(host) or is_private_host(host)
