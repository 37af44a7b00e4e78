"""Changes to providers.toml, except gear: comments and order stay as a person wrote them.

Gear is gear_tables.py's. A seal identifies the file as it was shown: later edits are not overwritten.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import SOURCES
from strava_pipeline.core.wellness import ARCHIVES
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.gear_tables import rewritten
from strava_pipeline.ingest.providers_file import ProviderChoice, ProvidersFile, providers_file

_SERVICES = "providers"


def seal_of_file(path: Path) -> str | None:
    """A hash of providers.toml's present text, or None without a file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    except FileNotFoundError:
        return None


def with_choices(
    path: Path, priorities: Mapping[str, int], write: Mapping[str, Sequence[str]], seal: str
) -> tuple[str, str]:
    """The text of providers.toml, and the same with these priorities and fields that may be written.

    Raises MisuseError if the file was changed since it had this seal, if nothing would change, or if a service is not
    enabled or doesn't support the change; UnusableProvidersError if the file can't be used.
    """
    known = providers_file(path)
    if seal_of_file(path) != seal:
        raise MisuseError("providers.toml was changed since the page showed it. Load the page again.")
    changed = _changed(known, priorities, write)
    if not changed:
        raise MisuseError("Nothing of it differs from providers.toml, so nothing is written.")
    return _rewritten(path, known, changed)


def with_enabled(path: Path, name: str, **more: bool) -> tuple[str, str]:
    """The text of providers.toml (empty without a file), and the same with the service `name` enabled, and with `more`.

    Raises UnusableProvidersError if the file can't be used.
    """
    return _rewritten(path, providers_file(path), {name: {"enabled": True, **more}})


def with_days(path: Path, source: str, *, pulled: bool) -> tuple[str, str]:
    """The text of providers.toml, and the same with days and nights of a service pulled, or those of `archives` kept, or not.

    Raises MisuseError if the service is not enabled or has none; UnusableProvidersError if the file can't be used.
    """
    known, chosen = providers_file(path), {"wellness": pulled}
    if source == ARCHIVES:
        meant = known.model_copy(update={ARCHIVES: known.archives.model_copy(update=chosen)})
        return rewritten(path, "", {ARCHIVES: chosen}, meant, _refusal(path), own_name=str)
    if not known.providers.get(source, ProviderChoice()).enabled or "wellness" not in spec_of(source).kinds:
        raise MisuseError("No enabled service of that name has days and nights. Load the page again.")
    return _rewritten(path, known, {source: chosen})


def _refusal(path: Path) -> str:
    return f"{path} can't be changed as it is written; change it yourself."


def _rewritten(path: Path, known: ProvidersFile, changed: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    choices = {name: known.providers.get(name, ProviderChoice()) for name in changed}
    wanted = {name: choices[name].model_copy(update=values) for name, values in changed.items()}
    meant = known.model_copy(update={"providers": known.providers | wanted})
    return rewritten(
        path, _SERVICES, changed, meant, _refusal(path), own_name=lambda key: registry.ALIASES.get(key, key)
    )


def _changed(
    known: ProvidersFile, priorities: Mapping[str, int], write: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """The values that differ from those in effect, by service and key. Raises MisuseError."""
    found: dict[str, dict[str, Any]] = {}
    for name in {**priorities, **write}:
        choice = known.providers.get(name, ProviderChoice())
        if not choice.enabled and (registry.is_provider(name) or name not in SOURCES):
            raise MisuseError("One of the services is not enabled in providers.toml. Load the page again.")
        spec = spec_of(name)
        if name in priorities and priorities[name] != (choice.priority or spec.priority):
            found.setdefault(name, {})["priority"] = priorities[name]
        if name in write and set(write[name]) != set(choice.write):
            if never := {*write[name]} - {*spec.edits, *choice.write}:
                raise MisuseError(f"{spec.title} can't be given another {' or '.join(sorted(never))}.")
            found.setdefault(name, {})["write"] = [*write[name]]
    return found
