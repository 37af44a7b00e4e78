"""Tables of gear that are written into providers.toml, whose other lines, comments and order stay as the person wrote them."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.items import AbstractTable

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.gear_links import Links
from strava_pipeline.ingest.providers_file import ProvidersFile, UnusableProvidersError, providers_file

_GEAR = "gear"


def with_links(path: Path, added: Links) -> tuple[str, str]:
    """The text of providers.toml, and the same with these links added.

    Raises UnusableProvidersError where the file can't be used.
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
    """Whether `text` in place of the file says what is `wanted`, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / path.name
        place.write_text(text, encoding="utf-8", newline="")
        try:
            return providers_file(place) == wanted
        except UnusableProvidersError:
            return False


def replace_file(path: Path, before: str, after: str) -> None:
    """Write `after` in place of `before`, whole or not at all; a link stays one, and the permissions stay.

    Raises PipelineError where the file was changed meanwhile.
    """
    place = path.resolve()
    with place.open(encoding="utf-8", newline="") as file:
        if file.read() != before:
            raise PipelineError(f"{path} was changed meanwhile, so nothing was written. Run the command again.")
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        aside.chmod(place.stat().st_mode & 0o777)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)
