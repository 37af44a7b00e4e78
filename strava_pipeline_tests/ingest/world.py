"""An emulator, settings that point at it, and time that passes at once. The emulator is steered over its own control paths."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.budget import CallShare
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.consent import read_consent
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.strava.client import StravaClient, connect
from strava_pipeline.ingest.strava.emulator.app import Emulator
from strava_pipeline.ingest.strava.emulator.application import EmulatorConfig
from strava_pipeline.ingest.strava.oauth import SCOPES, OAuth, StoredToken, make_oauth, token_store
from strava_pipeline_tests.ingest.fakes import START

SECRET = "emulator-secret"
_SHARE = {each.name for each in fields(CallShare)}


class World:
    """One emulator and everything a client of it needs."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.settings = Settings(
            _env_file=None,
            data_dir=folder / "data",
            secrets_dir=folder / "secrets",
            ledger_dir=folder / "ledger",
            base_url=url,
            api_url=f"{url}/api/v3",
            client_id="12345",
            client_secret=SECRET,
        )
        self.store = token_store(self.settings)
        self.slept: list[float] = []
        self._jumped = 0.0

    @classmethod
    @contextmanager
    def started(cls, folder: Path, **config: Any) -> Iterator["World"]:
        given = {"now": START, "activities": 30, "years": (2025, 2026), **config}
        with Emulator(EmulatorConfig(**given)) as emulator:
            yield cls(emulator.url, folder)

    def clock(self, wrong: timedelta = timedelta(0), speed: float = 1.0) -> ServerClock:
        """Local time is `wrong` by so much; sleeping moves this clock and the emulator's on at once."""
        began = time.monotonic()

        def steady() -> float:
            return time.monotonic() - began + self._jumped / speed

        return ServerClock(
            lambda: START + wrong + timedelta(seconds=steady()), steady, lambda s: self.sleep(s * speed), speed=speed
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._jumped += seconds
        self.order("clock", advance=seconds)

    def oauth(self) -> OAuth:
        return make_oauth(self.settings, make_wire(self.settings, self.clock()), self.clock())

    def log_in(self, scopes: tuple[str, ...] = SCOPES) -> StoredToken:
        """Consent and exchange; nothing of it counts."""
        oauth = self.oauth()
        consent = read_consent(self.redirect(oauth.authorize_url("http://localhost/exchange_token", "s", scopes)), "s")
        token = StoredToken({**oauth.exchange_code(consent.code), "scope": ",".join(consent.scopes or ())})
        self.store.save(token)
        return token

    def redirect(self, url: str) -> str:
        """Where the consent page sends the athlete."""
        return requests.get(url, allow_redirects=False, timeout=10).headers["Location"]

    def connect(
        self, *, settings: Settings | None = None, clock: ServerClock | None = None, **options: Any
    ) -> StravaClient:
        share = CallShare(**{name: options.pop(name) for name in _SHARE & options.keys()})
        return connect(settings or self.settings, clock or self.clock(), share=share, **options)

    def order(self, what: str, **order: Any) -> Any:
        answer = requests.post(f"{self.url}/_emulator/{what}", json=order, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def fault(self, path: str, kind: str, **fields: Any) -> None:
        self.order("faults", path=path, kind=kind, **fields)

    def calls(self) -> dict[str, Any]:
        report: dict[str, Any] = requests.get(f"{self.url}/_emulator/calls", timeout=10).json()
        return report

    def ids(self) -> list[int]:
        """The ids of all activities, fetched past the client but with its token: counts as foreign calls."""
        return [item["id"] for item in self.foreign_call("/athlete/activities?per_page=200").json()]

    def foreign_call(self, path: str) -> requests.Response:
        """A call by another program with the same application."""
        headers = {"Authorization": f"Bearer {self.store.load().access_token}"}
        return requests.get(f"{self.url}/api/v3{path}", headers=headers, timeout=10)

    def secrets(self) -> list[str]:
        """What must never be shown."""
        raw = json.loads(self.store.path.read_bytes())
        return [SECRET, raw["access_token"], raw["refresh_token"]]


def utc(*fields: int) -> datetime:
    return datetime(*fields, tzinfo=UTC)  # type: ignore[arg-type,misc]
