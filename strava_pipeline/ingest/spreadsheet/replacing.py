"""Replacing a person's file: atomically, with a copy of its old state, and never while another program has the file open.

A kill at any moment leaves the old file or the new one. The bytes' meaning is not known here.
"""

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from strava_pipeline.core.errors import SourceError, TransientError
from strava_pipeline.environment.file_locks import sync_file, sync_folder
from strava_pipeline.ingest.spreadsheet.files import is_open_elsewhere, read_file

BACKUPS = 5  # our copies that stay next to the file, the newest
_ASIDE = "strava_pipeline"  # in the name of the file that takes the place of the other one


def replace(path: Path, before: bytes, after: bytes, now: datetime | None) -> str | None:
    """Replace the file's contents `before` by `after`.

    Args:
        now: for the name of a copy that holds `before`; None: no copy is kept.

    Returns the name of the copy. Raises TransientError if the file is open or changed meanwhile, or the disk is full;
    SourceError if it may not be written. The file is then unchanged.
    """
    place, copy = path.resolve(), None
    with _faults_named(path):
        was = place.stat()
        if not was.st_mode & 0o222:
            raise PermissionError(errno.EACCES, "it is read-only")
        for left in place.parent.glob(f".{glob.escape(place.name)}.{_ASIDE}-*"):  # by a run that was killed
            left.unlink()
        descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.{_ASIDE}-", dir=place.parent)
        try:
            with os.fdopen(descriptor, "wb") as aside:
                aside.write(after)
                os.chown(name, was.st_uid, was.st_gid)
                shutil.copystat(place, name)
                sync_file(aside)
            os.utime(name)
            _require_closed(path)
            if read_file(place) != before:
                raise TransientError(f"{path.name} was changed meanwhile, so nothing was written; the change waits.")
            copy = _kept(place, now) if now is not None else None
            Path(name).replace(place)
        finally:
            Path(name).unlink(missing_ok=True)
        with suppress(OSError):  # a folder of another system's, where a rename is durable or nothing can make it so
            sync_folder(place.parent)
    return copy


def _require_closed(path: Path) -> None:
    if is_open_elsewhere(path) or is_open_elsewhere(path.resolve()):
        raise TransientError(
            f"{path.name} is open in Excel or LibreOffice, so nothing was written. Close it there; the change waits until then. "
            f"If it is not open, delete the file ~${path.name} or .~lock.{path.name}# beside it."
        )


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TransientError(
                f"The disk of {path.name} is full, so nothing was written; make room there."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise SourceError(
                f"{path.name} or its folder may not be changed ({error.strerror}), so nothing was written. Allow writing there, "
                "and apply the change again."
            ) from error
        raise TransientError(f"{path.name} can't be written ({type(error).__name__}); it is as it was.") from error


def _kept(place: Path, now: datetime) -> str:
    """The name of a new copy of the file; the oldest copies are deleted. A file under any other name is the owner's."""
    stamp = f"{place.stem}.bak-{now:%Y%m%dT%H%M%SZ}"
    names = (place.with_name(f"{stamp}{f'-{number}' if number > 1 else ''}{place.suffix}") for number in count(1))
    copy = next(name for name in names if not name.exists())
    try:
        os.link(place, copy)
    except OSError:  # a disk where a file has one name
        shutil.copy2(place, copy)
    ours = f"{glob.escape(place.stem)}.bak-{'[0-9]' * 8}T{'[0-9]' * 6}Z*{place.suffix}"
    for old in sorted(place.parent.glob(ours), key=lambda each: each.stem)[:-BACKUPS]:
        old.unlink()
    return copy.name
