"""Every setting, checked. setting_sources.py reads them; nothing else reads the environment.

Names and defaults are the table in docs/settings.md and `.env.example`. What a setting does is described where it is used.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import AliasChoices, Field, PrivateAttr, SecretStr, ValidationError, create_model, model_validator
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, SettingsError

from strava_pipeline.core.errors import APPLICATION_PAGE, MissingSettingsError
from strava_pipeline.core.limits import MEGABYTE, AnswerLimit, ImportLimits, TripLimits
from strava_pipeline.core.sources import NOWHERE
from strava_pipeline.core.sports import FILE_SPORTS
from strava_pipeline.environment.process_owner import athlete_folder, is_house, reading_folder
from strava_pipeline.environment.setting_sources import (
    ENV_FILE,
    SECRETS,
    SourceSettings,
    env_file,
    faults_of,
    faulty_secrets,
    house,
    left_settings,
    own,
    read_from,
    restic_environment,
    seam,
    secrets_folder,
    unreadable,
    variables_of,
)
from strava_pipeline.environment.setting_values import (
    AbsolutePath,
    Bundle,
    Cron,
    Group,
    Home,
    HostAndPort,
    HostAndPortOrOff,
    HostNames,
    LedgerFolder,
    Password,
    Paths,
    PathSecret,
    PostgresUrl,
    PrivateHostAndPort,
    Repository,
    Server,
    Sports,
    Stripped,
    Tiles,
    TripsUrl,
    Url,
    Zone,
    group_id,
    is_loopback,
)

__all__ = ["ENV_FILE", "SECRETS", "Application", "Settings", "SourceSettings", "env_file", "secrets_folder"]


@dataclass(frozen=True, slots=True)
class Application:
    """The user's API application."""

    client_id: str
    client_secret: SecretStr = field(repr=False)


class Settings(SourceSettings):
    """All settings of strava_pipeline, checked. Paths are absolute; a field's alias is its name in the environment."""

    _athlete_folder: Path | None = PrivateAttr(default_factory=athlete_folder)

    client_id: Stripped | None = house(None, alias="STRAVA_CLIENT_ID")
    client_secret: SecretStr | None = house(None, alias="STRAVA_CLIENT_SECRET")
    redirect_uri: Url = house("http://localhost/exchange_token", alias="STRAVA_REDIRECT_URI")
    base_url: Server = house("https://www.strava.com", alias="STRAVA_BASE_URL")
    api_url: Server = house("", alias="STRAVA_API_URL")
    data_dir: AbsolutePath = own(Path("data"), alias="STRAVA_DATA_DIR")
    data_group: Group | None = own(None, alias="STRAVA_DATA_GROUP")
    secrets_dir: AbsolutePath = own(Path("secrets"), alias="STRAVA_SECRETS_DIR")
    logs_dir: AbsolutePath = own(Path("logs"), alias="STRAVA_LOGS_DIR")
    log_stdout: Literal["json", "runs"] | None = house(None, alias="STRAVA_LOG_STDOUT")
    ledger_dir: LedgerFolder = house(Path(), alias="STRAVA_LEDGER_DIR")
    per_page: int = house(200, alias="PER_PAGE", ge=1, le=200)  # Strava answers 400 above 200
    days: int = house(21, alias="DAYS", ge=0, le=36_500)
    refresh_calls: int = house(50, alias="STRAVA_REFRESH_CALLS", ge=0)
    schedule: Cron = house("0 5 * * *", alias="STRAVA_SCHEDULE")
    timezone: Zone = house("Europe/London", alias="STRAVA_TIMEZONE")
    first_year: int = house(2008, alias="STRAVA_FIRST_YEAR", ge=1970, le=2100)
    clock_speed: float = house(1.0, alias="STRAVA_CLOCK_SPEED", gt=0, allow_inf_nan=False)
    automation: bool = house(True, alias="STRAVA_AUTOMATION")
    api_keep_days: int | None = house(None, alias="STRAVA_API_KEEP_DAYS", ge=1, le=36_500)
    why_services: bool = house(True, alias="WHY_SERVICES")
    run_records_days: int = house(400, alias="STRAVA_RUN_RECORDS_DAYS", ge=7, le=36_500)
    answer_limit_mb: int = house(64, alias="STRAVA_ANSWER_LIMIT_MB", ge=1, le=1_000_000_000)
    insight_sports: Sports = own(FILE_SPORTS, alias="STRAVA_INSIGHT_SPORTS")
    csv_escape_formulas: bool = house(False, alias="STRAVA_CSV_ESCAPE_FORMULAS")
    alert_url: Url | None = own(None, alias="STRAVA_ALERT_URL", repr=False)  # such URLs carry a key
    webhook_secret: PathSecret | None = own(None, alias="STRAVA_WEBHOOK_SECRET")
    serve_address: HostAndPort = own("127.0.0.1:8722", alias="STRAVA_SERVE_ADDRESS")
    dashboard_address: HostAndPortOrOff = own("127.0.0.1:8723", alias="DASHBOARD_ADDRESS")
    dashboard_behind_proxy: bool = own(False, alias="DASHBOARD_BEHIND_PROXY")
    dashboard_hosts: HostNames | None = own(None, alias="DASHBOARD_HOSTS")
    dashboard_lan: bool = own(False, alias="DASHBOARD_LAN")
    dashboard_password: Password | None = own(None, alias="DASHBOARD_PASSWORD")
    dashboard_cert: AbsolutePath | None = own(None, alias="DASHBOARD_CERT")
    dashboard_key: AbsolutePath | None = own(None, alias="DASHBOARD_KEY")
    metrics_address: PrivateHostAndPort | None = own(None, alias="METRICS_ADDRESS")
    database_url: SecretStr | None = own(None, alias="DATABASE_URL")
    export_url: PostgresUrl | None = own(None, alias="EXPORT_URL")
    sentry_dsn: SecretStr | None = house(None, alias="SENTRY_DSN")
    map_tiles_url: Tiles | None = house(None, alias="MAP_TILES_URL", repr=False)  # may carry a key
    map_region_source: Url = house("https://build.protomaps.com/{date}.pmtiles", alias="MAP_REGION_SOURCE", repr=False)
    map_tiles_attribution: Stripped = house("© OpenStreetMap contributors", alias="MAP_TILES_ATTRIBUTION")
    providers_config: AbsolutePath = own(Path("providers.toml"), alias="PROVIDERS_CONFIG")
    garmin_personal_api_key: SecretStr | None = own(None, alias="GARMIN_PERSONAL_API_KEY")
    garmin_personal_api_key_file: AbsolutePath | None = own(None, alias="GARMIN_PERSONAL_API_KEY_FILE")
    garmin_personal_api_base_url: Server = house(
        "https://personal.connectapi.garmin.com", alias="GARMIN_PERSONAL_API_BASE_URL"
    )
    garmin_api_url: Server = house("https://connectapi.garmin.com", alias="GARMIN_API_URL")
    garmin_auth_url: Server = house("https://diauth.garmin.com", alias="GARMIN_AUTH_URL")
    garmin_tokens_file: AbsolutePath | None = own(None, alias="GARMIN_TOKENS_FILE")
    intervals_base_url: Server = house("https://intervals.icu", alias="INTERVALS_BASE_URL")
    intervals_api_key: SecretStr | None = own(None, alias="INTERVALS_API_KEY")
    intervals_athlete_id: Stripped = own("0", alias="INTERVALS_ATHLETE_ID")
    intervals_client_id: Stripped | None = house(None, alias="INTERVALS_CLIENT_ID")
    intervals_client_secret: SecretStr | None = house(None, alias="INTERVALS_CLIENT_SECRET")
    intervals_webhook_secret: SecretStr | None = house(None, alias="INTERVALS_WEBHOOK_SECRET")
    ridewithgps_base_url: Server = house("https://ridewithgps.com", alias="RIDEWITHGPS_BASE_URL")
    ridewithgps_api_key: SecretStr | None = own(None, alias="RIDEWITHGPS_API_KEY")
    ridewithgps_auth_token: SecretStr | None = own(None, alias="RIDEWITHGPS_AUTH_TOKEN")
    ridewithgps_client_id: Stripped | None = house(None, alias="RIDEWITHGPS_CLIENT_ID")
    ridewithgps_client_secret: SecretStr | None = house(None, alias="RIDEWITHGPS_CLIENT_SECRET")
    wahoo_client_id: Stripped | None = house(None, alias="WAHOO_CLIENT_ID")
    wahoo_client_secret: SecretStr | None = house(None, alias="WAHOO_CLIENT_SECRET")
    pings_config: AbsolutePath = own(Path("cars.toml"), alias="PINGS_CONFIG")
    trips_source: TripsUrl | None = own(None, alias="TRIPS_SOURCE", repr=False)  # such URLs carry a password
    trips_keys_file: AbsolutePath | None = own(None, alias="TRIPS_KEYS_FILE")
    trips_fernet_keys: SecretStr | None = own(None, alias="TRIPS_FERNET_KEYS")
    trips_keys_command: str | None = own(None, alias="TRIPS_KEYS_COMMAND", repr=False)  # may name a token
    trips_processes: int = house(1, alias="TRIPS_PROCESSES", ge=1)
    trips_osrm_url: Url | None = house(None, alias="TRIPS_OSRM_URL")
    trips_geocoder_url: Url | None = house(None, alias="TRIPS_GEOCODER_URL")
    spreadsheet_path: Paths | None = own(None, alias="SPREADSHEET_PATH")
    spreadsheet_sheet: Stripped | None = own(None, alias="SPREADSHEET_SHEET")
    spreadsheet_zone: Zone | None = own(None, alias="SPREADSHEET_ZONE")  # None: `timezone`
    spreadsheet_units: Literal["imperial", "metric"] = own("imperial", alias="SPREADSHEET_UNITS")
    restic_repository: Repository | None = own(None, alias="RESTIC_REPOSITORY")  # such addresses may carry a password
    restic_password_file: AbsolutePath | None = own(None, alias="RESTIC_PASSWORD_FILE")
    restic_password_command: str | None = own(None, alias="RESTIC_PASSWORD_COMMAND", repr=False)  # may name a token
    ca_bundle: Bundle | None = house(None, validation_alias=AliasChoices("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"))
    athletes_dir: AbsolutePath | None = house(None, alias="ATHLETES_DIR")
    house_name: str = house("house", alias="HOUSE_NAME", pattern=r"^[a-z][a-z0-9_]{0,31}$")
    dagster_home: Home = own(Path(), alias="DAGSTER_HOME")
    dashboard_requests: bool = seam(False, alias="SEAM_DASHBOARD_REQUESTS")  # with automation=False: done all the same
    pauses: float = seam(1.0, ge=0, alias="SEAM_PAUSES")  # between two calls to a service: times what its client says
    # between publishes of what webhooks changed
    publish_minutes: int = seam(5, ge=0, le=1440, alias="SEAM_PUBLISH_MINUTES")
    sentry_sample_rate: float = seam(0.1, ge=0, le=1, alias="SEAM_SENTRY_SAMPLE_RATE")
    wahoo_url: Server = seam("https://api.wahooligan.com", alias="SEAM_WAHOO_URL")
    wahoo_token_file: AbsolutePath | None = seam(None, alias="SEAM_WAHOO_TOKEN_FILE")
    import_limits: ImportLimits = ImportLimits()
    trip_limits: TripLimits = TripLimits()

    @classmethod
    def examine(cls, **overrides: Any) -> tuple[Self, dict[str, str]]:
        """The settings with defaults in place of the faulty ones, and each faulty one's name (or its file) with its fault."""
        secrets = faulty_secrets(cls.variables())
        overrides = {**read_from(), **({"_secrets_dir": None} if secrets else {}), **overrides}
        try:
            return cls(**overrides), secrets
        except ValidationError as error:
            faults = faults_of(cls, error)
            defaults = {
                alias: spec.default
                for spec in cls.model_fields.values()
                if not faults.keys().isdisjoint(variables_of(spec))
                for alias in variables_of(spec)
            }
            return cls(**overrides, **defaults), secrets | faults
        except SettingsError as error:
            settings, faults = cls.examine(**{**overrides, "_secrets_dir": None})
            return settings, {str(secrets_folder()): unreadable(error), **faults}
        except (OSError, UnicodeDecodeError) as error:
            settings, faults = cls.examine(_env_file=None, _secrets_dir=None)
            return settings, {".env": unreadable(error), **faults}

    @classmethod
    def unwritten(cls) -> list[str]:
        """The variables that this environment sets, but `.env` doesn't, or differently: elsewhere they would be missing.

        A process of one athlete has everything that the house sets; then `.env` is the house's, and derived variables
        don't count. Nor do those that we set for the house's own Dagster.
        """
        written = DotEnvSettingsSource(cls)()
        if is_house():
            ours = ("DAGSTER_HOME", "STRAVA_DATA_DIR", "STRAVA_LOGS_DIR", "STRAVA_LEDGER_DIR")
            written |= {name: os.environ[name] for name in ours}
        if athlete_folder() is not None:
            return sorted(EnvSettingsSource(cls)().keys() - written.keys() - {"STRAVA_API_URL", "STRAVA_LEDGER_DIR"})
        return sorted(name for name, value in EnvSettingsSource(cls)().items() if written.get(name) != value)

    @staticmethod
    def variable(name: str) -> SecretStr:
        """An environment variable that a person named. Raises MissingSettingsError if it is not set."""
        value = os.environ.get(name, "").strip()
        if not value:
            raise MissingSettingsError(f"The environment variable {name} is not set.")
        return SecretStr(value)

    @property
    def is_demo_alone(self) -> bool:
        """Whether it is the demo's folder, without the emulators that `dev --demo` brings."""
        return self.base_url == NOWHERE

    def pause(self, seconds: float, url: str) -> float:
        """The time between two calls to a service; an emulator on this machine may be asked faster."""
        return seconds * self.pauses if is_loopback(url) else seconds

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
        """The secret setting that a provider's record names by its variable, stripped, or None if it is not set.

        A variable that isn't ours is a setting of the package that brings the provider.
        """
        ours = [name for name, spec in type(self).model_fields.items() if variable in variables_of(spec)]
        if ours:
            value = getattr(self, ours[0])
        else:
            one: Any = (SecretStr | None, Field(None, alias=variable))
            with reading_folder(self._athlete_folder):
                value = vars(create_model("Secret", __base__=SourceSettings, value=one).load())["value"]
        text = value.get_secret_value().strip() if isinstance(value, SecretStr) else ""
        return SecretStr(text) if text else None

    def is_set(self, variable: str) -> bool:
        """Whether a variable of ours has a value, possibly the default one."""
        return variable in self.environ()

    @property
    def athlete_folder(self) -> Path | None:
        """The folder of the athlete of ATHLETES_DIR whose settings these are, or None for the house's own, or with a
        single athlete.
        """
        return self._athlete_folder

    @property
    def reader_group(self) -> int | None:
        """The number of the group whose members may read the published warehouse."""
        return None if self.data_group is None else group_id(self.data_group)

    @property
    def dashboard_password_file(self) -> Path:
        """The file with the hash of the dashboard's password, if one is set."""
        return self.secrets_dir / "dashboard_password.json"

    @property
    def is_copied(self) -> bool:
        """Whether a second copy is made."""
        return self.restic_repository is not None and (
            self.restic_password_file is not None or self.restic_password_command is not None
        )

    @property
    def left(self) -> list[str]:
        """Settings of a person that nothing reads any more, in words."""
        with reading_folder(self._athlete_folder):
            return left_settings()

    @property
    def copy_place(self) -> str | None:
        """The address of the second copy, without a password, or None."""
        address = self.restic_repository
        return None if address is None else re.sub(r"(://[^/:@]*):[^/]*@", r"\1:***@", address.get_secret_value())

    def restic_environment(self) -> dict[str, str]:
        """The environment of restic, without its password: this process's variables, and those of `.env` about stores."""
        with reading_folder(self._athlete_folder):
            return restic_environment()

    @property
    def answer_limit(self) -> AnswerLimit:
        """The maximum size of an answer of Strava's."""
        return AnswerLimit(self.answer_limit_mb * MEGABYTE)

    @property
    def takes_pings(self) -> bool:
        """Whether there are people whose pings are accepted."""
        return self.pings_config.exists()

    @property
    def has_intake(self) -> bool:
        """Whether Strava's events or pings are accepted over the web."""
        return self.webhook_secret is not None or self.takes_pings

    def environ(self) -> dict[str, str]:
        """The environment variables that recreate these settings in a subprocess, including the secret."""
        found: dict[str, str] = {}
        for name, spec in type(self).model_fields.items():
            value = getattr(self, name)
            if value is not None:
                plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                found |= dict.fromkeys(variables_of(spec)[:1], plain)
        return found

    @model_validator(mode="before")
    @classmethod
    def _api_below_base(cls, values: dict[str, Any]) -> dict[str, Any]:
        if any(values.get(name) for name in ("STRAVA_API_URL", "api_url")):
            return values
        base = values.get("STRAVA_BASE_URL") or values.get("base_url") or cls.model_fields["base_url"].default
        return {**values, "STRAVA_API_URL": f"{str(base).strip().rstrip('/')}/api/v3"}
