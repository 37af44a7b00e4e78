"""A person's file is replaced: whole or not at all, with a copy of what it was, and never under the hands of another program.

A kill at any moment leaves the old file or the new one. What the bytes hold is not known here.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strava_pipeline.core.durable import sync_file, sync_folder
from strava_pipeline.core.errors import SourceError, TransientError
from strava_pipeline.ingest.spreadsheet.files import is_open_elsewhere, read_file

_MARK = "strava_pipeline"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True, slots=True)
class Keep:
    """That a copy of the file from before is kept: `now`, for its name, and how many copies stay at `most`, the newest."""

    now: datetime
    most: int


def require_closed(path: Path) -> None:
    """Raises TransientError where another program has the file open: it would save its own version over ours."""
    if is_open_elsewhere(path) or is_open_elsewhere(path.resolve()):
        raise TransientError(
            f"{path.name} is open in Excel or LibreOffice, so nothing was written. Close it there; the change waits until then. "
            f"If it is not open, delete the file ~${path.name} or .~lock.{path.name}# beside it."
        )


def require_writable(path: Path) -> None:
    """Raises SourceError where the file or its folder may not be changed."""
    place = path.resolve()
    with _faults_named(path):
        mode = place.stat().st_mode
    if not mode & 0o222 or not os.access(place, os.W_OK):
        raise SourceError(
            f"{path.name} is read-only, so nothing was written. Allow writing, and apply the change again."
        )
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise SourceError(
            f"The folder of {path.name} is read-only, so nothing was written. Allow writing there, and apply the change again."
        )


def replace(
    path: Path, before: bytes, after: bytes, check: Callable[[bytes], object], keep: Keep | None = None
) -> str | None:
    """Put `after` in the place of `before`, and return the name of the copy that holds `before`.

    Args:
        keep: None: no copy is kept.
        check: raises where the bytes, read again from disk, are not what they should be.

    Raises TransientError where the file is open or changed meanwhile, or the disk is full; SourceError where it may not be
    written. The file is then as it was.
    """
    place = path.resolve()
    with _faults_named(path):
        _clean(place)
        aside = _write_aside(place, after)
        try:
            check(aside.read_bytes())
            require_closed(path)
            if read_file(place) != before:
                raise TransientError(f"{path.name} was changed meanwhile, so nothing was written; the change waits.")
            copy = _kept(place, keep.now) if keep is not None else None
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)
        _sync(place.parent)
        if keep is not None:
            _prune(place, keep.most)
    return copy.name if copy is not None else None


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise TransientError(
                f"The disk of {path.name} is full, so nothing was written; make room there."
            ) from error
        if error.errno in _FORBIDDEN:
            raise SourceError(
                f"{path.name} or its folder may not be changed ({error.strerror}), so nothing was written. Allow writing there, "
                "and apply the change again."
            ) from error
        raise TransientError(
            f"{path.name} can't be written ({error.strerror or type(error).__name__}); it is as it was."
        ) from error


def _clean(place: Path) -> None:
    """Remove what a run that was killed left."""
    for left in place.parent.glob(f".{_escaped(place.name)}.{_MARK}-*"):
        with suppress(OSError):
            left.unlink()


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _write_aside(place: Path, body: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.{_MARK}-", dir=place.parent)
    aside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            was = place.stat()
            if (was.st_uid, was.st_gid) != (os.fstat(file.fileno()).st_uid, os.fstat(file.fileno()).st_gid):
                os.fchown(file.fileno(), was.st_uid, was.st_gid)
            _copy_attributes(place, file.fileno())
            os.fchmod(file.fileno(), was.st_mode & 0o7777)
            sync_file(file)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside


def _copy_attributes(place: Path, descriptor: int) -> None:
    """Tags and rights beyond the mode, where the system keeps them beside the file."""
    if hasattr(os, "listxattr"):
        with suppress(OSError):
            for name in os.listxattr(place):
                os.setxattr(descriptor, name, os.getxattr(place, name))


def _kept(place: Path, now: datetime) -> Path:
    """A copy of the file under a name that is still free: another name of the same bytes, where the disk has such names."""
    for _, earlier in _copies(place):
        if earlier.samefile(place):  # of a run that was killed before it wrote
            return earlier
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    number = 1
    while True:
        name = f"{place.stem}.bak-{stamp}{f'-{number}' if number > 1 else ''}{place.suffix}"
        copy = place.with_name(name)
        number += 1
        try:
            os.link(place, copy)
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno in _FULL:
                raise
            try:
                _copied(place, copy)
            except FileExistsError:
                continue
        return copy


def _copied(place: Path, copy: Path) -> None:
    try:
        with place.open("rb") as source, copy.open("xb") as target:
            shutil.copyfileobj(source, target)
            sync_file(target)
        shutil.copystat(place, copy)
    except FileExistsError:
        raise
    except BaseException:
        copy.unlink(missing_ok=True)
        raise


def _prune(place: Path, backups: int) -> None:
    """Remove the oldest copies of ours beyond a number; a file under any other name is the owner's."""
    for _, old in sorted(_copies(place))[: -backups or None]:
        with suppress(OSError):
            old.unlink()


def _copies(place: Path) -> list[tuple[tuple[str, int], Path]]:
    """The copies of ours, each with when it was made and its number of that second."""
    pattern = re.compile(rf"{re.escape(place.stem)}\.bak-(\d{{8}}T\d{{6}}Z)(?:-(\d+))?{re.escape(place.suffix)}")
    names = ((each, pattern.fullmatch(each.name)) for each in place.parent.iterdir())
    return [((match[1], int(match[2] or 1)), each) for each, match in names if match]


def _sync(folder: Path) -> None:
    with suppress(OSError):  # a folder of another system's, where a rename is durable or nothing can make it so
        sync_folder(folder)
