"""The athletes of a house: the registry, their settings, and the environment of their processes.

An athlete's folder has the same layout as a single person's: `.env`, `data/`, `secrets/`, `logs/`, `dagster_home/` and
so on. The registry is `athletes.toml` in ATHLETES_DIR: a table for each, `[NAME]`, with its `folder` if that is not
ATHLETES_DIR/NAME. Settings of the house are inherited; an athlete's own are not. settings.py says which is which.
"""

import os
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from strava_pipeline.core.errors import MissingSettingsError, MisuseError
from strava_pipeline.core.sources import declared_sources
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.process_owner import ATHLETE, ATHLETE_FOLDER, HOUSE, is_house, own_name, reading_folder
from strava_pipeline.environment.setting_files import file_text, read_toml, replace_file
from strava_pipeline.environment.setting_sources import variables_of
from strava_pipeline.environment.settings import ENV_FILE, Settings, env_file

OF_THE_HOUSE = "dagster_home"  # the folder of the house's own Dagster in ATHLETES_DIR
NAME = re.compile(rf"(?!{OF_THE_HOUSE}$)[a-z0-9][a-z0-9_-]{{0,31}}")
WRONG_NAME = (
    "is no name of an athlete. Use 1 to 32 of a-z, 0-9, - and _; the first is a letter or digit. "
    f"{OF_THE_HOUSE} is the house's own."
)
REGISTRY = "athletes.toml"
_PASSWORDS = {"DAGSTER_PG_PASSWORD", "CELERY_BROKER_URL"}  # of the house's own Dagster, in deploy/server.dagster.yaml
# Where an athlete's `.env` sets one of these, none of the others is inherited: they belong together.
_TOGETHER = (
    {"STRAVA_CLIENT_ID", "STRAVA_CLIENT_SECRET"},
    {"STRAVA_BASE_URL", "STRAVA_API_URL"},
    {"INTERVALS_CLIENT_ID", "INTERVALS_CLIENT_SECRET", "INTERVALS_WEBHOOK_SECRET"},
    {"RIDEWITHGPS_CLIENT_ID", "RIDEWITHGPS_CLIENT_SECRET"},
    {"WAHOO_CLIENT_ID", "WAHOO_CLIENT_SECRET"},
    {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"},
)


class UnusableRegistryError(MisuseError):
    """The registry of athletes can't be read, or can't be used."""


@dataclass(frozen=True, slots=True, order=True)
class Athlete:
    """An athlete of the house. `folder` is absolute."""

    name: str
    folder: Path


def athletes(settings: Settings) -> list[Athlete]:
    """All athletes in the registry, by name; empty without ATHLETES_DIR. Raises UnusableRegistryError."""
    if settings.athletes_dir is None:
        return []
    path, home = settings.athletes_dir / REGISTRY, settings.athletes_dir
    try:
        return read_toml(path, lambda tables: _read(path, home, tables), UnusableRegistryError) or []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableRegistryError(f"{path} is no TOML in UTF-8: {error}.") from None


def athlete_named(settings: Settings, name: str) -> Athlete:
    """The athlete with this name. Raises MisuseError, which lists the known names."""
    known = athletes(settings)
    for one in known:
        if one.name == name:
            return one
    if settings.athletes_dir is None:
        raise MisuseError(
            f"There is no athlete {name!r}, because ATHLETES_DIR is not set: neither in the environment nor in {env_file()}. Run "
            "this in the folder of the house, whose .env sets it, or begin a house: docs/athletes.md."
        )
    names = ", ".join(one.name for one in known) or "nobody yet"
    raise MisuseError(
        f"There is no athlete {name!r}. In {settings.athletes_dir / REGISTRY}: {names}. "
        "`strava-pipeline athletes add NAME` adds one."
    )


def settings_of(settings: Settings, athlete: Athlete) -> Settings:
    """The settings of an athlete, for reading in this process. Raises MissingSettingsError.

    Args:
        settings: the house's.
    """
    with _whose(athlete), reading_folder(athlete.folder):
        return Settings.load(**_inherited(settings, athlete))


def environment_of(settings: Settings, athlete: Athlete) -> dict[str, str]:
    """The whole environment of a process of an athlete. In it, `Settings.load` gives `settings_of`.

    It contains none of the athlete's own settings, so `.env` of the folder counts; nothing is read from /run/secrets.
    Nor does it contain the passwords of the house's own Dagster, which starts such processes.

    Args:
        settings: the house's.
    """
    of_packages = tuple(f"{name.upper()}_" for name in declared_sources())
    ours = {*Settings.variables(), ENV_FILE, HOUSE} | (_PASSWORDS if is_house() else set())
    others = {
        name: value for name, value in os.environ.items() if name not in ours and not name.startswith(of_packages)
    }
    with _whose(athlete):
        own = {ATHLETE: athlete.name, ATHLETE_FOLDER: str(athlete.folder)}
        return {**others, **_inherited(settings, athlete), **own}


def become(name: str) -> None:
    """Make this process one of the athlete with this name: it has no other environment from now on.

    Raises MisuseError for an unknown name, a missing folder, and in a process of another athlete.
    """
    if present := own_name():
        if present != name:
            raise MisuseError(f"This process is {present}'s, so it can't be {name}'s. Leave --athlete out.")
        return
    settings = Settings.load()
    athlete = athlete_named(settings, name)
    if not athlete.folder.is_dir():
        raise MisuseError(
            f"The folder of {name} is missing: {athlete.folder}. Is its disk there? To take the name out of the registry: "
            f"strava-pipeline athletes remove {name}"
        )
    environment = environment_of(settings, athlete)
    os.environ.clear()
    os.environ.update(environment)


def _inherited(settings: Settings, athlete: Athlete) -> dict[str, str]:
    """The house's settings, by variable, if they are set and the athlete's `.env` doesn't override them."""
    written = {name for name, value in dotenv_values(athlete.folder / ".env").items() if value}
    taken = written.union(*(group for group in _TOGETHER if group & written))
    values = settings.environ()
    return {
        variables[0]: values[variables[0]]
        for field, variables in _of_the_house()
        if variables[0] in values and taken.isdisjoint(variables)
        # the default ledger is the house's, too: whoever shares an application counts in one place
        if field in settings.model_fields_set or field == "ledger_dir"
    }


def _of_the_house() -> Iterator[tuple[str, list[str]]]:
    """The fields of the house's settings, each with its variables."""
    for name, spec in Settings.model_fields.items():
        if isinstance(spec.json_schema_extra, dict) and spec.json_schema_extra["whose"] == "house":
            yield name, variables_of(spec)


@contextmanager
def _whose(athlete: Athlete) -> Iterator[None]:
    try:
        yield
    except MissingSettingsError as error:
        raise MissingSettingsError(f"The settings of {athlete.name}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        path, kind = athlete.folder / ".env", type(error).__name__
        raise MissingSettingsError(
            f"{path} can't be read ({kind}); make it UTF-8 text that this user may read."
        ) from None


def check_house(settings: Settings) -> Path:
    """ATHLETES_DIR. Raises MisuseError if it is not set, and in a process of one athlete: only the house has a registry."""
    if name := own_name():
        raise MisuseError(f"This is about everybody, and not about {name} alone. Leave --athlete out.")
    if settings.athletes_dir is None:
        raise MisuseError(
            f"ATHLETES_DIR is not set. Put ATHLETES_DIR=<a folder for all athletes> into {env_file()}, the .env of the house."
        )
    return settings.athletes_dir


def house_home(settings: Settings) -> Path:
    """The folder of the house's own Dagster. Raises as `check_house`."""
    return check_house(settings) / OF_THE_HOUSE


def become_house() -> None:
    """Make this process one of the house's own Dagster, which has a folder in ATHLETES_DIR. Raises MisuseError without one."""
    settings = Settings.load()
    home = house_home(settings)
    os.environ |= {
        HOUSE: "1",
        "DAGSTER_HOME": str(home),
        "STRAVA_DATA_DIR": str(home),  # for Dagster's records other than runs: who is at work
        "STRAVA_LOGS_DIR": str(home / "logs"),
        "STRAVA_LEDGER_DIR": str(settings.ledger_dir),  # which may follow from the data folder
    }


def change_registry(settings: Settings, change: Callable[[Any], object]) -> None:
    """Let `change` edit the registry as a TOML document, under a lock and atomically. Comments stay.

    Raises UnusableRegistryError if it is not usable, or would not be.
    """
    import tomlkit  # costs what only this needs

    home = settings.athletes_dir or Path()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / REGISTRY
    with exclusive(home / f".{REGISTRY}.lock", mode=0o600):
        athletes(settings)
        before = file_text(path)
        document = tomlkit.parse(before)
        change(document)
        after = tomlkit.dumps(document)
        _read(path, home, tomllib.loads(after))
        replace_file(path, before, after)


def _read(path: Path, home: Path, tables: dict[str, Any]) -> list[Athlete]:
    found = sorted(_athlete(path, home, name, table) for name, table in tables.items())
    places: dict[Path, str] = {}
    for one in found:
        if (other := places.setdefault(one.folder.resolve(), one.name)) != one.name:
            raise UnusableRegistryError(f"{path}: {other} and {one.name} have the same folder. Leave one of them.")
    return found


def _athlete(path: Path, home: Path, name: str, table: Any) -> Athlete:
    if not NAME.fullmatch(name):
        raise UnusableRegistryError(f"{path}: {name!r} {WRONG_NAME}")
    if not isinstance(table, dict):
        raise UnusableRegistryError(f"{path}: {name} is no table. Write [{name}] on a line of its own.")
    if unknown := sorted(table.keys() - {"folder"}):
        raise UnusableRegistryError(f"{path}: [{name}] has no key {unknown[0]!r}. Possible: folder.")
    folder = table.get("folder", name)
    if not isinstance(folder, str) or not folder.strip():
        raise UnusableRegistryError(f"{path}: the folder of [{name}] is no path in quotation marks.")
    return Athlete(name, home / Path(folder).expanduser())
