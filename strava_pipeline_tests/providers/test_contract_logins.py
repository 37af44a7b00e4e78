"""What holds for the login of every source, Strava's too: whose file it is, who may read it, and how it is renewed."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import NeedsLoginError, PipelineError
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import login_file, registry
from strava_pipeline.ingest.clock import ServerClock, machine_clock
from strava_pipeline.ingest.garmin import key_tokens, keys, tokens
from strava_pipeline.ingest.garmin.emulator.service import LIFE
from strava_pipeline.ingest.http import make_wire
from strava_pipeline.ingest.login_file import AccessTokens, traces_of
from strava_pipeline.ingest.strava.client import connect
from strava_pipeline.ingest.strava.oauth import access_tokens, make_oauth, token_store
from strava_pipeline.testing.login_contract import SECRET, Kept, LoginFileContract
from strava_pipeline_tests.ingest.fakes import START
from strava_pipeline_tests.ingest.garmin.subject import KeySubject, running
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.present import there
from strava_pipeline_tests.providers import toy_service
from strava_pipeline_tests.providers.subjects import register_toy

pytestmark = pytest.mark.slow

KEY = keys.Key(SECRET, "a test")
LOGINS: dict[str, tuple[str, str, dict[str, Any]]] = {
    # whose: (the source, the file, what is in it)
    "strava": ("strava", "strava_token.json", {"refresh_token": SECRET, "access_token": SECRET}),
    "toy": ("toy", "toy_login.json", {"key": SECRET}),
    "garmin": ("garmin", "garmin_tokens.json", {"di_token": SECRET, "di_refresh_token": SECRET}),
    "garmin_by_key": ("garmin", "garmin_personal_key.json", {"key": SECRET}),
    "token_of_a_key": ("garmin", "garmin_personal_token.json", {"access_token": SECRET}),
    "intervals_icu": ("intervals_icu", "intervals_icu_token.json", {"access_token": SECRET}),
    "ridewithgps": ("ridewithgps", "ridewithgps_token.json", {"access_token": SECRET}),
    "wahoo": ("wahoo", "wahoo_token.json", {"access_token": SECRET, "refresh_token": SECRET}),
}


class TestEveryLogin(LoginFileContract):
    @pytest.fixture(params=LOGINS)
    def kept(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
        register_toy(monkeypatch)
        source, name, content = LOGINS[request.param]
        folders = {field: tmp_path / field for field in ("data_dir", "secrets_dir", "ledger_dir")}
        settings = Settings(_env_file=None, client_id="1", client_secret="x", **folders)  # type: ignore[arg-type]
        path = settings.secrets_dir / name
        path.parent.mkdir(mode=0o700)
        path.write_text(json.dumps(content))
        path.chmod(0o600)
        if request.param == "token_of_a_key":
            keys.save_key(settings, SECRET, None)
        if source == "strava":
            return Kept(path, partial(connect, settings), source, settings)
        return Kept(path, partial(registry.connect, source, settings, machine_clock()), source, settings)


Tokens = AccessTokens[Any]


@dataclass(frozen=True)
class Renewable:
    """A login at a running emulator. `count` says how often it was renewed."""

    source: str
    settings: Settings
    path: Path
    now: datetime
    count: Callable[[], int]


@contextmanager
def strava(folder: Path) -> Iterator[Renewable]:
    with World.started(folder, activities=1) as world:
        world.log_in()
        yield Renewable("strava", world.settings, world.store.path, START, lambda: world.calls()["token"] - 1)


@contextmanager
def garmin(folder: Path, *, by_key: bool) -> Iterator[Renewable]:
    with running(KeySubject) if by_key else running() as subject:
        subject.garmin.life = LIFE
        settings = Settings(_env_file=None, secrets_dir=folder / "secrets", pauses=0, **subject.settings)
        subject.log_in(settings)
        path = key_tokens.token_file(settings) if by_key else tokens.tokens_file(settings)
        before = subject.garmin.exchanges
        yield Renewable(
            "garmin_by_key" if by_key else "garmin",
            settings,
            path,
            toy_service.NOW,
            lambda: subject.garmin.exchanges - before if by_key else subject.garmin.refreshes,
        )


RENEWABLE: dict[str, Callable[[Path], AbstractContextManager[Renewable]]] = {
    "strava": strava,
    "garmin": partial(garmin, by_key=False),
    "garmin_by_key": partial(garmin, by_key=True),
}


@pytest.fixture(params=RENEWABLE)
def renewable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Renewable]:
    with RENEWABLE[request.param](tmp_path) as found:
        yield found


def tokens_of(source: str, settings: Settings, now: datetime) -> Tokens:
    """The tokens as a run has them, in any process."""
    clock = ServerClock(lambda: now, time.monotonic, time.sleep)
    wire = make_wire(settings, clock)
    if source == "strava":
        return access_tokens(token_store(settings), make_oauth(settings, wire, clock), clock)
    if source == "garmin":
        return tokens.access_tokens(settings, wire, clock, lambda name, _: PipelineError(name))
    return key_tokens.key_tokens(settings, there(keys.find_key(settings)), wire, clock, lambda why, seconds: None)


Given = tuple[str, Settings, datetime]


def renew_in_another_process(logins: list[Given], go: Any, got: Any) -> None:
    for login in logins:
        found = tokens_of(*login)
        refused = found.get()
        go.wait()
        try:
            got.put((login[0], found.renew(refused)))
        except PipelineError as error:
            got.put((login[0], str(error)))


def die_before_the_write(logins: list[Given], ended: Any) -> None:
    """A child for each login: to start a process anew takes a second."""
    login_file.save_secret = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    for login in logins:
        child = os.fork()
        if not child:
            tokens_of(*login).get_new()
            os._exit(0)
        ended.put(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


@pytest.fixture
def renewables(tmp_path: Path) -> Iterator[list[Renewable]]:
    """All of them, running."""
    with ExitStack() as stack:
        folders = {name: tmp_path / name for name in RENEWABLE}
        for folder in folders.values():
            folder.mkdir()
        yield [stack.enter_context(RENEWABLE[name](folder)) for name, folder in folders.items()]


def test_processes_that_renew_a_login_at_once_renew_it_once(renewables: list[Renewable]) -> None:
    context = multiprocessing.get_context("spawn")
    go, got = context.Barrier(2), context.Queue()
    logins = [(one.source, one.settings, one.now) for one in renewables]
    processes = [context.Process(target=renew_in_another_process, args=(logins, go, got)) for _ in range(2)]
    for process in processes:
        process.start()
    renewed = {got.get(timeout=PATIENCE) for _ in processes for _ in renewables}
    for process in processes:
        process.join()
    assert sorted(source for source, _ in renewed) == sorted(one.source for one in renewables)
    assert [one.count() for one in renewables] == [1] * len(renewables)
    for one in renewables:
        assert (one.source, tokens_of(one.source, one.settings, one.now).get()) in renewed
        assert one.path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_spent_if_the_login_can_t_be_saved(renewable: Renewable, monkeypatch: pytest.MonkeyPatch) -> None:
    before = renewable.path.read_bytes()
    found = tokens_of(renewable.source, renewable.settings, renewable.now)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    if renewable.source == "garmin_by_key":
        assert found.get_new() == found.get(), "a key's token serves this run alone, for another one is got at no loss"
    else:
        with pytest.raises(PipelineError, match=r"can't be saved to .*No space left"):
            found.get_new()
        assert renewable.count() == 0
    assert renewable.path.read_bytes() == before
    assert traces_of(renewable.path) == [renewable.path, renewable.path.with_name(f"{renewable.path.name}.lock")]


def test_a_process_killed_between_exchange_and_write_leaves_the_old_login_whole(renewables: list[Renewable]) -> None:
    before = [one.path.read_bytes() for one in renewables]
    logins = [(one.source, one.settings, one.now) for one in renewables]
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=die_before_the_write, args=(logins, ended := context.Queue()))
    process.start()
    assert [ended.get(timeout=PATIENCE) for _ in logins] == [-signal.SIGKILL] * len(logins)
    process.join()
    assert [one.count() for one in renewables] == [1] * len(renewables)
    assert [one.path.read_bytes() for one in renewables] == before
    for login, one, kept in zip(logins, renewables, before, strict=True):
        with exclusive(f"{one.path}.lock", timeout=0):
            found = tokens_of(*login)
        if one.source == "garmin_by_key":
            assert found.get_new() != json.loads(kept)["access_token"], "a key buys another one"
        else:
            with pytest.raises(NeedsLoginError, match="Please run strava-pipeline"):
                found.get_new()
            assert found.get(), "what is still valid serves on"
