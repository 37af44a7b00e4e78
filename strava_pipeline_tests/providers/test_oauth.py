"""Logins on the page of a service: what a person pastes or a redirect brings, what is kept of it, and what is refused."""

import json
import logging
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.errors import ForbiddenError, MisuseError, NeedsLoginError
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.intervals_icu.writes import connect_writer
from strava_pipeline.ingest.provider import LoginRequest
from strava_pipeline.ingest.registry import login_traces
from strava_pipeline.ingest.service_oauth import token_file
from strava_pipeline.ingest.writer import Reading
from strava_pipeline.operations.source import Source
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.providers.worlds import World, five

pytestmark = pytest.mark.parametrize("world", ["intervals_icu", "ridewithgps"], indirect=True)

PERSONAL = ("intervals_api_key", "ridewithgps_api_key", "ridewithgps_auth_token")


def consents(world: World) -> Any:
    return world.subject.service.consents  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _application(world: World) -> None:
    """The settings name an application, and no other login."""
    prefix = "intervals" if world.subject.name == "intervals_icu" else "ridewithgps"
    found: dict[str, Any] = {name: None for name in PERSONAL if name in type(world.settings).model_fields}
    found |= {f"{prefix}_client_id": consents(world).client_id, "intervals_athlete_id": "0"}
    found[f"{prefix}_client_secret"] = SecretStr(consents(world).client_secret)
    world.settings = world.settings.model_copy(update=found)


class Person:
    """Opens the page that is shown, and pastes where it led; `change` makes another address of it."""

    def __init__(self, change: Callable[[str], str] = lambda address: address) -> None:
        self.said: list[str] = []
        self._change = change

    @property
    def page(self) -> str:
        return next(found[0] for text in self.said if (found := re.search(r"http://\S+authorize\S+", text)))

    def ask(self, question: str) -> str:
        assert question == "Paste that address, or its code"
        return self._change(requests.get(self.page, allow_redirects=False, timeout=PATIENCE).headers["Location"])

    def request(self, **more: Any) -> LoginRequest:
        return LoginRequest(tokens=None, ask=self.ask, ask_secret=self.ask, say=self.said.append, **more)


def rename(world: World, source_id: str) -> None:
    """Write a name there, by the writer."""
    clock = machine_clock(now=world.subject.clock.now)
    writer = connect_writer(world.settings, clock, lambda why, seconds: None)
    change = Change(kind="update_name", provider=world.subject.name, month="2025-01", source_id=source_id, new="New")
    writer.write([change], [Reading(None)])


def log_in(world: World, person: Person, **more: Any) -> None:
    registry.log_in(world.subject.name, world.settings, person.request(**more))


def test_the_pasted_address_becomes_a_login_of_its_owner_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    name, person = world.subject.name, Person()
    assert f"providers login {name}" in (registry.missing_login(name, world.settings) or "")
    assert registry.login_settings(name, world.settings) == ()
    five(world.subject)
    log_in(world, person)
    path = token_file(world.settings, name)
    assert path.stat().st_mode & 0o777 == 0o600
    kept = json.loads(path.read_text())
    assert kept["access_token"] in consents(world).tokens
    assert path in login_traces(world.settings), "purge deletes it"
    world.pull()
    assert len(world.names()) == 5
    account = Source(name, world.settings, world.run()).account_name
    assert account == kept["account"]
    said = "".join(person.said) + caplog.text
    assert "Not granted" not in said
    for secret in (kept["access_token"], consents(world).client_secret, "code-1"):
        assert secret not in said
    consents(world).tokens.clear()
    with pytest.raises((ForbiddenError, NeedsLoginError), match=f"Run strava-pipeline providers login {name}"):
        world.pull()
    path.write_text("{}")
    assert "holds no login" in (registry.missing_login(name, world.settings) or "")


def test_the_redirect_is_caught_on_this_machine(world: World) -> None:
    person, answers = Person(), []

    def open_page(text: str) -> None:
        person.said.append(text)
        if "authorize" in text:
            answers.append(threading.Thread(target=requests.get, args=(person.page,), kwargs={"timeout": PATIENCE}))
            answers[-1].start()

    request = LoginRequest(tokens=None, ask=person.ask, ask_secret=person.ask, say=open_page, listen=0)
    registry.log_in(world.subject.name, world.settings, request)
    answers[0].join()
    assert token_file(world.settings, world.subject.name).exists()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda address: address.replace("state=", "state=x"), "its state differs"),
        (lambda address: address.partition("&state=")[0].replace("state=", "s="), "its state differs"),
        (lambda address: re.sub("code=[^&]+", "code=code-99", address), "did not accept the code"),
        (lambda address: re.sub("code=[^&]+", "c=1", address), "There is no code in this address"),
        (lambda address: "http://localhost/?error=access_denied", "Access was denied on .*'s page"),
        (lambda address: "not one of them", "is not one of .*'s codes"),
    ],
)
def test_another_answer_is_refused_and_changes_nothing(world: World, change: Callable[[str], str], why: str) -> None:
    with pytest.raises(NeedsLoginError, match=why):
        log_in(world, Person(change))
    assert not token_file(world.settings, world.subject.name).exists()


def test_a_refusal_a_code_that_is_used_up_and_scopes_that_are_not_granted_are_said(world: World) -> None:
    person = Person()
    log_in(world, person)
    with pytest.raises(NeedsLoginError, match="A code works once"):
        log_in(world, Person(), code="code-1")
    consents(world).denied = True
    with pytest.raises(NeedsLoginError, match=f"To allow it: strava-pipeline providers login {world.subject.name}"):
        log_in(world, Person())
    consents(world).denied = False
    with pytest.raises(MisuseError, match="no file of tokens"):
        registry.log_in(
            world.subject.name,
            world.settings,
            LoginRequest(tokens=token_file(world.settings, "x"), ask=str, ask_secret=str, say=str),
        )
    if world.subject.name == "intervals_icu":
        consents(world).withheld = frozenset({"ACTIVITY:WRITE"})
        log_in(world, person := Person(), writes=True)
        assert "scope=ACTIVITY:WRITE,SETTINGS:READ" in person.page
        assert any("Not granted: ACTIVITY:WRITE – nothing can be changed there" in text for text in person.said)
        with pytest.raises(ForbiddenError, match="Run strava-pipeline providers login"):
            rename(world, ride := five(world.subject)[0])
        consents(world).withheld = frozenset()
        log_in(world, person := Person(), writes=True, creates_gear=True, reads_days=True)
        assert "scope=ACTIVITY:WRITE,SETTINGS:WRITE,WELLNESS:READ" in person.page
        rename(world, ride)
        assert len(world.subject.journal.writes) == 1
