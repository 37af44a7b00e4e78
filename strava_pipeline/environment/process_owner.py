"""The owner of this process, in a house with several athletes: one athlete, or the house's own Dagster. Variables of
ours record it.

Also the owner of the settings being read. Importing this module costs nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

# set by us alone
ATHLETE = "STRAVA_ATHLETE"  # the name of the athlete whose process this is
ATHLETE_FOLDER = "STRAVA_ATHLETE_FOLDER"  # the athlete's folder
HOUSE = "STRAVA_HOUSE"  # this process is of the house's own Dagster, for all athletes
_FIRST_SHOWN = "STRAVA_FIRST_SHOWN"  # with which year Dagster's dialogs begin, as known when its processes were started
_reading: ContextVar[Path | None] = ContextVar("_reading", default=None)


def own_name() -> str | None:
    """The athlete of this process, or None for the house's, or with a single athlete."""
    return os.environ.get(ATHLETE)


def is_house() -> bool:
    """Whether this process belongs to the house's own Dagster."""
    return HOUSE in os.environ


def first_year_shown() -> int | None:
    """The first year of Dagster's dialogs, as known when it was started, or None if it was not started by us."""
    noted = os.environ.get(_FIRST_SHOWN)
    return int(noted) if noted else None


def note_first_year_shown(year: int) -> None:
    """Record it for the processes that this one starts."""
    os.environ[_FIRST_SHOWN] = str(year)


def own_option() -> list[str]:
    """The option that makes a command a process of the same athlete, or of the house's Dagster; may be empty."""
    return ["--athlete", name] if (name := own_name()) else ["--house"] if is_house() else []


def athlete_folder() -> Path | None:
    """The athlete's folder, if one of ATHLETES_DIR is being read or owns this process, or None: relative paths start there."""
    named = os.environ.get(ATHLETE_FOLDER)
    return _reading.get() or (Path(named) if named else None)


def is_reading_folder() -> bool:
    """Whether settings are read within `reading_folder`."""
    return _reading.get() is not None


@contextmanager
def reading_folder(folder: Path | None) -> Iterator[None]:
    """Within the body, settings are read for the athlete with this folder. None, or this process's own athlete, changes
    nothing.
    """
    before = _reading.set(_reading.get() if folder is None or folder == athlete_folder() else folder)
    try:
        yield
    finally:
        _reading.reset(before)
