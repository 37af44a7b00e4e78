"""A person's choices about services, for a page, and their writing into providers.toml. Nothing is sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.setting_files import replace_file
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import ProviderChoice, enabled_providers, providers_file
from strava_pipeline.ingest.service_tables import seal_of_file, with_choices
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake


def chosen_settings(settings: Settings) -> dict[str, Any]:
    """`services` by name, Strava first; `seal` of providers.toml, or None; `fault`: why it can't be used."""
    path = settings.providers_config
    try:
        choices = providers_file(path).providers
    except PipelineError as error:
        return {"services": {}, "seal": None, "fault": str(error)}
    names = [STRAVA, *enabled_providers(settings)]
    services = {name: _service(name, choices.get(name, ProviderChoice())) for name in names}
    return {"services": services, "seal": seal_of_file(path), "fault": None}


def _service(name: str, choice: ProviderChoice) -> dict[str, Any]:
    spec = spec_of(name)
    return {
        "title": spec.title,
        "priority": choice.priority or spec.priority,
        "own_priority": spec.priority,
        "never_counts": choice.write_only,
        "write": list(choice.write),
        "possible": sorted({*spec.edits, *choice.write}),
        "login": None if "whole" in spec.capabilities else spec.command("login"),  # a file has no login
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
