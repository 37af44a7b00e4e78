"""What the data folder looks like: a value that differs wherever anything changed that pages are made of.

It is made of the names, inodes and times of files, without reading them, so that each request can ask for it. Whatever lands from
a service changes it, as does what is published, computed of tracks, decided, or written by a person.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from strava_pipeline.lake.bronze.landing import highest_number
from strava_pipeline.lake.changes import changes_folder
from strava_pipeline.lake.paths import Lake

DataState = tuple[object, ...]


def data_state(lake: Lake, others: Iterable[Path] = ()) -> DataState | None:
    """The state of the data folder; None: nothing is published. `others`: files and folders that pages depend on, too."""
    published = _look(lake.snapshot)
    if published is None:
        return None
    files = (lake.goals, lake.state / "revoked.json", *others)
    folders = (lake.decisions, changes_folder(lake), lake.data_dir / "widgets")
    return (published, highest_number(lake), tuple(map(_look, files)), *map(entries, folders), *_years(lake))


def _years(lake: Lake) -> Iterator[object]:
    """Each year of each table of Parquet. Files are replaced, never written into, which changes the time of their folder."""
    for table, _ in entries(lake.data_dir):
        if years := entries(lake.data_dir / table, "year="):
            yield table, years


def entries(folder: Path, prefix: str = "") -> tuple[tuple[str, object], ...]:
    """What is in a folder, by name, of the names that begin so."""
    with suppress(OSError), os.scandir(folder) as found:
        return tuple(sorted((each.name, _look(each)) for each in found if each.name.startswith(prefix)))
    return ()  # there is none


def _look(path: Path | os.DirEntry[str]) -> object:
    """Which file or folder it is and when it changed last; None: it isn't there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
