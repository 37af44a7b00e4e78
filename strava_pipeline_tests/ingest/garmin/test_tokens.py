"""Garmin's login on disk: renewed once, saved before it is used, and never shown."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strava_pipeline.core.errors import (
    LimitReachedError,
    LoginServiceError,
    MissingSettingsError,
    MisuseError,
    NeedsLoginError,
    PipelineError,
)
from strava_pipeline.emulator.service import Fault
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.ingest.garmin.client import GarminClient, connect, login
from strava_pipeline.ingest.garmin.emulator.service import LIFE, TOKEN_PATH
from strava_pipeline.ingest.provider import LoginRequest
from strava_pipeline_tests.ingest.garmin.subject import GarminSubject, running

LIVES = timedelta(seconds=LIFE)


class World:
    """The emulator, and a folder with its login. `skew`: by how much this machine's clock is ahead."""

    def __init__(self, garmin: GarminSubject, folder: Path) -> None:
        garmin.garmin.life = LIFE
        self.garmin, self.skew = garmin, timedelta(0)
        self.settings = Settings(_env_file=None, secrets_dir=folder / "secrets", pauses=0, **garmin.settings)
        self.path = self.settings.secrets_dir / "garmin_tokens.json"
        self.write({**garmin.garmin.log_in(), "account": "5"})

    def client(self) -> GarminClient:
        """As another run, on this machine's clock."""
        garmin = self.garmin.clock
        clock = ServerClock(lambda: garmin.now() + self.skew, garmin.epoch, garmin.advance)
        return connect(self.settings, clock, lambda why, seconds: None)

    def call(self, client: GarminClient | None = None) -> None:
        list((client or self.client()).list_pages(None, None, 100))

    def write(self, content: Any) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(content if isinstance(content, str) else json.dumps(content))

    def saved(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found

    def fail(self, **fault: Any) -> None:
        self.garmin.faults.order(Fault.from_order({"path": TOKEN_PATH, **fault}, ""))

    @property
    def refreshes(self) -> int:
        return self.garmin.garmin.refreshes

    def answers(self) -> list[int]:
        """The statuses of all calls, those for tokens included."""
        return [status for *_, status in self.garmin.journal.log]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running() as garmin:
        yield World(garmin, tmp_path)


def test_a_token_is_renewed_fifteen_minutes_before_its_end_and_the_new_one_is_the_owner_s_alone(world: World) -> None:
    before, client = world.saved(), world.client()
    world.call(client)
    world.garmin.clock.advance(LIFE - 15 * 60 - 60)
    world.call(client)
    assert (world.refreshes, world.saved()) == (0, before)
    world.garmin.clock.advance(61)
    world.call(client)
    after = world.saved()
    assert (world.refreshes, set(world.answers())) == (1, {200})
    assert not {before["di_token"], before["di_refresh_token"]} & {*after.values()}
    assert (after["account"], after["di_client_id"]) == ("5", before["di_client_id"])
    assert world.path.stat().st_mode & 0o777 == 0o600
    assert world.path.parent.stat().st_mode & 0o777 == 0o700
    world.call()
    assert world.refreshes == 1


def test_a_dead_refresh_token_needs_a_person_and_is_not_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = world.saved()
    assert world.garmin.garmin.refresh(tokens["di_refresh_token"]), "used elsewhere"
    world.garmin.garmin.withdraw()
    with pytest.raises(NeedsLoginError, match="providers login garmin") as fault:
        world.call()
    assert world.saved() == tokens
    shown = caplog.text + str(fault.value) + repr(fault.value)
    assert not [value for name, value in tokens.items() if name != "account" and value in shown]


@pytest.mark.parametrize(
    ("fault", "error", "tries"),
    [
        ({"kind": "status", "status": 503, "times": 9}, LoginServiceError, 3),
        ({"kind": "html", "status": 200, "times": 9}, LoginServiceError, 3),
        ({"kind": "body", "body": {"access_token": None}, "times": 9}, LoginServiceError, 3),
        ({"kind": "status", "status": 429}, LimitReachedError, 1),
        ({"kind": "status", "status": 427}, LimitReachedError, 1),
        ({"kind": "status", "status": 403}, LimitReachedError, 1),
        ({"kind": "status", "status": 302}, PipelineError, 1),
        ({"kind": "status", "status": 401}, NeedsLoginError, 1),
    ],
)
def test_a_failure_costs_no_login(world: World, fault: dict[str, Any], error: type[Exception], tries: int) -> None:
    before = world.saved()
    world.garmin.garmin.withdraw()
    world.fail(**fault)
    with pytest.raises(error):
        world.call()
    assert (world.garmin.journal.token, world.saved()) == (tries, before)
    world.garmin.faults.clear()
    world.call()


def test_an_answer_that_was_lost_is_named_where_the_login_is_dead_after_it(world: World) -> None:
    world.garmin.garmin.withdraw()
    world.fail(kind="reset", processed=True)
    with pytest.raises(NeedsLoginError, match="An answer was lost just before"):
        world.call()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"di_token": "a.b.c", "di_ref', "no login to Garmin"),
        ("", "no login to Garmin"),
        ("[]", "no login to Garmin"),
        ("[" * 100_000, "no login to Garmin"),
        ({"di_token": "a"}, "no login to Garmin"),
        ({"di_token": "a", "di_refresh_token": None}, "no login to Garmin"),
        ({"di_token": "a\n", "di_refresh_token": "b"}, "no login to Garmin"),
        ({"access_token": "a", "refresh_token": "b"}, "no login to Garmin"),
    ],
)
def test_a_file_that_is_no_login_says_to_log_in_again(world: World, content: Any, what: str) -> None:
    world.write(content)
    with pytest.raises(NeedsLoginError, match=f"{what}.*providers login garmin"):
        world.client()
    assert not world.garmin.journal.log


def test_a_missing_login_or_one_of_garth_says_what_to_do(world: World) -> None:
    world.path.unlink()
    with pytest.raises(MissingSettingsError, match="no login to Garmin Connect yet"):
        world.client()
    world.path.mkdir()
    (world.path / "oauth1_token.json").touch()
    with pytest.raises(NeedsLoginError, match="garth"):
        world.client()


def request(tokens: Path | None = None, **answers: str) -> LoginRequest:
    return LoginRequest(
        tokens, ask=lambda question: answers[question[:4]], ask_secret=lambda _: "hush", say=lambda text: None
    )


def log_in(world: World, given: LoginRequest) -> None:
    clock = ServerClock(lambda: datetime.now(UTC), lambda: 0.0, lambda seconds: None)
    login(world.settings, clock, given)


def test_a_file_of_garminconnect_is_taken_over_for_its_owner_alone(world: World, tmp_path: Path) -> None:
    other = world.garmin.garmin.log_in()
    (tmp_path / "taken.json").write_text(json.dumps(other))
    world.path.with_name("garmin_tokens_refusals.json").write_text('{"limits": 3}')
    log_in(world, request(tmp_path / "taken.json"))
    assert world.saved() == other
    assert world.path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in world.path.parent.iterdir()) == [
        "garmin_tokens.json",
        "garmin_tokens.json.lock",
    ]
    assert world.client().login().account == str(world.garmin.garmin.account)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("oauth1_token.json", "{}", "garth"),
        ("tokens.json", '{"di_token": "secret-thing"}', "no login of garminconnect"),
        ("tokens.json", "\udcff", "no login of garminconnect"),
    ],
)
def test_other_files_are_refused_and_it_stays(world: World, tmp_path: Path, name: str, content: str, what: str) -> None:
    before = world.saved()
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(MisuseError, match=what) as fault:
        log_in(world, request(tmp_path / name))
    assert (world.saved(), "secret-thing" in str(fault.value)) == (before, False)


class TooManyRequests(Exception):  # noqa: N818 - as the library names it
    pass


class AuthenticationError(Exception):
    pass


class Library:
    """What of garminconnect 0.3 is used: the class Garmin, with its arguments and answers."""

    def __init__(self, tokens: Any, *, needs_code: bool = False, error: Exception | None = None) -> None:
        self.asked: list[Any] = []
        library = self

        class Garmin:
            def __init__(self, email: str, password: str, is_cn: bool, return_on_mfa: bool) -> None:
                library.asked += [email, password, is_cn, return_on_mfa]
                self.client = SimpleNamespace(dumps=lambda: tokens if isinstance(tokens, str) else json.dumps(tokens))

            def login(self) -> tuple[str | None, Any]:
                if error is not None:
                    raise error
                return ("needs_mfa", {"cookies": 1}) if needs_code else (None, None)

            def resume_login(self, state: Any, code: str) -> None:
                library.asked += [state, code]

        self.Garmin = Garmin


def test_without_a_file_a_person_is_asked_to_log_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    other = world.garmin.garmin.log_in()
    library = Library(other, needs_code=True)
    monkeypatch.setitem(sys.modules, "garminconnect", library)  # type: ignore[arg-type]
    log_in(world, request(**{"E-ma": " me@example ", "Code": " 123 "}))
    assert library.asked == ["me@example", "hush", False, True, {"cookies": 1}, "123"]
    assert world.saved() == other


@pytest.mark.parametrize(
    ("library", "what"),
    [
        (Library({}, error=TooManyRequests("token-in-text")), "wait some hours"),
        (Library({}, error=AuthenticationError("token-in-text")), "does not accept"),
        (Library({}, error=OSError("token-in-text")), "OSError"),
        (Library("no json"), "gave no tokens"),
        (Library({"di_token": "token-in-text"}), "gave no tokens"),
    ],
)
def test_a_login_that_fails_changes_nothing_and_shows_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, library: Library, what: str
) -> None:
    before = world.saved()
    monkeypatch.setitem(sys.modules, "garminconnect", library)  # type: ignore[arg-type]
    with pytest.raises(NeedsLoginError, match=what) as fault:
        log_in(world, request(**{"E-ma": "me@example"}))
    assert world.saved() == before
    assert "token-in-text" not in f"{fault.value!r} {fault.value.__cause__!r} {fault.value.__context__!r}"


def test_without_garminconnect_the_other_way_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "garminconnect", None)
    with pytest.raises(MissingSettingsError, match=r"strava_pipeline\[garmin\].*--tokens FILE"):
        log_in(world, request())
