"""providers.toml, a person's choices about services: a person writes it, at the path in PROVIDERS_CONFIG.

Which services besides Strava are enabled, whose name and gear count, which gear is the same, and what may be changed at
a service. The file contains no secret: logins are settings. No provider's client is imported to read it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.providers import NEVER_FIRST, Edit, spec_of
from strava_pipeline.core.sources import SOURCES, STRAVA, UnusableSourceError
from strava_pipeline.environment.setting_files import read_toml
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import registry


class UnusableProvidersError(PipelineError):
    """providers.toml exists and can't be used; the text says where and why."""

    exit_code = 2


class _Choices(BaseModel, extra="forbid", frozen=True, strict=True):
    """A table of providers.toml."""


class ProviderChoice(_Choices):
    """A person's choices for a provider.

    Args:
        enabled: its activities are pulled.
        auto_files: the files of its activities are fetched automatically.
        wellness: days and nights are pulled: sleep, resting heart rate, weight, steps.
        priority: whose name and gear count, the lowest number; None: as in the provider's record.
        write: what may be changed at the service; empty: nothing is proposed for it.
        write_only: its name and gear never count if another service has the activity.
        stale_days: with `write_only`, after how many days its data are too old to be compared.
    """

    enabled: bool = False
    auto_files: bool = True
    wellness: bool = False
    priority: int | None = Field(None, ge=1, lt=NEVER_FIRST)
    write: list[Edit] = Field(default_factory=list)
    write_only: bool = False
    stale_days: int = Field(7, ge=1, le=36_500)


def _as_date(value: Any) -> Any:
    """A date in quotes as a date; anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("a date is written 2026-11-01") from None


class ChangesChoice(_Choices):
    """A person's choices about changes at services. They apply to services whose `write` is not empty.

    Args:
        propose_since: the first day of activities for which runs propose changes; None: by service, see
            operations/changes/parties.py.
        approval_days: how long an approval holds.
        add_activities: rows, and ids in them, are proposed to a table of a person's own.
        create_gear: gear that a service lacks is proposed to it.
        upload_activities: files of activities that a service lacks are proposed to it.
    """

    propose_since: Annotated[date | None, BeforeValidator(_as_date)] = None
    approval_days: int = Field(7, ge=1, le=365)
    add_activities: bool = True
    create_gear: bool = False
    upload_activities: bool = False


class ArchivesChoice(_Choices):
    """A choice about archives. `wellness`: days and nights of Garmin's and Apple Health's exports are kept at an import."""

    wellness: bool = False


def _as_text(value: Any) -> Any:
    """A number as text, and text without blanks around it; anything else as it is."""
    text = str(value) if type(value) is int else value
    if isinstance(text, str) and not (text := text.strip()):
        raise ValueError("it is empty")
    return text


Text = Annotated[str, BeforeValidator(_as_text)]
"""A name, or an id at a service, which may be written as a number."""


class ProvidersFile(_Choices):
    """The contents of the file.

    Args:
        providers: by name, including Strava if it has a table.
        gear: each item by the user's name of it, with its id or name at each service.
    """

    providers: dict[str, ProviderChoice] = Field(default_factory=dict)
    gear: dict[Text, dict[str, Text]] = Field(default_factory=dict)
    changes: ChangesChoice = ChangesChoice()
    archives: ArchivesChoice = ArchivesChoice()

    def without_effect(self) -> list[str]:
        """The keys that a person set in vain, as they stand in the file, each with the reason."""
        found = []
        for name, choice in self.providers.items():
            with suppress(UnusableSourceError):  # whose state says so
                title, edits = spec_of(name).title, spec_of(name).edits
                if never := [each for each in choice.write if each not in edits]:
                    found.append(f"providers.{name}.write: {title} can't be given another {' or '.join(never)}")
            if choice.wellness and "wellness" not in spec_of(name).kinds:
                found.append(f"providers.{name}.wellness: {spec_of(name).title} has no days and nights")
            if "stale_days" in choice.model_fields_set and not choice.write_only:
                found.append(f"providers.{name}.stale_days: it counts with write_only alone")
        return found


def enabled_providers(settings: Settings) -> dict[str, ProviderChoice]:
    """The enabled providers by name, in alphabetical order, and the choices for each. Raises UnusableProvidersError.

    An unusable one from an installed package is left out; its state says why.
    """
    return {name: choice for name, choice in enabled_in_file(settings).items() if _is_usable(name)}


def enabled_in_file(settings: Settings) -> dict[str, ProviderChoice]:
    """The same, including unusable ones. Raises UnusableProvidersError."""
    choices = provider_choices(settings.providers_config)
    return {name: choices[name] for name in sorted(choices) if choices[name].enabled}


def gives_days(provider: str, choice: ProviderChoice) -> bool:
    """Whether days and nights of the provider are pulled."""
    return choice.wellness and "wellness" in spec_of(provider).kinds


def used_sources(settings: Settings) -> list[str]:
    """The sources that runs ask: Strava if its application is set, and the enabled ones. Raises UnusableProvidersError."""
    return [*([STRAVA] if settings.client_id is not None else []), *enabled_providers(settings)]


def _is_usable(name: str) -> bool:
    if name not in registry.PROVIDERS:  # ours are, and their records cost time
        try:
            spec_of(name)
        except UnusableSourceError:
            return False
    return True


def provider_choices(path: Path) -> dict[str, ProviderChoice]:
    """The file's choices for each provider besides Strava. Raises UnusableProvidersError."""
    return {name: choice for name, choice in providers_file(path).providers.items() if name not in SOURCES}


def chosen_priorities(path: Path) -> dict[str, int]:
    """The priorities that a person chose, by provider. Raises UnusableProvidersError."""
    chosen = {
        name: NEVER_FIRST if choice.write_only else choice.priority
        for name, choice in providers_file(path).providers.items()
    }
    return {name: priority for name, priority in chosen.items() if priority is not None}


def providers_file(path: Path) -> ProvidersFile:
    """The contents of the file, with each provider under its own name; empty without a file.

    Raises UnusableProvidersError.
    """
    try:
        found = read_toml(path, ProvidersFile.model_validate, UnusableProvidersError) or ProvidersFile()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableProvidersError(f"{path} is no TOML in UTF-8: {error}.") from None
    except ValidationError as error:
        raise UnusableProvidersError("\n".join([f"{path} can't be used:", *_faults(error)])) from None
    if faults := list(_contradictions(found)):
        raise UnusableProvidersError("\n".join([f"{path} can't be used:", *(f"  {fault}" for fault in faults)]))
    gear = {item: _with_own_names(services) for item, services in found.gear.items()}
    return found.model_copy(update={"providers": _with_own_names(found.providers), "gear": gear})


def _with_own_names(values: Mapping[str, Any]) -> dict[str, Any]:
    return {registry.ALIASES.get(name, name): value for name, value in values.items()}


def _contradictions(found: ProvidersFile) -> Iterator[str]:
    """Contradictions in a file whose keys and values are valid one by one; without its values."""
    yield from _wrong_names(found.providers, "providers.", "this version has no such provider")
    strava = found.providers.get(STRAVA, ProviderChoice())
    if "enabled" in strava.model_fields_set and not strava.enabled:
        yield "providers.strava.enabled: Strava can't be switched off here; without a login it is not asked."
    if "auto_files" in strava.model_fields_set:
        yield "providers.strava.auto_files: Strava's API gives no files."
    named: dict[tuple[str, str], str] = {}
    for item, services in found.gear.items():
        yield from _wrong_names(services, f'gear."{item}".', "there is no such service")
        for service, value in _with_own_names(services).items():
            if (other := named.setdefault((service, value), item)) != item:
                yield f'gear."{item}".{service}: the same as in gear."{other}". One of the two is another item there.'


def _wrong_names(values: Mapping[str, Any], place: str, what: str) -> Iterator[str]:
    known = registry.PROVIDERS.keys() | {STRAVA}
    own = [registry.ALIASES.get(name, name) for name in values]
    for typed, name in zip(values, own, strict=True):
        if name not in known and not registry.is_provider(name):
            yield f"[{place}{typed}]: {what}. Possible: {', '.join(sorted({*known, *registry.provider_names()}))}."
        elif own.count(name) > 1 and typed != name:
            yield f"[{place}{typed}]: this is another name of {name}, which is there, too. Leave one of them."


def _faults(error: ValidationError) -> list[str]:
    """A line for each fault: the key, and what is wrong with it, without its value."""
    lines = []
    for fault in error.errors(include_url=False, include_input=False):
        place, kind = [str(part) for part in fault["loc"]], str(fault["type"])
        what = str(fault["msg"]).removeprefix("Value error, ")
        if kind == "extra_forbidden":
            of_table: dict[str, type[BaseModel]] = {"providers": ProviderChoice, "changes": ChangesChoice}
            of_table["archives"] = ArchivesChoice
            keys = (ProvidersFile if len(place) == 1 else of_table[place[0]]).model_fields
            what = f"there is no such key. Possible: {', '.join(keys)}."
        lines.append(f"  {'.'.join(place)}: {what}")
    return lines
