"""Deleting everything below the data folder: its contents, active users of the folder, and the deletion itself.

An interrupted purge must leave no half deleted thing that looks complete. So each entry of the folder is first moved
into `.purged`, in one step, and then deleted with it. Data made from bronze goes before bronze, and the state with the
locks goes last. So every command can use the remains of an interrupted purge, and the next purge continues it. Symbolic
links are deleted, never followed, except the data folder itself, which may be a link and is emptied.
"""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.facts import Fact, ok, warning
from strava_pipeline.lake.bronze.expired import purges
from strava_pipeline.lake.files import has_no_holder, sync_folder
from strava_pipeline.lake.locks import holder, is_live, runs_with_lock_file, try_locked
from strava_pipeline.lake.paths import Lake

PURGE = "purge"
KEPT_FILES = ("README.md", ".gitignore")  # in the checkout's data folder: they aren't anybody's data
_LAST = ("inbox", "bronze", "decisions", "state")  # in this order, after everything made from them
_IS_MOUNTED = (errno.EXDEV, errno.EBUSY)


@dataclass(frozen=True, slots=True)
class Place:
    """A path to delete.

    Args:
        files, bytes: below it.
        links: symbolic links. They are deleted, their targets stay.
    """

    path: Path
    files: int
    bytes: int
    links: tuple[Path, ...] = ()

    @classmethod
    def of(cls, path: Path, found: Iterable[Path]) -> "Place":
        """The place `path` with these files and links."""
        sizes, links = [], []
        for one in found:
            if one.is_symlink():
                links.append(one)
            else:
                sizes.append(one.lstat().st_size)
        return cls(path, len(sizes), sum(sizes), tuple(sorted(links)))


def files_below(path: Path) -> Iterator[Path]:
    """The file or link itself, or all of them below a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path):
        yield from (Path(folder, name) for name in files)
        yield from (link for name in folders if (link := Path(folder, name)).is_symlink())


def data_places(lake: Lake) -> list[Place]:
    """The places that a purge would delete, an item per entry of the data folder, and the drop folder by itself.
    Deletes nothing.
    """
    places = []
    for entry in _entries(lake):
        files = set(files_below(entry))
        dropped = {path for path in files if path.is_relative_to(lake.inbox_files)}
        places.append(Place.of(entry, files - dropped))
        if dropped:
            places.append(Place.of(lake.inbox_files, dropped))
    return places


def api_places(lake: Lake) -> list[Place]:
    """The places that a purge of Strava's API data would delete: that data, and data that is then made again from the rest."""
    if not any(path.exists() for path in (*lake.of_api, lake.purged_api)):
        return []
    paths = [*lake.derived, *lake.of_api, lake.purged_api]
    return [Place.of(path, files_below(path)) for path in paths if path.exists()]


def refuse_other_places(lake: Lake, others: Iterable[Path]) -> None:
    """Raise PipelineError if the data folder contains one of `others`: then it holds more than data."""
    root = lake.data_dir.resolve()
    for other in others:
        if root == other.resolve() or root in other.resolve().parents:
            raise PipelineError(
                f"{lake.data_dir} holds more than data: {other} is in it. Nothing was deleted. Move that elsewhere, set "
                "STRAVA_DATA_DIR to the data alone, or delete by hand what is to go."
            )


def who_is_at_work(lake: Lake) -> str | None:
    """The present user of the data folder, or None: a live run, the holder of a lock, a process that writes to an inbox."""
    for run_id in runs_with_lock_file(lake):
        if is_live(lake, run_id):
            return f"run {run_id}"
    for path in sorted((lake.state / "locks").glob("*.lock")):
        if path.exists() and not has_no_holder(path):
            return f"{holder(lake, path.stem)}, which holds {path}"
    inbox = lake.inbox_files.parent
    for path in sorted(inbox.rglob("*")) if inbox.is_dir() else ():
        if path.is_file() and lake.inbox_files not in path.parents and not has_no_holder(path):
            return f"a process that is writing {path}"
    return None


@contextmanager
def exclusive_use(lake: Lake) -> Iterator[None]:
    """Hold every lock of the data folder. Raises PipelineError if anybody uses the folder."""
    with ExitStack() as held:
        refuse_work(lake)
        if lake.data_dir.is_dir():
            known = {path.stem for path in (lake.state / "locks").glob("*.lock")}
            for name in sorted(known | {"warehouse"}):  # which every run holds sooner or later
                if not held.enter_context(try_locked(lake, name, who="a purge")):
                    raise _busy(lake, holder(lake, name))
        yield


def refuse_work(lake: Lake) -> None:
    """Raise PipelineError if anybody uses the data folder."""
    if at_work := who_is_at_work(lake):
        raise _busy(lake, at_work)


def delete_api_data(lake: Lake) -> None:
    """Delete data from Strava's API, and everything made with it; continues an interrupted deletion.

    Derived data goes first. So the next run after an interruption finds no warehouse and makes it from the rest. Raises
    PipelineError if a file can't be deleted.
    """
    with going_on_by(lake, "purge --api"):
        _delete([*lake.derived, *lake.of_api, lake.copy_scratch], lake.purged_api)


def delete_made(lake: Lake) -> None:
    """Delete what is made of bronze and decisions, before it is made again without a purged activity."""
    _delete([*lake.derived, lake.readings / "imports", lake.staging, lake.copy_scratch], lake.purging / "made")


def _delete(paths: Iterable[Path], aside: Path) -> None:
    aside.mkdir(parents=True, exist_ok=True)
    for path in paths:
        if path.exists():
            _move_aside(path, aside)
            sync_folder(path.parent)
    shutil.rmtree(aside)
    sync_folder(aside.parent)


def delete_data(lake: Lake) -> None:
    """Delete everything below the data folder except its README.md and .gitignore; continues an interrupted purge.

    Raises PipelineError if a file can't be deleted; nothing uses files that were moved aside before.
    """
    if not lake.data_dir.is_dir():
        return
    with going_on_by(lake, "purge"):
        if lake.purged.is_symlink():
            lake.purged.unlink()
        lake.purged.mkdir(exist_ok=True)
        for entry in _entries(lake):
            if entry != lake.purged:
                _move_aside(entry, lake.purged)
        sync_folder(lake.data_dir)
        shutil.rmtree(lake.purged)
        sync_folder(lake.data_dir)


@contextmanager
def going_on_by(lake: Lake, command: str) -> Iterator[None]:
    """If a file can't be deleted, name the command that continues."""
    try:
        yield
    except OSError as error:
        raise PipelineError(
            f"{error.filename or lake.data_dir} can't be deleted ({error.strerror}). Fix its permissions, then run "
            f"strava-pipeline {command} again: it continues where this one stopped."
        ) from error


def refuse_unfinished(lake: Lake, error: type[PipelineError]) -> None:
    """Raise the error if a purge has not ended, which may be why something is missing."""
    if found := unfinished_purge(lake):
        raise error(
            f"A purge of this data has not ended: {found[0]} is still there. Unless it is running, end it: `{found[1]}`."
        )


def refuse_unremoved(lake: Lake, error: type[PipelineError]) -> None:
    """Raise the error if bronze may hold what is recorded as purged: a copy would know the purge, and have what it takes."""
    if lake.purge_begun.exists() and purges(lake):
        refuse_unfinished(lake, error)


def unfinished_purge(lake: Lake) -> tuple[Path, str] | None:
    """What a purge that is running, or was interrupted, has left; and the command that ends it."""
    of_one = [(lake.purging, f"purge {each.purged}") for each in purges(lake)[-1:]]
    ways = (lake.purged, "purge"), (lake.purged_api, "purge --api"), *of_one
    return next(((left, f"strava-pipeline {command}") for left, command in ways if left.exists()), None)


def purge_health(lake: Lake) -> Fact:
    """Whether the last purge was completed."""
    if found := unfinished_purge(lake):
        return warning(PURGE, f"one was interrupted: {found[0]} is still there.", found[1])
    return ok(PURGE, "no interrupted one")


def _entries(lake: Lake) -> list[Path]:
    """The entries of the data folder that a purge deletes, in order."""
    if not lake.data_dir.is_dir():
        return []
    found = [path for path in lake.data_dir.iterdir() if path.name not in KEPT_FILES]
    return sorted(found, key=lambda path: (_LAST.index(path.name) + 1 if path.name in _LAST else 0, path.name))


def _busy(lake: Lake, who: str) -> PipelineError:
    return PipelineError(f"Nothing was deleted: {lake.data_dir} is in use by {who}. Wait for its end, or end it.")


def _move_aside(entry: Path, aside: Path) -> None:
    target = aside / entry.name
    if target.is_symlink() or target.exists():  # of an interrupted purge
        target = aside / f"{entry.name}.{token_hex(4)}"
    try:
        entry.rename(target)
    except OSError as error:
        if error.errno not in _IS_MOUNTED:
            raise
        for path in entry.iterdir():  # a mounted disk: it stays mounted
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
