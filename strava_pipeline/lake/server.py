"""Whose answers a data folder holds: Strava's, or those of an emulator on this machine. The two are never mixed."""

from urllib.parse import urlsplit

from strava_pipeline.core.addresses import is_this_machine
from strava_pipeline.core.errors import MisuseError
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.paths import Lake


def refuse_another_server(lake: Lake, api_url: str) -> None:
    """Raise MisuseError where the newest listing came from an emulator on this machine and `api_url` is none, or the reverse."""
    host = urlsplit(api_url).hostname or ""
    said = (listing.manifest.host for listing in listings(lake, newest_first=True))
    before = next((one for one in said if one is not None), host)
    if is_this_machine(before) != is_this_machine(host):
        raise MisuseError(
            f"{lake.data_dir} holds what {before} answered, but the settings point at {host}; nothing was asked. "
            "Activities that are made up must not stand among real ones: set STRAVA_DATA_DIR to another folder, or "
            "STRAVA_BASE_URL and STRAVA_API_URL to the server that this one is of."
        )
