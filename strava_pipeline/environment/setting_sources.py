"""The sources of settings: the environment, `.env` of the working directory or the athlete's folder, and /run/secrets.

The settings themselves are settings.py's, or those of a package with a source of its own.
"""

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self, get_args

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.environment.process_owner import athlete_folder, is_reading_folder
from strava_pipeline.environment.setting_files import plain_text
from strava_pipeline.environment.setting_values import Hosts

ENV_FILE = "STRAVA_ENV_FILE"  # set by us alone, for children that work in another folder
_ADVICE = "make it UTF-8 text that this user may read"
SECRETS = Path("/run/secrets")  # where container engines put secrets: a file named as a variable holds its value

# Whose a setting is where there are several athletes. What is the house's counts for everybody whose own `.env` doesn't set it;
# what is the athlete's own comes from that `.env` alone.
house = partial(Field, json_schema_extra={"whose": "house"})
own = partial(Field, json_schema_extra={"whose": "athlete"})
# No setting of a person's: what tests, the demo and emulators say, and their child processes read under a name with SEAM_.
seam = partial(Field, json_schema_extra={"whose": "house", "is_seam": True})


class SourceSettings(BaseSettings):
    """The settings of a source from another package: read from the same places as all settings, and checked in the same way.

    A subclass has a field for each, whose alias is its name in the environment, with the source's name in front.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        env_prefix="STRAVA_",
        case_sensitive=True,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    plain_http_hosts: Hosts | None = house(None, alias="PLAIN_HTTP_HOSTS")  # before every URL, which is judged by it

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings, or MissingSettingsError naming each faulty variable, the fault and what to write."""
        check_secrets(cls.variables())
        try:
            if "_env_file" not in overrides and env_file().exists():
                plain_text(env_file())
            return cls(**{**read_from(), **overrides})
        except ValidationError as error:
            faults = [f"  {name}: {message}" for name, message in faults_of(cls, error).items()]
        except (OSError, UnicodeDecodeError, SettingsError) as error:
            raise MissingSettingsError(f"{unreadable(error)}.") from None
        places = "the environment or .env" if athlete_folder() is None else str(env_file())
        raise MissingSettingsError("\n".join([f"These settings, from {places}, are not usable:", *faults]))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """For an athlete whose settings this process reads in addition to its own: only `.env`, and the arguments.

        Without any of our variables, nothing is searched: searching for all of them takes a millisecond.
        """
        sources: tuple[PydanticBaseSettingsSource, ...] = (dotenv_settings, init_settings)
        if not is_reading_folder():
            sources = (init_settings, env_settings, dotenv_settings, file_secret_settings)
        ours = cls.variables()
        return tuple(
            each for each in sources if not isinstance(each, EnvSettingsSource) or not ours.isdisjoint(each.env_vars)
        )

    @classmethod
    def variables(cls) -> set[str]:
        """The environment variables of all settings."""
        return {name for spec in cls.model_fields.values() for name in variables_of(spec)}

    @classmethod
    def is_secret(cls, variable: str) -> bool:
        """Whether the input for it must be hidden. An unknown variable is the setting of another package, and may be a secret."""
        specs = [spec for spec in cls.model_fields.values() if variable in variables_of(spec)]
        return all(SecretStr in get_args(spec.annotation) for spec in specs)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value != ""}


def env_file() -> Path:
    """`.env` of the working directory or of the athlete's folder, or the file in STRAVA_ENV_FILE."""
    folder = athlete_folder()
    named = None if is_reading_folder() else os.environ.get(ENV_FILE)
    return Path(named).absolute() if named else (folder or Path.cwd()) / ".env"


def secrets_folder() -> Path | None:
    """The folder of secrets, if we may list it. They are the house's: an athlete's settings are never read from there."""
    is_usable = os.access(SECRETS, os.R_OK | os.X_OK) and SECRETS.is_dir()
    return SECRETS if athlete_folder() is None and is_usable else None


def check_secrets(names: Iterable[str]) -> None:
    """Raise MissingSettingsError where files in the folder of secrets, of those named, can't be read as settings."""
    if faults := faulty_secrets(names):
        raise MissingSettingsError("\n".join(f"{path} {fault}." for path, fault in faults.items()))


def faulty_secrets(names: Iterable[str]) -> dict[str, str]:
    """The path of each file in the folder of secrets, of those named, that can't be read as a setting, with the fault.

    A link may lead to a file below the folder only, as pydantic-settings has it.
    """
    folder = secrets_folder()
    faults = {} if folder is None else {str(folder / name): _fault(folder / name) for name in sorted(names)}
    return {path: fault for path, fault in faults.items() if fault}


def provide_variables(names: Iterable[str]) -> None:
    """Set each of these environment variables from the secret that has its name; one without a file stays as it is.

    For Dagster, which reads the environment only. Raises MissingSettingsError where a file can't be read.
    """
    wanted, folder = list(names), secrets_folder()
    check_secrets(wanted)
    for path in [folder / name for name in wanted] if folder else []:
        if path.is_file():
            os.environ[path.name] = path.read_text(encoding="utf-8").strip()


def _fault(path: Path) -> str | None:
    try:
        if not path.is_file():
            return "is no file; put one with the value in its place" if path.is_symlink() or path.exists() else None
        if path.parent.resolve() not in path.resolve().parents:
            return "leads out of the folder of secrets; put a file with the value in its place"
        path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return _cant_be_read(error)
    return None


def unreadable(error: Exception) -> str:
    """What to say where reading settings ended in `error`: OSError, UnicodeDecodeError or SettingsError."""
    cause = error.__cause__ or error  # pydantic-settings wraps what it meets in the folder of secrets, and nothing else
    path = SECRETS if isinstance(error, SettingsError) else getattr(error, "filename", None) or env_file()
    return f"{path} {_cant_be_read(cause)}"


def _cant_be_read(error: BaseException) -> str:
    return f"can't be read ({getattr(error, 'strerror', None) or type(error).__name__}); {_ADVICE}"


# restic's own variables, and those by which stores know their users: https://restic.readthedocs.io/en/stable/040_backup.html
_OF_RESTIC = ("RESTIC_", "AWS_", "AZURE_", "B2_", "GOOGLE_", "OS_", "RCLONE_", "ST_")


def restic_environment() -> dict[str, str]:
    """The environment of restic except repository and password; for an athlete, variables about stores are the athlete's own."""
    is_alone = athlete_folder() is None
    inherited = {name: value for name, value in os.environ.items() if is_alone or not name.startswith(_OF_RESTIC)}
    written = {
        name: value for name, value in dotenv_values(env_file()).items() if value and name.startswith(_OF_RESTIC)
    }
    apart = ("RESTIC_REPOSITORY", "RESTIC_PASSWORD")
    return {name: value for name, value in {**written, **inherited}.items() if not name.startswith(apart)}


def left_settings() -> list[str]:
    """Settings in the environment, in `.env` or in /run/secrets that are no longer read, each with its replacement."""
    fixed = """
        DASHBOARD_REQUESTS GARMIN_INTERVAL RIDEWITHGPS_INTERVAL SENTRY_SAMPLE_RATE STRAVA_ALERT_CATEGORIES
        STRAVA_IMPORT_FILE_LIMIT_MB STRAVA_IMPORT_LIMIT_MB STRAVA_IMPORT_POINTS_LIMIT STRAVA_PUBLISH_MINUTES
        TRIPS_COLUMN_LIMIT_MB WAHOO_INTERVAL WAHOO_URL
    """
    gone = dict.fromkeys(fixed.split(), "is no setting any more: what was its default always holds") | {
        "MIRROR_URL": "RESTIC_REPOSITORY took its place (docs/copies.md)",
        "MIRROR_KEY_FILE": "RESTIC_PASSWORD_FILE took its place (docs/copies.md)",
        "SPREADSHEET_BACKUPS": "the five newest copies stay",
        "EXPORT_SCHEMA": "the tables are in the schema strava; delete those in another one yourself",
        "WAHOO_TOKEN_FILE": "the login belongs into wahoo_token.json in STRAVA_SECRETS_DIR: move it there",
    }
    there = {name for name, value in (dotenv_values(env_file()) | os.environ).items() if value}
    if secrets := secrets_folder():
        there.update(path.name for path in secrets.iterdir())
    return [f"{name} is set, and {instead}" for name, instead in gone.items() if name in there]


def read_from() -> dict[str, Path | None]:
    """The sources below the environment: `.env`, and below it the folder of secrets."""
    return {"_env_file": env_file(), "_secrets_dir": secrets_folder()}


def faults_of(kind: type[SourceSettings], error: ValidationError) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        location = str(item["loc"][0]) if item["loc"] else "settings"
        spec = kind.model_fields.get(location)
        name = location if spec is None else next(iter(variables_of(spec)), location)
        found[name] = str(item["msg"]).removeprefix("Value error, ")
    return found


def variables_of(spec: FieldInfo) -> list[str]:
    """The variables of a field; one that only the program itself fills has none."""
    alias = spec.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [] if alias is None else [str(alias)]
