"""Writing tables of gear into providers.toml; other lines, comments and order stay as the person wrote them."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.items import AbstractTable

from strava_pipeline.core.gear_links import Links
from strava_pipeline.ingest.providers_file import ProvidersFile, UnusableProvidersError, providers_file

_GEAR = "gear"


def with_links(path: Path, added: Links) -> tuple[str, str]:
    """The text of providers.toml, and the same with these links added.

    Raises UnusableProvidersError if the file can't be used.
    """
    wanted = {name: dict(services) for name, services in providers_file(path).gear.items()}
    for name, services in added.items():
        wanted.setdefault(name, {}).update(services)
    with path.open(encoding="utf-8", newline="") as file:
        before = file.read()
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    after = mark + _added(before.removeprefix(mark), added)
    if not says(path, after, providers_file(path).model_copy(update={"gear": wanted})):
        raise UnusableProvidersError(f"The links can't be added to {path} as it is written; add them yourself.")
    return before, after


def _added(text: str, added: Links) -> str:
    document = tomlkit.parse(text)
    gear = document.get(_GEAR)
    if gear is None:
        gear = document[_GEAR] = tomlkit.table(is_super_table=True)
    for name, services in added.items():
        _add(gear, name, services)
    return tomlkit.dumps(document)


def _add(gear: AbstractTable, name: str, services: Mapping[str, str]) -> None:
    known = next((key for key in gear if key.strip() == name), None)  # as the file is read
    if known is None:
        gear[name] = tomlkit.table()
        known = name
    for service, value in services.items():
        gear[known][service] = value


def says(path: Path, text: str, wanted: ProvidersFile) -> bool:
    """Whether `text` in place of the file means exactly `wanted`."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / path.name
        place.write_text(text, encoding="utf-8", newline="")
        try:
            return providers_file(place) == wanted
        except UnusableProvidersError:
            return False
