"""The state of the data folder: a value that changes with anything that pages depend on.

It is made from the names, inodes and times of files, without reading them, so that each request can ask for it. Answers
from a service change it, as do publishing, computing tracks, decisions, and a person's edits.
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
    """The state of the data folder, or None if nothing is published. `others`: further files and folders that pages depend on."""
    published = file_state(lake.snapshot)
    if published is None:
        return None
    files = (lake.goals, lake.rules, lake.state / "revoked.json", *others)
    folders = (lake.decisions, changes_folder(lake), lake.data_dir / "widgets")
    return (published, highest_number(lake), tuple(map(file_state, files)), *map(entries, folders), *_years(lake))


def _years(lake: Lake) -> Iterator[object]:
    """Each year of each table of Parquet. Files are replaced, never modified in place, which changes the time of their folder."""
    for table, _ in entries(lake.data_dir):
        if years := entries(lake.data_dir / table, "year="):
            yield table, years


def entries(folder: Path, prefix: str = "") -> tuple[tuple[str, object], ...]:
    """The entries of a folder, by name, whose names begin with `prefix`."""
    with suppress(OSError), os.scandir(folder) as found:
        return tuple(sorted((each.name, file_state(each)) for each in found if each.name.startswith(prefix)))
    return ()  # it doesn't exist


def file_state(path: Path | os.DirEntry[str]) -> object:
    """The identity of a file or folder and the time of its last change, or None if it doesn't exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
