"""Files with a key, a password or a login: read only if nobody else can read them, otherwise refused.

`read_private` is the one way to read such a file. Settings (`.env`, `cars.toml`) are read whatever their mode.
"""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.environment import setting_sources

LARGEST = 1_000_000  # bytes; a login or a key has some kilobytes
OTHERS = 0o077  # the permissions of others than the owner
NOT_THE_GROUP = 0o037  # of a file of root's, whose group root chose: PostgreSQL accepts the same of its key
log = logging.getLogger(__name__)


class NotPrivateError(PipelineError):
    """A file isn't readable by its user alone. `fault` says why, `advice` what to do, both without a stop."""

    def __init__(self, fault: str, advice: str) -> None:
        super().__init__(f"{fault}. {advice}.")
        self.fault, self.advice = fault, advice


def read_private(path: Path, *, largest: int = LARGEST, is_ours: bool = False) -> bytes:
    """The bytes of a file with a key, a password or a login, at most `largest`.

    A file that other users can read is refused, unless it is in /run/secrets, where a container engine sets the modes.
    `is_ours`: this program wrote the file, so it is closed to others instead, and no link is followed. Raises
    NotPrivateError; OSError if the file is missing or can't be read.
    """
    # of a pipe, waits for none
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (os.O_NOFOLLOW if is_ours else 0))
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
            raise NotPrivateError(f"{path} is {kind}", "Move it away")
        # Whom the folder belongs to may have a file there, as on a share that gives all files one owner.
        if found.st_uid not in (os.geteuid(), 0, path.parent.stat().st_uid):
            who = f"{path} belongs to user {found.st_uid}, and this is user {os.geteuid()}"
            raise NotPrivateError(who, "Another user's file is not read: change its owner")
        if is_ours and found.st_mode & OTHERS:
            with suppress(OSError):  # root's, or on a disk that is read-only: it can be used all the same
                os.fchmod(descriptor, 0o600)
                log.warning("%s could be read by others; it is closed to them now.", path)
        elif found.st_mode & (OTHERS if found.st_uid else NOT_THE_GROUP) and not _is_mounted(path):
            raise NotPrivateError(f"{path} can be read by other users", f"Close it to them: chmod 600 '{path}'")
        return os.read(descriptor, largest)
    finally:
        os.close(descriptor)


def is_open(path: Path) -> bool:
    """Whether others can read the file or folder, if it exists."""
    return path.exists() and bool(path.stat().st_mode & OTHERS)


def _is_mounted(path: Path) -> bool:
    return path.resolve().is_relative_to(setting_sources.SECRETS)
