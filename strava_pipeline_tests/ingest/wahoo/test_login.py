"""Wahoo's login: the page, the pair of tokens that replaces another one, and what ends it."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from strava_pipeline.core.errors import LoginServiceError, NeedsLoginError, PipelineError
from strava_pipeline.ingest import registry
from strava_pipeline.ingest.clock import machine_clock
from strava_pipeline.ingest.provider import LoginRequest
from strava_pipeline.ingest.wahoo.emulator.service import LIFE, MOST_TOKENS
from strava_pipeline.ingest.wahoo.login import token_file
from strava_pipeline_tests.ingest.wahoo.test_client import client, service
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.providers.worlds import World, world_of

TOKEN = "/oauth/token"
SOON = timedelta(seconds=LIFE - 60)  # the token lives, and is about to end


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Wahoo's alone; its tokens live for two hours."""
    with world_of("wahoo", tmp_path, monkeypatch) as found:
        service(found).life = LIFE
        log_in(found)
        found.subject.journal.reset()
        yield found


def log_in(world: World, change: Callable[[str], str] = lambda address: address, **more: Any) -> list[str]:
    """Log in on the page as a person would; returns what was shown."""
    said: list[str] = []

    def ask(_: str) -> str:
        page = next(found[0] for text in said if (found := re.search(r"http://\S+authorize\S+", text)))
        return change(requests.get(page, allow_redirects=False, timeout=PATIENCE).headers["Location"])

    request = LoginRequest(tokens=None, ask=ask, ask_secret=ask, say=said.append, **more)
    registry.part("wahoo", "client").login(world.settings, machine_clock(now=world.subject.clock.now), request)
    return said


def kept(world: World) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(token_file(world.settings).read_text())
    return found


def calls(world: World) -> list[str]:
    return [path.partition("?")[0] for _, _, path, _ in world.subject.journal.log]


def test_the_page_gives_a_pair_of_tokens_only_its_owner_reads(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = log_in(world)
    assert "scope=user_read+workouts_read+offline_data" in "".join(said)
    assert not [text for text in said if "Not granted" in text]
    assert token_file(world.settings).stat().st_mode & 0o777 == 0o600
    found = kept(world)
    assert found["access_token"] in service(world).pairs
    assert found["expires_at"] - world.subject.clock.now().timestamp() == pytest.approx(LIFE, abs=5)
    shown = "".join(said) + caplog.text
    assert not [one for one in (found["access_token"], found["refresh_token"], "wahoo-app-secret") if one in shown]
    with pytest.raises(NeedsLoginError, match="did not accept the code"):
        log_in(world, lambda address: re.sub("code=[^&]+", "code=code-99", address))


def test_a_token_that_lives_is_not_renewed_and_one_about_to_end_is_right_before_the_call(world: World) -> None:
    found, first = client(world), kept(world)["access_token"]
    found.login()
    assert calls(world) == ["/v1/user"]
    world.subject.clock.advance(SOON.total_seconds())
    later = client(world)
    assert calls(world) == ["/v1/user"], "nothing is bought before it is needed"
    later.login()
    assert calls(world) == ["/v1/user", TOKEN, "/v1/user"]
    assert first not in service(world).pairs, "the pair before is dead"
    found.login()
    assert calls(world).count(TOKEN) == 1, "a client that has the dead token takes the one that is kept"


def test_an_opaque_refusal_of_the_refresh_token_says_to_log_in(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = kept(world)
    service(world).pairs.clear()
    with pytest.raises(NeedsLoginError, match=r"Wahoo does not accept the login\. Please run .*login wahoo"):
        client(world).login()
    assert not [one for one in ("access_token", "refresh_token") if tokens[one] in caplog.text]
    log_in(world)
    client(world).login()


def test_too_many_tokens_name_the_cure(world: World) -> None:
    while service(world).log_in() is not None:
        pass
    assert len(service(world).pairs) == MOST_TOKENS
    world.subject.clock.advance(SOON.total_seconds())
    with pytest.raises(NeedsLoginError, match="ten of this app live already"):
        client(world).login()


def test_a_lost_answer_costs_no_login_for_the_pair_before_still_lives(world: World) -> None:
    world.subject.clock.advance(SOON.total_seconds())
    service(world).fail({"path": TOKEN, "kind": "reset", "processed": True})
    client(world).login()
    assert calls(world).count(TOKEN) == 2


@pytest.mark.parametrize(
    ("fault", "error", "why"),
    [
        ({"kind": "status", "status": 503, "times": 3}, LoginServiceError, "The login is kept"),
        ({"kind": "status", "status": 429, "times": 3}, LoginServiceError, "The login is kept"),
        ({"kind": "status", "status": 302}, PipelineError, "Wahoo's address is wrong"),
        ({"kind": "status", "status": 404}, PipelineError, "answered 404; "),
        ({"kind": "body", "body": {"access_token": ""}, "times": 3}, LoginServiceError, "without a token"),
    ],
)
def test_a_fault_of_the_login_service_changes_nothing(
    world: World, fault: dict[str, Any], error: type[PipelineError], why: str
) -> None:
    before = kept(world)
    world.subject.clock.advance(SOON.total_seconds())
    service(world).fail({"path": TOKEN, **fault})
    with pytest.raises(error, match=why):
        client(world).login()
    assert kept(world) == before
    client(world).login()


def test_a_login_without_the_app_that_renews_it_is_named(world: World) -> None:
    assert registry.missing_login("wahoo", world.settings) is None
    without = world.settings.model_copy(update={"wahoo_client_secret": None})
    assert "WAHOO_CLIENT_ID and WAHOO_CLIENT_SECRET" in (registry.missing_login("wahoo", without) or "")
    token_file(world.settings).unlink()
    assert "There is no login at Wahoo yet" in (registry.missing_login("wahoo", world.settings) or "")
    assert "WAHOO_CLIENT_ID" in (registry.missing_login("wahoo", without) or "")


def test_an_answer_without_a_refresh_token_is_no_login(world: World) -> None:
    before = kept(world)
    service(world).fail({"path": TOKEN, "kind": "body", "body": {"access_token": "a"}})
    with pytest.raises(NeedsLoginError, match="no refresh token"):
        log_in(world)
    assert kept(world) == before
