"""Locks of a data folder between processes: files in data/state/, released by the kernel when their holder dies.

Next to a lock stands its holder's name, for messages of other processes. No lock is ever broken by force.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from strava_pipeline.environment.file_locks import LockHeldError, exclusive
from strava_pipeline.lake.files import has_no_holder, held, write_whole
from strava_pipeline.lake.paths import Lake

NOTIFY_AFTER = 2  # seconds of waiting that a person notices


@contextmanager
def locked(lake: Lake, name: str, *, who: str = "", tell: Callable[[str], object] | None = None) -> Iterator[None]:
    """Hold the lock `name` during the body; wait until it is free, and report the holder to `tell` if that takes long.

    The holder may lock it again within the body.
    """
    path = _lock_file(lake, name)
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(path, timeout=NOTIFY_AFTER if tell else None))
        except LockHeldError:
            if tell is not None:
                tell(f"Waiting for {holder(lake, name)}, who is at work on the same.")
            held.enter_context(exclusive(path))
        _note(lake, name, who)
        yield


@contextmanager
def try_locked(lake: Lake, name: str, *, who: str = "", patience: float = 0) -> Iterator[bool]:
    """Try to get the lock `name` for `patience` seconds; yields whether it was free.

    The holder may lock it again within the body, by `locked`.
    """
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(_lock_file(lake, name), timeout=patience))
        except LockHeldError:
            yield False
            return
        _note(lake, name, who)
        yield True


@contextmanager
def live_run(lake: Lake, run_id: str) -> Iterator[None]:
    """Hold data/state/runs/<run_id>.lock while a run lives, so that dead runs can be recognised."""
    path = _run_file(lake, run_id)
    with held(path) as file:
        file.write(_identity(os.getpid()).encode())
        file.flush()
        yield
        path.unlink(missing_ok=True)  # before it is free: a free lock file means a dead run


def is_live(lake: Lake, run_id: str) -> bool:
    """Whether a process holds the run's lock."""
    return _run_file(lake, run_id).exists() and not has_died(lake, run_id)


def process_of_run(lake: Lake, run_id: str) -> int | None:
    """The process that holds the run's lock, or None if none does, it is unknown, or we may not signal it."""
    if not is_live(lake, run_id):
        return None
    try:
        noted = _run_file(lake, run_id).read_text()
        process = int(noted.partition(" ")[0])
        os.kill(process, 0)  # is refused for another user's
    except (OSError, ValueError):
        return None
    return process if noted == _identity(process) else None


def has_died(lake: Lake, run_id: str) -> bool:
    """Whether the holder of the run's lock died; False for a run that never held it."""
    return has_no_holder(_run_file(lake, run_id))


def runs_with_lock_file(lake: Lake) -> list[str]:
    """The runs that have a lock file: live ones and dead ones."""
    return sorted(path.stem for path in (lake.state / "runs").glob("*.lock"))


def runs_that_died(lake: Lake) -> list[str]:
    """The runs whose lock file is left and whose holder died."""
    return [run_id for run_id in runs_with_lock_file(lake) if has_died(lake, run_id)]


def others_at_work(lake: Lake, run_id: str) -> bool:
    """Whether a process holds the lock of another run than `run_id`."""
    return any(is_live(lake, other) for other in runs_with_lock_file(lake) if other != run_id)


def forget_run(lake: Lake, run_id: str) -> None:
    """Delete the lock file of a finished run; that of a live one stays."""
    has_no_holder(_run_file(lake, run_id), clear=True)


def holder(lake: Lake, name: str) -> str:
    """The present or last holder of `name`, in its own words."""
    try:
        noted = json.loads(_note_file(lake, name).read_text())
        return f"{noted['who']} (process {noted['pid']})"
    except (OSError, ValueError, LookupError, TypeError):
        return "another process"


def _lock_file(lake: Lake, name: str) -> Path:
    return lake.state / "locks" / f"{name}.lock"


def _run_file(lake: Lake, run_id: str) -> Path:
    return lake.state / "runs" / f"{run_id}.lock"


def _identity(process: int) -> str:
    """A process's identity, unique among later processes with its number and among containers; empty without /proc."""
    try:
        started = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{process} {started} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _note_file(lake: Lake, name: str) -> Path:
    return lake.state / "locks" / f"{name}.json"


def _note(lake: Lake, name: str, who: str) -> None:
    if who:
        write_whole(_note_file(lake, name), json.dumps({"who": who, "pid": os.getpid()}).encode())
