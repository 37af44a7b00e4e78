"""providers.toml, which providers beside Strava are enabled: a person writes it, at the path in PROVIDERS_CONFIG.

The file holds no secret: logins are settings. No provider is imported to read it.
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.ingest import registry
from strava_pipeline.setting_files import read_toml
from strava_pipeline.settings import Settings


class UnusableProvidersError(PipelineError):
    """providers.toml exists and can't be used; the text says where and why."""

    exit_code = 2


class ProviderChoice(BaseModel):
    """What a person chose for a provider.

    Args:
        enabled: its activities are pulled.
        auto_files: the files of its activities are fetched without being asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    enabled: bool = False
    auto_files: bool = True


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    providers: dict[str, ProviderChoice] = Field(default_factory=dict)


def enabled_providers(settings: Settings) -> dict[str, ProviderChoice]:
    """The enabled providers by name, in alphabetical order, and what was chosen. Raises UnusableProvidersError."""
    choices = provider_choices(settings.providers_config)
    return {name: choices[name] for name in sorted(choices) if choices[name].enabled}


def provider_choices(path: Path) -> dict[str, ProviderChoice]:
    """What the file says, by provider; nothing where there is no file. Raises UnusableProvidersError."""
    try:
        choices = (read_toml(path, _File.model_validate, UnusableProvidersError) or _File()).providers
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableProvidersError(f"{path} is no TOML in UTF-8: {error}.") from None
    except ValidationError as error:
        raise UnusableProvidersError("\n".join([f"{path} can't be used:", *_faults(error)])) from None
    if unknown := sorted(choices.keys() - registry.PROVIDERS.keys()):
        possible = ", ".join(sorted(registry.PROVIDERS)) or "none yet"
        raise UnusableProvidersError(
            f"{path} can't be used:\n  [providers.{unknown[0]}]: this version has no such provider. "
            f"Possible besides Strava, which needs no entry: {possible}."
        )
    return choices


def _faults(error: ValidationError) -> list[str]:
    """A line for each fault: the key, and what is wrong with it, without its value."""
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        place, kind = [str(part) for part in fault["loc"]], str(fault["type"])
        what = str(fault["msg"])
        if kind == "extra_forbidden":
            keys = _File.model_fields if len(place) == 1 else ProviderChoice.model_fields
            what = f"there is no such key. Possible: {', '.join(keys)}."
        lines.append(f"  {'.'.join(place)}: {what}")
    return lines
