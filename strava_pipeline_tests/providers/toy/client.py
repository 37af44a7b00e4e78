"""The toy's client, and its setting."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import Field

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.providers import Kind, spec_of
from strava_pipeline.environment.setting_values import Server
from strava_pipeline.environment.settings import Settings, SourceSettings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.http import Wire, make_wire
from strava_pipeline.ingest.login_file import LoginFile, StoredLogin
from strava_pipeline.ingest.provider import Login, LoginRequest, OnWait, Page, Received
from strava_pipeline.ingest.service_client import ServiceClient, ServiceProvider
from strava_pipeline_tests.providers.toy.record import NAME, rows

KEY = "toy-secret-key"


class ToySettings(SourceSettings):
    url: Server = Field("https://toy.example", alias="TOY_URL")


class ToyClient(ServiceProvider):
    def __init__(self, base_url: str, key: str, wire: Wire, clock: ServerClock, on_wait: OnWait) -> None:
        service = ServiceClient(
            spec_of("toy"),
            base_url,
            wire,
            clock,
            login="Ask the toy for a new key.",
            bearer=key,
            on_wait=on_wait,
        )
        super().__init__("toy", base_url, service)

    def login(self) -> Login:
        return Login(str(self._service.login_answer("/me", check=wrong_account).json["account"]))

    def list_pages(self, after: int | None, before: int | None, per_page: int) -> Iterator[Page]:
        number = 0
        while True:
            number += 1
            calls = self.calls
            request = {"after": after, "before": before, "page": number, "per_page": per_page}
            request = {name: value for name, value in request.items() if value is not None}
            answer = self._service.get("/activities", request, check=wrong_page)
            read = self.spec.read_page(answer.json)
            yield Page(number, per_page, read, answer.body, answer.fetched_at, self.calls - calls)
            if not answer.json["more"]:
                return

    def get_file(self, source_id: str) -> Received:
        answer = self._service.get(f"/activities/{quote(source_id, safe='')}/file", is_json=False)
        return Received(answer.body, answer.fetched_at, f"{source_id}.{answer.headers['Content-Type'].split('/')[1]}")

    def list_kind(self, kind: Kind, first: date | None, last: date | None) -> Iterator[Received]:
        answer = self._service.get("/bikes", check=wrong_bikes)
        yield Received(answer.body, answer.fetched_at)


def wrong_page(content: Any) -> str | None:
    found = rows(content)
    if not isinstance(content.get("more"), bool):
        return "it does not say whether there is more"
    return "it is empty, and says that there is more" if content["more"] and not found else None


def wrong_account(content: Any) -> str | None:
    return None if isinstance(content, dict) and content.get("account") else "it names no account"


def wrong_bikes(content: Any) -> str | None:
    try:
        spec_of("toy").kinds["gear"](content)
    except (KeyError, TypeError):
        return "it is no list of bikes"
    return None


def login_files(settings: Settings) -> Sequence[Path]:
    return [settings.secrets_dir / "toy_login.json"]


class ToyLogin(StoredLogin):
    needs = ("key",)


def login_file(settings: Settings) -> LoginFile[ToyLogin]:
    (path,) = login_files(settings)
    return LoginFile(
        path=path,
        parse=ToyLogin,
        log_in="ask the toy for a new key",
        missing=f"There is no {path.name} yet. Ask the toy for a key.",
        damaged=f"{path.name} is damaged. Delete it and ask the toy for a new key.",
    )


def login(settings: Settings, clock: ServerClock, request: LoginRequest) -> None:
    if request.tokens is None:
        given = {"name": request.ask("Your name at the toy"), "key": request.ask_secret("Key")}
        login_file(settings).save(ToyLogin(given))
        return
    try:
        key = json.loads(request.tokens.read_text())["key"]
    except (OSError, ValueError, KeyError, TypeError):
        raise MisuseError(f"{request.tokens} holds no key of the toy.") from None
    login_file(settings).save(ToyLogin({"key": key}))


def connect(settings: Settings, clock: ServerClock, on_wait: OnWait) -> ToyClient:
    key = login_file(settings).load().raw["key"]
    return ToyClient(ToySettings.load().url, key, make_wire(settings, clock, NAME), clock, on_wait)
