"""The parts that are set up: others are never mentioned, and Dagster does not show them."""

import time
from functools import lru_cache
from typing import Any

from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.systems import parts, unused
from strava_pipeline.environment.process_owner import first_year_shown, note_first_year_shown
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import ProviderChoice, enabled_providers
from strava_pipeline.ingest.registry import login_files
from strava_pipeline.ingest.webhook_secrets import senders
from strava_pipeline.lake.bronze.deliveries import has_deliveries
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.health import later_first_year
from strava_pipeline.lake.paths import Lake


def is_strava_set_up(settings: Settings) -> bool:
    """Whether an application is set, or a login exists."""
    given = settings.client_id is not None or settings.client_secret is not None
    return given or any(path.exists() for path in login_files(STRAVA, settings))


def is_strava_used(settings: Settings) -> bool:
    """Whether it is set up, or has left data here: a webhook subscription counts as data, too; it can outlive the login."""
    return is_strava_set_up(settings) or any(True for _ in listings(Lake(settings.data_dir)))


def sources_set_up(settings: Settings) -> dict[str, ProviderChoice]:
    """Strava if it is set up, and the person's choices for the enabled sources. Raises UnusableProvidersError."""
    return {**({STRAVA: ProviderChoice()} if is_strava_set_up(settings) else {}), **enabled_providers(settings)}


def that_send(settings: Settings) -> set[str]:
    """The configured sources whose deliveries are accepted, or came once. Raises UnusableProvidersError."""
    lake, sources = Lake(settings.data_dir), sources_set_up(settings)
    return {*senders(settings, sources), *(name for name in sources if has_deliveries(lake, name))}


def set_up(settings: Settings) -> tuple[Any, ...]:
    """Everything that determines what Dagster shows; equal as long as that stays. Raises UnusableProvidersError."""
    return settings, sources_set_up(settings), that_send(settings), unused(settings), first_shown(settings)


def first_shown(settings: Settings) -> int:
    """The first year of Dagster's dialogs: the first with data, as known at its start, or an earlier one since then."""
    noted = first_year_shown()
    if noted is None or noted <= settings.first_year:
        return settings.first_year
    minute = int(time.monotonic() // 60)  # it reads every manifest, and is asked every 5 s
    return min(noted, _first_with_data(settings, minute))


def note_first_shown(settings: Settings, *, may_rise: bool) -> None:
    """Record the first year, before Dagster's processes start. `may_rise`: no backfill is in progress, which would fail
    if its years were gone.
    """
    note_first_year_shown(_first_with_data(settings, -1) if may_rise else settings.first_year)


@lru_cache(maxsize=1)
def _first_with_data(settings: Settings, _minute: int) -> int:
    """The first year with an activity, if listings show that no service has an older one; else the first year."""
    if len(unused(settings)) < len(parts("jobs")):  # systems besides activities have years of their own
        return settings.first_year
    return (
        later_first_year(Lake(settings.data_dir), settings.first_year, sources_set_up(settings)) or settings.first_year
    )
