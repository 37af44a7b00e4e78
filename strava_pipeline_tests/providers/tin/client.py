"""The tin toy's client: the toy's, for another service and with a login that is a setting."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, SecretStr

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.environment.setting_values import Server
from strava_pipeline.environment.settings import Settings, SourceSettings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline_tests.providers.toy.client import ToyClient

LOGIN_SETTINGS = ("TIN_KEY",)


class TinSettings(SourceSettings):
    url: Server = Field("https://tin.example", alias="TIN_URL")
    key: SecretStr | None = Field(None, alias="TIN_KEY")


class TinClient(ToyClient):
    @property
    def spec(self) -> ProviderSpec:
        return spec_of("tin")


def login_files(settings: Settings) -> Sequence[Path]:
    return []


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> TinClient:
    own = TinSettings.load()
    if own.key is None:
        raise MissingSettingsError("TIN_KEY is not set. Ask the tin toy for a key.")
    return TinClient(own.url, own.key.get_secret_value(), make_wire(settings, clock), clock, on_wait)
