"""ingest.strava.ledger: one file per API application, the counts of earlier versions, and who may write it."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.errors import Ceiling, PipelineError
from strava_pipeline.file_locks import exclusive
from strava_pipeline.ingest.strava import ledger as ledger_module
from strava_pipeline.ingest.strava.clocks import former_ledger_path, ledger_path, make_budget
from strava_pipeline.ingest.strava.connect import connect
from strava_pipeline.ingest.strava.ledger import CEILINGS, Counter, Ledger, LedgerFile, merged
from strava_pipeline.settings import Settings
from strava_pipeline_tests.ingest.world import World
from strava_pipeline_tests.patience import PATIENCE

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
DAY, QUARTER = Ceiling("read", "day"), Ceiling("read", "15min")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "ledgers" / "strava-0123.json"


@pytest.fixture
def former(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state" / "budget.json"


def ledger(used: int, start: int = 900, limit: int = 100, server: float | None = 1000.0) -> Ledger:
    """All ceilings alike."""
    return Ledger({ceiling: Counter(limit, start, used) for ceiling in CEILINGS}, server, server)


def keep(path: Path, kept: Ledger) -> None:
    """Write a ledger as an earlier version does: under the lock of its own file."""
    with LedgerFile(path).open(NOW) as opened:
        opened.counters, opened.server, opened.local = kept.counters, kept.server, kept.local


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


def test_the_first_reservation_takes_over_the_counts_of_an_earlier_version(shared: Path, former: Path) -> None:
    keep(former, ledger(41))
    before = former.read_bytes()
    file = LedgerFile(shared, former)
    assert used(file.peek()) == {41}
    assert (former.exists(), shared.parent.exists()) == (True, False), "looking takes over nothing"
    with file.open(NOW) as opened:
        assert used(opened) == {41}
        for counter in opened.counters.values():
            counter.used += 1
    assert not former.exists()
    assert former.with_name("budget.json.moved").read_bytes() == before
    assert used(LedgerFile(shared, former).peek()) == {42}


def test_each_data_folder_of_an_application_brings_its_counts(shared: Path, tmp_path: Path) -> None:
    for name, calls in (("one", 41), ("two", 44), ("three", 43)):
        former = tmp_path / name / "budget.json"
        keep(former, ledger(calls))
        with LedgerFile(shared, former).open(NOW):
            pass
    assert used(LedgerFile(shared).peek()) == {44}


def test_garbage_of_an_earlier_version_is_set_aside_and_counts_nothing(shared: Path, former: Path) -> None:
    former.parent.mkdir(parents=True)
    former.write_bytes(b"\x00{")
    with LedgerFile(shared, former).open(NOW) as opened:
        assert used(opened) == {0}
    assert not former.exists()


@pytest.mark.parametrize("step", ["before the new ledger is written", "before the old one is renamed"])
def test_a_process_that_is_killed_while_it_takes_over_loses_no_count(shared: Path, former: Path, step: str) -> None:
    keep(former, ledger(41))
    keep(shared, ledger(12))
    child = os.fork()
    if child == 0:

        def die(*_: object) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        if step == "before the new ledger is written":
            os.pwrite = die  # type: ignore[assignment]
        else:
            Path.replace = die  # type: ignore[assignment,method-assign]
        with LedgerFile(shared, former).open(NOW):
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert former.exists()
    assert used(LedgerFile(shared, former).peek()) == {41}
    with LedgerFile(shared, former).open(NOW) as opened:
        assert used(opened) == {41}
    assert not former.exists()


def test_an_earlier_version_beside_is_counted_and_told_once_and_keeps_its_own_count(
    shared: Path, former: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep(former, ledger(41))
    file = LedgerFile(shared, former)
    with file.open(NOW):
        pass
    assert caplog.messages == []
    keep(former, ledger(60))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with file.open(NOW) as opened:
                assert used(opened) == {60}
    assert used(LedgerFile(former).peek()) == {60}
    (told,) = caplog.messages
    assert told.startswith(f"An earlier version of strava_pipeline counts its calls in {former}")
    keep(former, ledger(61))
    with file.open(NOW) as opened:
        assert used(opened) == {61}


def test_taking_over_waits_for_an_earlier_version_that_is_writing(
    shared: Path, former: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(former, ledger(41))
    monkeypatch.setattr(ledger_module, "LOCK_TIMEOUT", 0)
    done = threading.Event()
    with held_by_another(Path(f"{former}.lock"), done):
        try:
            with (
                pytest.raises(PipelineError, match=r"budget\.json\.lock has been held by another process"),
                LedgerFile(shared, former).open(NOW),
            ):
                pass
        finally:
            done.set()
    assert former.exists()


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


@pytest.mark.parametrize(("folder", "file"), [(0o755, 0o644), (0o700, 0o600), (0o2770, 0o660)])
def test_whoever_may_write_into_the_folder_may_write_the_ledger(shared: Path, folder: int, file: int) -> None:
    shared.parent.mkdir()
    shared.parent.chmod(folder)
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
    assert former_ledger_path(own) == tmp_path / "a" / "state" / "budget.json"
    keep(former_ledger_path(own), ledger(41, start=10**10))  # a window that is not over, whatever the date
    assert {state.used for state in make_budget(own).remaining().ceilings} == {41}
    make_budget(own).reserve()
    assert not former_ledger_path(own).exists()
    assert {state.used for state in make_budget(own).remaining().ceilings} == {42}


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
