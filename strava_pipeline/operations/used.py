"""What is set up here: what nobody set up is told to no one, and Dagster does not show it."""

from typing import Any

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.systems import unused
from strava_pipeline.ingest.providers_file import ProviderChoice, enabled_in_file, enabled_providers
from strava_pipeline.ingest.registry import login_files
from strava_pipeline.ingest.webhook_secrets import senders
from strava_pipeline.lake.bronze.deliveries import has_deliveries
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.settings import Settings


def is_strava_set_up(settings: Settings) -> bool:
    """Whether an application is set, or a login is here."""
    given = settings.client_id is not None or settings.client_secret is not None
    return given or any(path.exists() for path in login_files(STRAVA, settings))


def is_strava_used(settings: Settings) -> bool:
    """Whether it is set up, or something of it is here, or there is no other one. Raises UnusableProvidersError.

    A webhook subscription is something of it, too: it can outlive the login.
    """
    if is_strava_set_up(settings) or not enabled_in_file(settings):
        return True
    return any(True for _ in listings(Lake(settings.data_dir)))


def sources_set_up(settings: Settings) -> dict[str, ProviderChoice]:
    """Strava where it is set up, and what a person chose of the enabled ones. Raises UnusableProvidersError."""
    return {**({STRAVA: ProviderChoice()} if is_strava_set_up(settings) else {}), **enabled_providers(settings)}


def that_send(settings: Settings) -> set[str]:
    """The sources set up whose deliveries are taken, or came once. Raises UnusableProvidersError."""
    lake, sources = Lake(settings.data_dir), sources_set_up(settings)
    return {*senders(settings, sources), *(name for name in sources if has_deliveries(lake, name))}


def set_up(settings: Settings) -> tuple[Any, ...]:
    """All by which it is decided what Dagster shows; equal as long as that stays. Raises UnusableProvidersError."""
    return settings, sources_set_up(settings), that_send(settings), unused(settings)
