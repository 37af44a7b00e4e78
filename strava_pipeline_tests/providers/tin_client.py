"""The tin toy's client: the toy's, for another service and with a login that is a setting."""

from collections.abc import Sequence
from pathlib import Path

from strava_pipeline.core.errors import MissingSettingsError
from strava_pipeline.core.providers import ProviderSpec, spec_of
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.provider import OnWait
from strava_pipeline.settings import Settings
from strava_pipeline_tests.providers.toy_client import KEY, ToyClient

ADDRESS = {"url": ""}  # a real provider has settings
KEYS = {"TIN_KEY": KEY}
LOGIN_SETTINGS = ("TIN_KEY",)


class TinClient(ToyClient):
    @property
    def spec(self) -> ProviderSpec:
        return spec_of("tin")


def login_files(settings: Settings) -> Sequence[Path]:
    return []


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> TinClient:
    if not KEYS["TIN_KEY"]:
        raise MissingSettingsError("TIN_KEY is not set. Ask the tin toy for a key.")
    return TinClient(ADDRESS["url"], KEYS["TIN_KEY"], make_wire(settings, clock), clock, on_wait)
