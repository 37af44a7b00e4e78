"""A person's choices about services and gear, for a page, and their writing into providers.toml. Nothing is sent."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from strava_pipeline.core.errors import MisuseError, PipelineError
from strava_pipeline.core.gear_links import GearItem, gear_items, proposed_links
from strava_pipeline.core.providers import naming_order, spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.setting_files import replace_file
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.gear_tables import with_links
from strava_pipeline.ingest.providers_file import ProviderChoice, chosen_priorities, enabled_providers, providers_file
from strava_pipeline.ingest.registry import login_command
from strava_pipeline.ingest.service_tables import seal_of_file, with_choices, with_days
from strava_pipeline.lake.gold.gear import gear_pieces
from strava_pipeline.lake.gold.publish import current_snapshot
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.used import is_strava_used


def chosen_settings(settings: Settings) -> dict[str, Any]:
    """`services` that are used, by name, Strava first; `seal` of providers.toml, or None; `fault`: why it can't be used."""
    path = settings.providers_config
    try:
        choices = providers_file(path).providers
    except PipelineError as error:
        return {"services": {}, "seal": None, "fault": str(error)}
    chosen = {STRAVA} & choices.keys()
    names = [*([STRAVA] if chosen or is_strava_used(settings) else []), *enabled_providers(settings)]
    services = {name: _service(settings, name, choices.get(name, ProviderChoice())) for name in names}
    return {"services": services, "seal": seal_of_file(path), "fault": None}


def _service(settings: Settings, name: str, choice: ProviderChoice) -> dict[str, Any]:
    spec = spec_of(name)
    return {
        "title": spec.title,
        "priority": choice.priority or spec.priority,
        "own_priority": spec.priority,
        "never_counts": choice.write_only,
        "write": list(choice.write),
        "possible": sorted({*spec.edits, *choice.write}),
        "login": None if "whole" in spec.capabilities else login_command(name, settings),  # a file has no login
    }


def change_settings(
    settings: Settings, priorities: Mapping[str, int], write: Mapping[str, Sequence[str]], seal: str
) -> None:
    """Write priorities and allowed changes into providers.toml, if it still has this seal; comments stay.

    Raises MisuseError, PipelineError.
    """
    with locked(Lake(settings.data_dir), "providers", who="the dashboard"):
        before, after = with_choices(settings.providers_config, priorities, write, seal)
        replace_file(settings.providers_config, before, after)


def switch_days(settings: Settings, source: str, *, pulled: bool) -> None:
    """Write into providers.toml whether days and nights of a service are pulled, or those of `archives` kept.

    Raises MisuseError, PipelineError.
    """
    with locked(Lake(settings.data_dir), "providers", who="the dashboard"):
        replace_file(settings.providers_config, *with_days(settings.providers_config, source, pulled=pulled))


def gear_of(settings: Settings) -> list[GearItem]:
    """All gear of Strava and the enabled services; of Strava alone, nothing can be linked."""
    services = [STRAVA, *enabled_providers(settings)]
    ranked = naming_order(services, chosen_priorities(settings.providers_config))
    sources = [name for name in ranked if name in services]
    with current_snapshot(Lake(settings.data_dir)) as connection:
        pieces = gear_pieces(connection, sources)
    return gear_items(pieces, providers_file(settings.providers_config).gear, sources)


def link_gear(settings: Settings, names: Collection[str] | None = None) -> None:
    """Write the links that are proposed for these items, or for all, into providers.toml.

    Raises MisuseError if an item has no proposal any more; PipelineError.
    """
    with locked(Lake(settings.data_dir), "providers", who="the dashboard"):
        proposed = proposed_links(gear_of(settings))
        if names is not None:
            if not proposed.keys() >= {*names}:
                raise MisuseError(
                    "That is linked, or no two services have gear of that name any more. Load the page again."
                )
            proposed = {name: proposed[name] for name in names}
        replace_file(settings.providers_config, *with_links(settings.providers_config, proposed))
