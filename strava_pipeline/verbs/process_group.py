"""The end of a process group: interrupted, waited for, killed; all within 20 seconds of SIGTERM to the service.

Container engines and service managers kill what takes longer.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from strava_pipeline.verbs.echo import echo

DAGSTER_GRACE = 9  # seconds for Dagster's daemon and web server, which take 3 to 6
RUN_GRACE = 6  # then for runs at work: the call under way is answered and kept
LAST_GRACE = (
    2  # for what waits for an answer that does not come, after a second interrupt; and for the kernel after a kill
)


def end_group(group: int) -> None:
    """Interrupt what is left of a process group, runs at work above all, and kill what does not end."""
    for number, patience in (
        (signal.SIGINT, RUN_GRACE),
        (signal.SIGINT, LAST_GRACE),
        (signal.SIGKILL, LAST_GRACE),
    ):
        if number is signal.SIGKILL:
            echo("Something did not end when it was interrupted, so it is killed; what it fetched is kept.", err=True)
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses where only zombies are left
            os.killpg(group, number)
        if until(lambda: not _has_members(group), patience):
            return


def until(is_over: Callable[[], bool], patience: float) -> bool:
    """Look until it is over; False where it is not within so many seconds."""
    deadline = time.monotonic() + patience
    while not is_over():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _has_members(group: int) -> bool:
    """Whether a live process belongs to it.

    In a container without an init nobody waits for orphans: they stay behind as zombies, which take signals like the living.
    """
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    stats = list(Path("/proc").glob("[0-9]*/stat"))  # none where there is no Linux
    return not stats or any(_is_alive_in(group, stat) for stat in stats)


def _is_alive_in(group: int, stat: Path) -> bool:
    """`stat`: of a process, proc(5): its state and group stand behind its name, which may hold anything but a last bracket."""
    try:
        state, _, its_group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
    except OSError:  # it has just gone
        return False
    return int(its_group) == group and state not in "ZX"
