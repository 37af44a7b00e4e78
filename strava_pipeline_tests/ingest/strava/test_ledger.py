"""ingest.strava.ledger: one file per API application, and who may write it."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment.file_locks import exclusive
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest import ledger as ledger_module
from strava_pipeline.ingest.ledger import CEILINGS, Counter, Ledger, LedgerFile
from strava_pipeline.ingest.strava.access import ledger_path, make_budget
from strava_pipeline.ingest.strava.client import connect
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.patience import PATIENCE

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "ledgers" / "strava-0123.json"


def ledger(used: int, start: int = 900, limit: int = 100, server: float | None = 1000.0) -> Ledger:
    """All ceilings alike."""
    return Ledger({ceiling: Counter(limit, start, used) for ceiling in CEILINGS}, server, server)


def keep(path: Path, kept: Ledger) -> None:
    with LedgerFile(path).open(NOW) as opened:
        opened.counters, opened.server, opened.local = kept.counters, kept.server, kept.local


def count(file: LedgerFile, calls: int = 1) -> set[int]:
    """Count calls in all windows; what there is of them before."""
    with file.open(NOW) as opened:
        before = used(opened)
        for counter in opened.counters.values():
            counter.used += calls
    return before


def used(found: Ledger) -> set[int]:
    return {counter.used for counter in found.counters.values()}


def test_who_holds_the_file_is_waited_for(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(shared, ledger(41))
    monkeypatch.setattr(ledger_module, "LOCK_TIMEOUT", 0)
    done = threading.Event()
    with held_by_another(Path(f"{shared}.lock"), done):
        try:
            with pytest.raises(PipelineError, match=rf"{shared.name}\.lock has been held by another process"):
                count(LedgerFile(shared))
        finally:
            done.set()
    assert used(LedgerFile(shared).peek()) == {41}


class held_by_another:  # noqa: N801 - reads as a function
    """Another thread holds a lock until `done`."""

    def __init__(self, path: Path, done: threading.Event) -> None:
        self._has_it = threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(path, done))

    def _hold(self, path: Path, done: threading.Event) -> None:
        with exclusive(path):
            self._has_it.set()
            assert done.wait(PATIENCE)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._has_it.wait(PATIENCE)

    def __exit__(self, *_: object) -> None:
        self._thread.join(PATIENCE)


@pytest.mark.parametrize(("mode", "file"), [(0o755, 0o644), (0o700, 0o600), (0o2770, 0o660)])
def test_whoever_may_write_into_the_folder_may_write_the_ledger(shared: Path, mode: int, file: int) -> None:
    shared.parent.mkdir()
    shared.parent.chmod(mode)
    with umask(0o077):
        keep(shared, ledger(1))
    assert {path.stat().st_mode & 0o777 for path in shared.parent.iterdir()} == {file}
    for path in shared.parent.iterdir():
        path.chmod(0o640)
    keep(shared, ledger(2))
    assert {path.stat().st_mode & 0o777 for path in shared.parent.iterdir()} == {0o640}, "a person's own choice stays"


class umask:  # noqa: N801 - reads as a function
    """The process's umask within the body."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __enter__(self) -> None:
        self._value = os.umask(self._value)

    def __exit__(self, *_: object) -> None:
        os.umask(self._value)


def settings(folder: Path, **more: str) -> Settings:
    return Settings.load(
        _env_file=None, **{"client_id": "12345", "data_dir": folder, "ledger_dir": folder.parent / "ledgers", **more}
    )


def test_the_ledger_is_that_of_host_and_client_id_whatever_the_data_folder(tmp_path: Path) -> None:
    own = ledger_path(settings(tmp_path / "a"))
    assert own.parent == tmp_path / "ledgers"
    assert own.name.startswith("strava-")
    assert "12345" not in own.name
    assert ledger_path(settings(tmp_path / "b")) == own
    assert ledger_path(settings(tmp_path / "b", base_url="https://WWW.strava.com/")) == own
    others = [
        ledger_path(settings(tmp_path / "a", **more))
        for more in (
            {"client_id": "12346"},
            {"base_url": "http://127.0.0.1:8720"},
            {"base_url": "http://127.0.0.1:8721"},
            {"api_url": "http://127.0.0.1:8721/api/v3", "client_id": "1"},
        )
    ]
    assert len({own, *others}) == 5


def test_two_data_folders_of_one_application_see_each_others_calls(tmp_path: Path) -> None:
    one, two = settings(tmp_path / "a"), settings(tmp_path / "b")
    make_budget(one).reserve()
    make_budget(two).reserve()
    assert {state.used for state in make_budget(one).remaining().ceilings} == {2}
    elsewhere = settings(tmp_path / "b", client_id="12346")
    assert {state.used for state in make_budget(elsewhere).remaining().ceilings} == {0}


@pytest.mark.parametrize("home", ["/nonexistent", "/proc"])
def test_a_user_whose_home_can_hold_nothing_keeps_the_ledger_in_the_data_folder(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) not in ("/", "/proc"))  # as to who is not root
    assert Settings.load(_env_file=None, data_dir=tmp_path).ledger_dir == tmp_path / "state" / "ledger"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_two_users_of_one_group_share_a_folder_of_it(tmp_path: Path) -> None:
    group, folder = 4242, tmp_path / "ledgers"
    for path in (*reversed(tmp_path.parents[:3]), tmp_path):
        path.chmod(path.stat().st_mode | 0o011)
    folder.mkdir()
    os.chown(folder, 0, group)
    folder.chmod(0o770)
    for user in (2001, 2002, 2001):
        child = os.fork()
        if child == 0:
            os.umask(0o077)
            os.setgroups([group])
            os.setgid(user)
            os.setuid(user)
            count(LedgerFile(folder / "strava-0123.json"))
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert used(LedgerFile(folder / "strava-0123.json").peek()) == {3}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World.started(tmp_path_factory.mktemp("world")) as world:
        world.log_in()
        yield world


@pytest.mark.parametrize("obstacle", ["a file in place of the folder", "a folder in place of the file"])
def test_without_a_ledger_a_client_makes_no_call_and_says_which_setting_names_another(
    world: World, tmp_path: Path, obstacle: str
) -> None:
    folder = tmp_path / "ledgers"
    blocked = world.settings.model_copy(update={"ledger_dir": folder})
    if obstacle == "a folder in place of the file":
        ledger_path(blocked).mkdir(parents=True)
    else:
        folder.write_text("")
    before = world.calls()["total"]
    with pytest.raises(PipelineError, match=r"can't be kept: .*No call is made.*STRAVA_LEDGER_DIR") as caught:
        connect(blocked, clock=world.clock()).get("/athlete")
    assert caught.value.exit_code == 1
    assert str(folder) in str(caught.value)
    assert world.calls()["total"] == before
