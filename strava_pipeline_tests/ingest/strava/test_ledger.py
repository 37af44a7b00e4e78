"""ingest.strava.ledger: one file per API application, the data folder's own beside it, and who may write them."""

import itertools
import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.errors import Ceiling, PipelineError
from strava_pipeline.file_locks import exclusive
from strava_pipeline.ingest import ledger as ledger_module
from strava_pipeline.ingest.ledger import (
    CEILINGS,
    Counter,
    Ledger,
    LedgerFile,
    merged,
)
from strava_pipeline.ingest.strava.budget import folder_ledger_path, ledger_path, make_budget
from strava_pipeline.ingest.strava.client import connect
from strava_pipeline.settings import Settings
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.patience import PATIENCE

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
DAY, QUARTER = Ceiling("read", "day"), Ceiling("read", "15min")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "ledgers" / "strava-0123.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state" / "budget.json"


def ledger(used: int, start: int = 900, limit: int = 100, server: float | None = 1000.0) -> Ledger:
    """All ceilings alike."""
    return Ledger({ceiling: Counter(limit, start, used) for ceiling in CEILINGS}, server, server)


def keep(path: Path, kept: Ledger) -> None:
    """Write a ledger as an earlier version does, which knows no names and no other file."""
    with LedgerFile(path).open(NOW) as opened:
        opened.counters, opened.server, opened.local = kept.counters, kept.server, kept.local
    nameless = json.loads(path.read_bytes())
    del nameless["name"]
    path.write_text(json.dumps(nameless))


def count(file: LedgerFile, calls: int = 1) -> set[int]:
    """Count calls in all windows; what there is of them before."""
    with file.open(NOW) as opened:
        before = used(opened)
        for counter in opened.counters.values():
            counter.used += calls
    return before


def used(found: Ledger) -> set[int]:
    return {counter.used for counter in found.counters.values()}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Ledger(), ledger(7), ledger(7)),
        (ledger(3), ledger(7), ledger(7)),
        (ledger(7), ledger(3), ledger(7)),
        (ledger(7), Ledger(), ledger(7)),
        (ledger(90), ledger(2, start=1800), ledger(2, start=1800)),  # the window of the first is over
        (ledger(2, start=1800), ledger(90), ledger(2, start=1800)),
        (ledger(1, limit=100), ledger(2, limit=300, server=2000.0), ledger(2, limit=300, server=2000.0)),
        (ledger(1, limit=300, server=2000.0), ledger(2, limit=100), ledger(2, limit=300, server=2000.0)),
    ],
)
def test_of_two_ledgers_the_later_window_the_higher_count_and_the_newer_limit_hold(
    one: Ledger, other: Ledger, expected: Ledger
) -> None:
    assert merged(one, other) == expected
    assert merged(merged(one, other), other) == expected, "so that a crash may repeat it"


def test_ceilings_are_merged_each_by_itself() -> None:
    one, other = ledger(0), ledger(0)
    one.counters[DAY] = Counter(1000, 900, 500)
    other.counters[QUARTER] = Counter(100, 900, 60)
    both = merged(one, other)
    assert (both.counters[DAY].used, both.counters[QUARTER].used) == (500, 60)


def test_counts_of_the_data_folder_are_taken_in_and_both_files_go_on_together(shared: Path, folder: Path) -> None:
    keep(folder, ledger(41))
    file = LedgerFile(shared, folder)
    assert used(file.peek()) == {41}
    assert not shared.parent.exists(), "looking writes nothing"
    assert count(file) == {41}
    assert [used(LedgerFile(path).peek()) for path in (shared, folder)] == [{42}, {42}]


def test_each_data_folder_of_an_application_brings_its_counts(shared: Path, tmp_path: Path) -> None:
    for name, calls in (("one", 41), ("two", 44), ("three", 43)):
        keep(tmp_path / name / "budget.json", ledger(calls))
        count(LedgerFile(shared, tmp_path / name / "budget.json"), 0)
    assert used(LedgerFile(shared).peek()) == {44}


def test_one_data_folder_under_two_ledgers_counts_all_calls(shared: Path, folder: Path, tmp_path: Path) -> None:
    """As by a container and a command of the host, or by two users."""
    here, there = LedgerFile(shared, folder), LedgerFile(tmp_path / "elsewhere" / "strava-0123.json", folder)
    keep(shared, ledger(0))
    for calls in range(0, 6, 2):
        assert count(here) == {calls}
        assert count(there) == {calls + 1}


def test_an_earlier_version_beside_counts_and_is_counted(shared: Path, folder: Path) -> None:
    file = LedgerFile(shared, folder)
    keep(shared, ledger(41))
    assert count(file) == {41}
    assert used(LedgerFile(folder).peek()) == {42}, "what the earlier version goes by"
    keep(folder, ledger(60))
    assert count(file) == {60}


def test_a_call_that_did_not_count_is_given_back_for_all_data_folders(
    shared: Path, folder: Path, tmp_path: Path
) -> None:
    one, two = LedgerFile(shared, folder), LedgerFile(shared, tmp_path / "two" / "budget.json")
    keep(shared, ledger(10))
    count(two)
    assert count(one, -1) == {11}
    assert count(two, 0) == {10}, "the count in its own data folder is older"


def test_a_data_folder_that_claims_a_window_of_the_future_takes_no_limit_away(shared: Path, folder: Path) -> None:
    now = int(NOW.timestamp())
    keep(shared, ledger(100, start=now - 60))
    keep(folder, ledger(7, start=now + 86_400))
    file = LedgerFile(shared, folder)
    with file.open(NOW, is_synced=True) as opened:
        assert used(opened) == {100}
    assert used(LedgerFile(folder).peek()) == {100}


def test_garbage_in_the_data_folder_is_set_aside_and_counts_nothing(shared: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_bytes(b"\x00{")
    keep(shared, ledger(3))
    assert count(LedgerFile(shared, folder)) == {3}
    assert len(list(folder.parent.glob("budget.json.corrupt-*"))) == 1


@pytest.mark.parametrize("writes", [0, 1])
def test_a_process_that_is_killed_between_the_two_loses_no_count(shared: Path, folder: Path, writes: int) -> None:
    keep(folder, ledger(41))
    keep(shared, ledger(12))
    child = os.fork()
    if child == 0:
        real, seen = os.pwrite, itertools.count()

        def die(*what: Any) -> int:
            if next(seen) == writes:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*what)

        os.pwrite = die
        count(LedgerFile(shared, folder), 0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    file = LedgerFile(shared, folder)
    assert used(file.peek()) == {41}
    assert count(file) == {41}


@pytest.mark.parametrize("held", ["shared", "folder"])
def test_who_holds_either_file_is_waited_for(
    shared: Path, folder: Path, held: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(folder, ledger(41))
    monkeypatch.setattr(ledger_module, "LOCK_TIMEOUT", 0)
    path, done = {"shared": shared, "folder": folder}[held], threading.Event()
    with held_by_another(Path(f"{path}.lock"), done):
        try:
            with pytest.raises(PipelineError, match=rf"{path.name}\.lock has been held by another process"):
                count(LedgerFile(shared, folder))
        finally:
            done.set()
    assert used(LedgerFile(folder).peek()) == {41}


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


def test_the_counts_of_an_earlier_version_are_those_of_the_data_folder(tmp_path: Path) -> None:
    own = settings(tmp_path / "a")
    assert folder_ledger_path(own) == tmp_path / "a" / "state" / "budget.json"
    keep(folder_ledger_path(own), ledger(41, start=10**10))  # a window that is not over, whatever the date
    assert {state.used for state in make_budget(own).remaining().ceilings} == {41}
    make_budget(own).reserve()
    assert {state.used for state in make_budget(own).remaining().ceilings} == {42}


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
