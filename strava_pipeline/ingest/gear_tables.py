"""Setting values in tables of providers.toml, those of gear among them; all else stays as the person wrote it."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from strava_pipeline.core.gear_links import Links
from strava_pipeline.environment.setting_files import file_text
from strava_pipeline.ingest.providers_file import ProvidersFile, UnusableProvidersError, providers_file

_GEAR = "gear"


def with_links(path: Path, added: Links) -> tuple[str, str]:
    """The text of providers.toml, and the same with these links added.

    Raises UnusableProvidersError if the file can't be used.
    """
    known = providers_file(path)
    wanted = {name: dict(services) for name, services in known.gear.items()}
    for name, services in added.items():
        wanted.setdefault(name, {}).update(services)
    refusal = f"The links can't be added to {path} as it is written; add them yourself."
    return rewritten(path, _GEAR, added, known.model_copy(update={"gear": wanted}), refusal, own_name=str.strip)


def rewritten(
    path: Path,
    group: str,
    changed: Mapping[str, Mapping[str, Any]],
    wanted: ProvidersFile,
    refusal: str,
    *,
    own_name: Callable[[str], str],
) -> tuple[str, str]:
    """The text of providers.toml (empty without a file), and the same with values of tables of a group set.

    Raises UnusableProvidersError with the text `refusal` if the file wouldn't mean exactly `wanted`.

    Args:
        group: the name before that of each table, such as `gear`; empty for tables at the top.
        changed: the values to set, by table and key.
        own_name: a table's own name for the name in the file.
    """
    before = file_text(path)
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    after = mark + _written(before.removeprefix(mark), group, changed, own_name)
    if not _says(path, after, wanted):
        raise UnusableProvidersError(refusal)
    return before, after


def _written(text: str, group: str, changed: Mapping[str, Mapping[str, Any]], own_name: Callable[[str], str]) -> str:
    document = tomlkit.parse(text)
    tables: Any = document.setdefault(group, tomlkit.table(is_super_table=True)) if group else document
    for name, values in changed.items():
        key = next((key for key in tables if own_name(key) == name), None)  # as the person named it
        if key is None:
            tables[name] = tomlkit.table()
            key = name
        for each, value in values.items():
            tables[key][each] = value
    return tomlkit.dumps(document)


def _says(path: Path, text: str, wanted: ProvidersFile) -> bool:
    """Whether `text` in place of the file means exactly `wanted`."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / path.name
        place.write_text(text, encoding="utf-8", newline="")
        try:
            return providers_file(place) == wanted
        except UnusableProvidersError:
            return False
