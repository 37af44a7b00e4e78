"""The scheduler's own log: what the service and Dagster's daemon say, for years, in one file that stays small.

Logs of runs are another thing: orchestrate/run_log.py.
"""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from strava_pipeline.verbs.echo import echo

ENOUGH = 5_000_000  # bytes; two months of a quiet service (a sensor says 240 bytes every five minutes: 70 kB a day)
EVERY = 60  # seconds between two looks at its size


def service_log(logs_dir: Path) -> Path:
    return logs_dir / "service" / "service.log"


def before(log: Path) -> Path:
    """What was said before the present log began anew."""
    return log.with_name(f"{log.name}.1")


@contextmanager
def saying_into(log: Path) -> Iterator[None]:
    """Everything that this process says from now on, and what it starts, goes to the end of `log`, which is kept small."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    over = Event()
    Thread(target=_keep_small, args=(log, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def begin_anew(log: Path, enough: int = ENOUGH) -> None:
    """Where `log` has become larger than that: keep it as `.1` and empty it.

    Whoever writes into it has it open for appending and goes on at its beginning. What is said between the two steps,
    some microseconds, is lost.
    """
    if log.exists() and log.stat().st_size > enough:
        shutil.copyfile(log, before(log))
        os.truncate(log, 0)


def last_lines(log: Path, count: int) -> list[str]:
    """The newest lines, also where the log has just begun anew."""
    found: deque[str] = deque(maxlen=count)
    for path in (before(log), log):
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
                found.extend(line.rstrip("\n") for line in file)
    return list(found)


def _keep_small(log: Path, over: Event) -> None:
    while not over.wait(EVERY):
        try:
            begin_anew(log)
        except OSError as error:  # a full disk: the service goes on
            echo(f"{log} could not begin anew: {error.strerror}", err=True)
