"""Whether Strava is one of the services here: whoever never used it, and has another one, is told nothing of it."""

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.ingest.providers_file import enabled_in_file
from strava_pipeline.ingest.registry import login_files
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.settings import Settings


def is_strava_used(settings: Settings) -> bool:
    """Whether it is set up, or something of it is here, or there is no other one. Raises UnusableProvidersError.

    A webhook subscription is something of it, too: it can outlive the login.
    """
    if settings.client_id is not None or not enabled_in_file(settings):
        return True
    if any(path.exists() for path in login_files(STRAVA, settings)):
        return True
    return any(True for _ in listings(Lake(settings.data_dir)))
