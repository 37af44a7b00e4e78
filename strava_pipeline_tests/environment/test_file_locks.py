"""file_locks: one holder at a time between threads and processes; what a dead, a forked and a deleted holder leave."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from strava_pipeline.environment.file_locks import LockHeldError, exclusive, is_at, is_held, is_open_in_duckdb, try_lock
from strava_pipeline_tests.patience import PATIENCE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "a.lock"


def can_be_locked(path: Path) -> bool:
    """Whether another thread gets the lock at once."""

    def attempt() -> bool:
        try:
            with exclusive(path, timeout=0):
                return True
        except LockHeldError:
            return False

    with ThreadPoolExecutor(1) as other:
        return other.submit(attempt).result(PATIENCE)


@contextmanager
def forked(body: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that runs `body` with `path`, said "ready", and lives until the end of its standard input."""
    code = f"import os, sys, fcntl\npath = sys.argv[1]\n{body}\nprint('ready', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


HOLDS = "os.makedirs(os.path.dirname(path), exist_ok=True)\nfile = open(path, 'w')\nfcntl.flock(file, fcntl.LOCK_EX)"


def test_one_thread_holds_it_and_may_take_it_again(path: Path) -> None:
    with exclusive(path):
        assert is_held(path)
        assert not can_be_locked(path)
        with exclusive(path, timeout=0):
            assert not can_be_locked(path)
        assert not can_be_locked(path), "it is held to the end of the outermost body"
    assert can_be_locked(path)
    assert not is_held(path)


def test_an_error_in_the_body_releases_it(path: Path) -> None:
    with pytest.raises(RuntimeError), exclusive(path):
        raise RuntimeError
    assert can_be_locked(path)


def test_two_spellings_of_a_path_are_one_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    monkeypatch.chdir(path.parent)
    with exclusive("a.lock"), exclusive(path, timeout=0):
        assert not can_be_locked(path)
    assert can_be_locked(path)


def test_a_lock_of_another_process_ends_with_it_however_it_ends(path: Path) -> None:
    with forked(HOLDS, path) as other:
        assert is_held(path)
        with pytest.raises(LockHeldError), exclusive(path, timeout=0):
            pass
        other.send_signal(signal.SIGKILL)
        with exclusive(path, timeout=PATIENCE):
            assert not can_be_locked(path)


def test_a_child_that_inherits_the_descriptor_holds_the_lock_too(path: Path) -> None:
    path.parent.mkdir()
    with path.open("w") as file:
        assert try_lock(file.fileno())
        child = subprocess.Popen(["sleep", "600"], pass_fds=[file.fileno()])
    try:
        assert is_held(path)
    finally:
        child.kill()
        child.wait(PATIENCE)
    assert not is_held(path)


def test_a_child_that_was_forked_meanwhile_does_not_keep_what_the_parent_released(path: Path) -> None:
    with exclusive(path):
        child = os.fork()
        if child == 0:
            signal.pause()
    try:
        assert can_be_locked(path)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_who_waits_for_a_file_that_is_deleted_meets_the_others_at_the_new_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from strava_pipeline.environment import file_locks

    first_try = file_locks.wait_for_lock

    def deleted_before(descriptor: int) -> None:
        monkeypatch.setattr(file_locks, "wait_for_lock", first_try)
        path.unlink()
        first_try(descriptor)

    monkeypatch.setattr(file_locks, "wait_for_lock", deleted_before)
    with exclusive(path):
        assert path.exists()
        assert not can_be_locked(path)


def test_a_lock_file_that_was_moved_away_is_nobodys_any_more(path: Path) -> None:
    """As by a purge: who opened it before must not hold it beside those who come to the new one."""
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        assert is_at(path, file.fileno())
        path.rename(path.with_name("moved"))
        assert not is_at(path, file.fileno())
        path.touch()
        assert not is_at(path, file.fileno())


def test_asking_whether_it_is_held_does_not_look_like_holding_it(path: Path) -> None:
    assert not is_held(path)
    assert not path.exists()
    path.parent.mkdir()
    path.touch()
    with path.open("rb") as asking:
        assert try_lock(asking.fileno(), shared=True)
        assert not is_held(path)


def test_a_new_file_has_the_mode_that_was_asked_for(path: Path) -> None:
    for new in (path, path.with_name("in a folder that is there")):
        with exclusive(new, mode=0o600):
            assert new.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("read_only", "open_at_all", "open_for_writing"), [(True, True, False), (False, True, True), (None, False, False)]
)
def test_a_database_that_another_process_has_open_is_told_from_a_closed_one(
    tmp_path: Path, read_only: bool | None, open_at_all: bool, open_for_writing: bool
) -> None:
    path = tmp_path / "a.duckdb"
    duckdb.connect(str(path)).close()
    opens = "" if read_only is None else f"import duckdb; opened = duckdb.connect(path, read_only={read_only})"
    with forked(opens, path):
        assert is_open_in_duckdb(path, for_writing=False) is open_at_all
        assert is_open_in_duckdb(path, for_writing=True) is open_for_writing
