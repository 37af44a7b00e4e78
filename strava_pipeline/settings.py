"""Every setting, from the environment, `.env` in the working directory or files in /run/secrets: the only reader of these.

Names and defaults are the table in docs/settings.md and `.env.example`. What a setting does is described where it is used.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pydantic import AliasChoices, Field, SecretStr, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict, SettingsError

from strava_pipeline.core.errors import APPLICATION_PAGE, MissingSettingsError
from strava_pipeline.core.limits import MEGABYTE, AnswerLimit, ImportLimits, TripLimits
from strava_pipeline.core.sports import FILE_SPORTS
from strava_pipeline.setting_files import check_secrets, faulty_secrets, is_usable, unreadable
from strava_pipeline.setting_values import (
    AbsolutePath,
    Bundle,
    Categories,
    Cron,
    Group,
    Home,
    HostAndPort,
    HostAndPortOrOff,
    HostNames,
    Hosts,
    LedgerFolder,
    Megabytes,
    Password,
    Paths,
    PathSecret,
    Server,
    Sports,
    Stripped,
    Tiles,
    Url,
    Zone,
    group_id,
)

ENV_FILE = "STRAVA_ENV_FILE"  # set by us alone, for children that work in another folder
SECRETS = Path("/run/secrets")  # where container engines put secrets: a file named as a variable holds its value


@dataclass(frozen=True, slots=True)
class Application:
    """The user's API application."""

    client_id: str
    client_secret: SecretStr = field(repr=False)


class SourceSettings(BaseSettings):
    """The settings of a source that another package brings: read from where all settings are, and checked alike.

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

    plain_http_hosts: Hosts | None = Field(None, alias="PLAIN_HTTP_HOSTS")  # before every URL, which is judged by it

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """The settings, or MissingSettingsError naming each faulty variable, the fault and what to write."""
        check_secrets(SECRETS, cls.variables())
        try:
            return cls(**{**_files(), **overrides})
        except ValidationError as error:
            faults = [f"  {name}: {message}" for name, message in _faults(cls, error).items()]
        except (OSError, UnicodeDecodeError, SettingsError) as error:
            raise MissingSettingsError(f"{unreadable(error, env_file(), SECRETS)}.") from None
        raise MissingSettingsError(
            "\n".join(["These settings, from the environment or .env, are not usable:", *faults])
        )

    @classmethod
    def variables(cls) -> set[str]:
        """The environment variables that any setting is read from."""
        return {name for spec in cls.model_fields.values() for name in _names(spec)}

    @classmethod
    def is_secret(cls, variable: str) -> bool:
        """Whether nobody may see what a person types for it. An unknown one is the setting of another package, and may be."""
        specs = [spec for spec in cls.model_fields.values() if variable in _names(spec)]
        return all(SecretStr in get_args(spec.annotation) for spec in specs)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value != ""}


class Settings(SourceSettings):
    """All settings of strava_pipeline, checked. Paths are absolute; a field's alias is its name in the environment."""

    client_id: Stripped | None = Field(None, alias="STRAVA_CLIENT_ID")
    client_secret: SecretStr | None = Field(None, alias="STRAVA_CLIENT_SECRET")
    redirect_uri: Url = Field("http://localhost/exchange_token", alias="STRAVA_REDIRECT_URI")
    base_url: Server = Field("https://www.strava.com", alias="STRAVA_BASE_URL")
    api_url: Server = Field("", alias="STRAVA_API_URL")
    data_dir: AbsolutePath = Field(Path("data"), alias="STRAVA_DATA_DIR")
    data_group: Group | None = Field(None, alias="STRAVA_DATA_GROUP")
    secrets_dir: AbsolutePath = Field(Path("secrets"), alias="STRAVA_SECRETS_DIR")
    logs_dir: AbsolutePath = Field(Path("logs"), alias="STRAVA_LOGS_DIR")
    log_stdout: Literal["json"] | None = Field(None, alias="STRAVA_LOG_STDOUT")
    ledger_dir: LedgerFolder = Field(Path(), alias="STRAVA_LEDGER_DIR")
    per_page: int = Field(200, alias="PER_PAGE", ge=1, le=200)  # Strava answers 400 above 200
    days: int = Field(21, alias="DAYS", ge=0, le=36_500)
    refresh_calls: int = Field(50, alias="STRAVA_REFRESH_CALLS", ge=0)
    schedule: Cron = Field("0 5 * * *", alias="STRAVA_SCHEDULE")
    timezone: Zone = Field("Europe/London", alias="STRAVA_TIMEZONE")
    first_year: int = Field(2008, alias="STRAVA_FIRST_YEAR", ge=1970, le=2100)
    clock_speed: float = Field(1.0, alias="STRAVA_CLOCK_SPEED", gt=0, allow_inf_nan=False)
    automation: bool = Field(True, alias="STRAVA_AUTOMATION")
    dashboard_requests: bool = Field(False, alias="DASHBOARD_REQUESTS")
    publish_minutes: int = Field(5, alias="STRAVA_PUBLISH_MINUTES", ge=0, le=1440)
    api_keep_days: int | None = Field(None, alias="STRAVA_API_KEEP_DAYS", ge=1, le=36_500)
    run_records_days: int = Field(400, alias="STRAVA_RUN_RECORDS_DAYS", ge=7, le=36_500)
    answer_limit_mb: Megabytes = Field(64, alias="STRAVA_ANSWER_LIMIT_MB")
    import_limit_mb: Megabytes = Field(100_000, alias="STRAVA_IMPORT_LIMIT_MB")
    import_file_limit_mb: Megabytes = Field(100, alias="STRAVA_IMPORT_FILE_LIMIT_MB")
    import_points_limit: int = Field(2_000_000, alias="STRAVA_IMPORT_POINTS_LIMIT", ge=1, le=1_000_000_000)
    trips_column_limit_mb: Megabytes = Field(100, alias="TRIPS_COLUMN_LIMIT_MB")
    insight_sports: Sports = Field(FILE_SPORTS, alias="STRAVA_INSIGHT_SPORTS")
    csv_escape_formulas: bool = Field(False, alias="STRAVA_CSV_ESCAPE_FORMULAS")
    alert_url: Url | None = Field(None, alias="STRAVA_ALERT_URL", repr=False)  # such URLs carry a key
    alert_categories: Categories = Field("error", alias="STRAVA_ALERT_CATEGORIES")
    webhook_secret: PathSecret | None = Field(None, alias="STRAVA_WEBHOOK_SECRET")
    serve_address: HostAndPort = Field("127.0.0.1:8722", alias="STRAVA_SERVE_ADDRESS")
    dashboard_address: HostAndPortOrOff = Field("127.0.0.1:8723", alias="DASHBOARD_ADDRESS")
    dashboard_behind_proxy: bool = Field(False, alias="DASHBOARD_BEHIND_PROXY")
    dashboard_hosts: HostNames | None = Field(None, alias="DASHBOARD_HOSTS")
    dashboard_lan: bool = Field(False, alias="DASHBOARD_LAN")
    dashboard_password: Password | None = Field(None, alias="DASHBOARD_PASSWORD")
    dashboard_cert: AbsolutePath | None = Field(None, alias="DASHBOARD_CERT")
    dashboard_key: AbsolutePath | None = Field(None, alias="DASHBOARD_KEY")
    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    sentry_dsn: SecretStr | None = Field(None, alias="SENTRY_DSN")
    sentry_sample_rate: float = Field(0.1, alias="SENTRY_SAMPLE_RATE", ge=0, le=1)
    map_tiles_url: Tiles | None = Field(None, alias="MAP_TILES_URL", repr=False)  # may carry a key
    map_tiles_attribution: Stripped = Field("© OpenStreetMap contributors", alias="MAP_TILES_ATTRIBUTION")
    providers_config: AbsolutePath = Field(Path("providers.toml"), alias="PROVIDERS_CONFIG")
    garmin_personal_api_key: SecretStr | None = Field(None, alias="GARMIN_PERSONAL_API_KEY")
    garmin_personal_api_key_file: AbsolutePath | None = Field(None, alias="GARMIN_PERSONAL_API_KEY_FILE")
    garmin_personal_api_base_url: Server = Field(
        "https://personal.connectapi.garmin.com", alias="GARMIN_PERSONAL_API_BASE_URL"
    )
    garmin_api_url: Server = Field("https://connectapi.garmin.com", alias="GARMIN_API_URL")
    garmin_auth_url: Server = Field("https://diauth.garmin.com", alias="GARMIN_AUTH_URL")
    garmin_tokens_file: AbsolutePath | None = Field(None, alias="GARMIN_TOKENS_FILE")
    garmin_interval: float = Field(1.0, alias="GARMIN_INTERVAL", ge=0, le=3600)  # seconds between calls
    intervals_base_url: Server = Field("https://intervals.icu", alias="INTERVALS_BASE_URL")
    intervals_api_key: SecretStr | None = Field(None, alias="INTERVALS_API_KEY")
    intervals_athlete_id: Stripped = Field("0", alias="INTERVALS_ATHLETE_ID")
    intervals_client_id: Stripped | None = Field(None, alias="INTERVALS_CLIENT_ID")
    intervals_client_secret: SecretStr | None = Field(None, alias="INTERVALS_CLIENT_SECRET")
    intervals_webhook_secret: SecretStr | None = Field(None, alias="INTERVALS_WEBHOOK_SECRET")
    ridewithgps_base_url: Server = Field("https://ridewithgps.com", alias="RIDEWITHGPS_BASE_URL")
    ridewithgps_api_key: SecretStr | None = Field(None, alias="RIDEWITHGPS_API_KEY")
    ridewithgps_auth_token: SecretStr | None = Field(None, alias="RIDEWITHGPS_AUTH_TOKEN")
    ridewithgps_client_id: Stripped | None = Field(None, alias="RIDEWITHGPS_CLIENT_ID")
    ridewithgps_client_secret: SecretStr | None = Field(None, alias="RIDEWITHGPS_CLIENT_SECRET")
    ridewithgps_interval: float = Field(0.5, alias="RIDEWITHGPS_INTERVAL", ge=0, le=3600)  # seconds between calls
    wahoo_url: Server = Field("https://api.wahooligan.com", alias="WAHOO_URL")
    wahoo_client_id: Stripped | None = Field(None, alias="WAHOO_CLIENT_ID")
    wahoo_client_secret: SecretStr | None = Field(None, alias="WAHOO_CLIENT_SECRET")
    wahoo_token_file: AbsolutePath | None = Field(None, alias="WAHOO_TOKEN_FILE")
    wahoo_interval: float = Field(1.0, alias="WAHOO_INTERVAL", ge=0, le=3600)  # seconds between calls
    pings_config: AbsolutePath = Field(Path("cars.toml"), alias="PINGS_CONFIG")
    trips_source: Stripped | None = Field(None, alias="TRIPS_SOURCE", repr=False)  # such URLs carry a password
    trips_keys_file: AbsolutePath | None = Field(None, alias="TRIPS_KEYS_FILE")
    trips_fernet_keys: SecretStr | None = Field(None, alias="TRIPS_FERNET_KEYS")
    trips_keys_command: str | None = Field(None, alias="TRIPS_KEYS_COMMAND", repr=False)  # may name a token
    trips_osrm_url: Url | None = Field(None, alias="TRIPS_OSRM_URL")
    trips_geocoder_url: Url | None = Field(None, alias="TRIPS_GEOCODER_URL")
    spreadsheet_path: Paths | None = Field(None, alias="SPREADSHEET_PATH")
    spreadsheet_sheet: Stripped | None = Field(None, alias="SPREADSHEET_SHEET")
    spreadsheet_zone: Zone | None = Field(None, alias="SPREADSHEET_ZONE")  # None: `timezone`
    spreadsheet_units: Literal["imperial", "metric"] = Field("imperial", alias="SPREADSHEET_UNITS")
    spreadsheet_backups: int = Field(5, alias="SPREADSHEET_BACKUPS", ge=1, le=1000)
    ca_bundle: Bundle | None = Field(None, validation_alias=AliasChoices("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    dagster_home: Home = Field(Path(), alias="DAGSTER_HOME")

    @classmethod
    def examine(cls, **overrides: Any) -> tuple[Self, dict[str, str]]:
        """The settings with defaults in place of the faulty ones, and each faulty one's name (or its file) with its fault."""
        secrets = faulty_secrets(SECRETS, cls.variables())
        overrides = {**_files(), **({"_secrets_dir": None} if secrets else {}), **overrides}
        try:
            return cls(**overrides), secrets
        except ValidationError as error:
            faults = _faults(cls, error)
            defaults = {
                alias: spec.default
                for spec in cls.model_fields.values()
                if not faults.keys().isdisjoint(_names(spec))
                for alias in _names(spec)
            }
            return cls(**overrides, **defaults), secrets | faults
        except SettingsError as error:
            settings, faults = cls.examine(**{**overrides, "_secrets_dir": None})
            return settings, {str(SECRETS): unreadable(error, env_file(), SECRETS), **faults}
        except (OSError, UnicodeDecodeError) as error:
            settings, faults = cls.examine(_env_file=None, _secrets_dir=None)
            return settings, {".env": unreadable(error, env_file(), SECRETS), **faults}

    @classmethod
    def unwritten(cls) -> list[str]:
        """The variables that this environment sets and `.env` does not set to the same: elsewhere they would be missing."""
        written = DotEnvSettingsSource(cls)()
        return sorted(name for name, value in EnvSettingsSource(cls)().items() if written.get(name) != value)

    @staticmethod
    def variable(name: str) -> SecretStr:
        """An environment variable that a person named. Raises MissingSettingsError where it is not set."""
        value = os.environ.get(name, "").strip()
        if not value:
            raise MissingSettingsError(f"The environment variable {name} is not set.")
        return SecretStr(value)

    def require_application(self) -> Application:
        """The API application, or MissingSettingsError telling where to get it and what to write."""
        if self.client_id is not None and self.client_secret is not None:
            return Application(self.client_id, self.client_secret)
        values = {"STRAVA_CLIENT_ID": self.client_id, "STRAVA_CLIENT_SECRET": self.client_secret}
        absent = [name for name, value in values.items() if value is None]
        raise MissingSettingsError(
            f"No Strava API application is set up: {' and '.join(absent)} not set. Look up yours at "
            f"{APPLICATION_PAGE} and put these lines into {env_file()}:\n"
            "STRAVA_CLIENT_ID=<Client ID>\nSTRAVA_CLIENT_SECRET=<Client Secret>"
        )

    def require_webhook_secret(self) -> SecretStr:
        """The secret part of the intake's path, or MissingSettingsError telling how to make one."""
        if self.webhook_secret is None:
            raise MissingSettingsError(
                "STRAVA_WEBHOOK_SECRET is not set, so webhooks are off. Make a secret with `openssl rand -hex 32` and put it "
                f"into {env_file()}:\nSTRAVA_WEBHOOK_SECRET=<the secret>"
            )
        return self.webhook_secret

    def secret(self, variable: str) -> SecretStr | None:
        """The secret setting that a provider's record names by its variable, without blanks around it; None: it is not set.

        One that is none of ours is a setting of the package that brings the provider.
        """
        own = [name for name, spec in type(self).model_fields.items() if variable in _names(spec)]
        if own:
            value = getattr(self, own[0])
        else:
            one: Any = (SecretStr | None, Field(None, alias=variable))
            value = vars(create_model("Secret", __base__=SourceSettings, value=one).load())["value"]
        text = value.get_secret_value().strip() if isinstance(value, SecretStr) else ""
        return SecretStr(text) if text else None

    def is_set(self, variable: str) -> bool:
        """Whether a variable of ours has a value, be it the default one."""
        return variable in self.environ()

    @property
    def reader_group(self) -> int | None:
        """The number of the group whose members may read the published warehouse."""
        return None if self.data_group is None else group_id(self.data_group)

    @property
    def dashboard_password_file(self) -> Path:
        """The hash of the dashboard's password, where one is set."""
        return self.secrets_dir / "dashboard_password.json"

    @property
    def answer_limit(self) -> AnswerLimit:
        """How large an answer of Strava's may be."""
        return AnswerLimit(self.answer_limit_mb * MEGABYTE)

    @property
    def import_limits(self) -> ImportLimits:
        """How large files of an import, and all of it, may be."""
        return ImportLimits(
            file_bytes=self.import_file_limit_mb * MEGABYTE,
            points=self.import_points_limit,
            total_bytes=self.import_limit_mb * MEGABYTE,
        )

    @property
    def trip_limits(self) -> TripLimits:
        """How large an encrypted column of a trip may be."""
        return TripLimits(self.trips_column_limit_mb * MEGABYTE)

    @property
    def takes_pings(self) -> bool:
        """Whether there are people whose pings are taken."""
        return self.pings_config.exists()

    @property
    def has_intake(self) -> bool:
        """Whether Strava's events or pings are taken in over the web."""
        return self.webhook_secret is not None or self.takes_pings

    def environ(self) -> dict[str, str]:
        """The environment variables that make these settings again in a subprocess, the secret included."""
        found: dict[str, str] = {}
        for name, spec in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None:
                plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                found[_variable(spec.validation_alias)] = plain
        return found

    @model_validator(mode="before")
    @classmethod
    def _api_below_base(cls, values: dict[str, Any]) -> dict[str, Any]:
        if any(values.get(name) for name in ("STRAVA_API_URL", "api_url")):
            return values
        base = values.get("STRAVA_BASE_URL") or values.get("base_url") or cls.model_fields["base_url"].default
        return {**values, "STRAVA_API_URL": f"{str(base).strip().rstrip('/')}/api/v3"}


def env_file() -> Path:
    """`.env` of the working directory, or the file that STRAVA_ENV_FILE names in its place."""
    return Path(os.environ.get(ENV_FILE) or ".env").absolute()


def _files() -> dict[str, Path]:
    """Where settings are read from below the environment: `.env`, and below it the folder of secrets, if we may list it."""
    return {"_env_file": env_file()} | ({"_secrets_dir": SECRETS} if is_usable(SECRETS) else {})


def _faults(kind: type[SourceSettings], error: ValidationError) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in error.errors(include_url=False, include_input=False):
        location = str(item["loc"][0]) if item["loc"] else "settings"
        spec = kind.model_fields.get(location)
        name = _variable(spec.validation_alias) if spec is not None else location
        found[name] = str(item["msg"]).removeprefix("Value error, ")
    return found


def _variable(alias: str | AliasChoices | Any) -> str:
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else str(alias)


def _names(spec: FieldInfo) -> list[str]:
    """The variables of a field."""
    alias = spec.validation_alias
    return [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [str(alias)]
