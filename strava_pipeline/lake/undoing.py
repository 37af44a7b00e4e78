"""Taking an import out of everything that is made of bronze, where a person said so. Bronze keeps all of it, and a note.

The note counts from the moment it is on disk: no run reads the import any more. What was made of it before leaves with the
next rebuild. Until then the folder of its activities stays, as it tells which rows may go; so a rebuild that was
interrupted is gone on with, whoever runs the next one.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.printable import printable
from strava_pipeline.lake.file_tracks import followed, recorded_tracks
from strava_pipeline.lake.files import sync_folder
from strava_pipeline.lake.imported import Imported, imported, imported_by, made_folder
from strava_pipeline.lake.imports import Import, imports, note_undone, undone_imports
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.shards import LOCK, drop_rows
from strava_pipeline.lake.tracks import is_of_a_file, track_origins, track_path
from strava_pipeline.lake.warehouse import Connection


@dataclass(slots=True)
class Leaving:
    """What the undone imports brought that may still be in gold: ids of activities and of gear, hashes of files."""

    keys: set[object] = field(default_factory=set)

    def may_go(self, key: tuple[object, ...]) -> bool:
        """Whether a row with this key may leave gold. Each table's key begins with one of these ids."""
        return key[0] in self.keys


def find_import(lake: Lake, name: str) -> Import:
    """The import with this name, or the only one that came as a file of this name; MisuseError, with the names there are.

    One that was undone before is found again as long as the warehouse may still hold something of it.
    """
    there = [*imports(lake), *(one for one in undone_imports(lake) if is_leaving(lake, one))]
    found = [one for one in there if name == one.name] or [one for one in there if name == one.manifest.came_as]
    if len(found) == 1:
        return found[0]
    names = "".join(f"\n  {_line(one)}" for one in there) or " None: nothing was imported, or all of it was undone."
    if found:
        raise MisuseError(f"{len(found)} imports came as {printable(name)}. Name one of them by its own name:{names}")
    for one in undone_imports(lake):
        if name in (one.name, one.manifest.came_as):
            raise MisuseError(
                f"{_line(one)} was undone before, at {one.undone_at:%Y-%m-%d %H:%M} UTC. Import the same path again to "
                f"have it back. The imports that can be undone:{names}"
            )
    raise MisuseError(f"There is no import {printable(name)}. The imports that can be undone:{names}")


def undo(lake: Lake, one: Import, at: datetime) -> None:
    """Note it in bronze. Who holds the lock of imports calls this, and then has all made anew (lake/rebuild.py)."""
    if one.undone_at is None:
        note_undone(lake, one, at)


def is_leaving(lake: Lake, one: Import) -> bool:
    """Whether the warehouse may still hold something of an undone import."""
    return made_folder(lake, one.name).is_dir()


def leaving(lake: Lake) -> Leaving:
    """What the warehouse may lose, as imports were undone."""
    found = Leaving()
    for one in undone_imports(lake):
        if is_leaving(lake, one):
            found.keys |= {file.sha256 for file in one.manifest.files}
            gear = made_folder(lake, one.name) / "gear.json"
            found.keys |= {item["id"] for item in json.loads(gear.read_bytes())} if gear.exists() else set()
            for part in imported_by(lake, one.name):
                found.keys |= {activity["id"] for _, page in part.listing.pages() for activity in page}
    return found


def drop_shards(lake: Lake) -> None:
    """Take the rows of undone imports out of all shards."""
    gone: list[Imported] = []
    for one in undone_imports(lake):
        if is_leaving(lake, one):
            gone += imported_by(lake, one.name)
    if not gone:
        return
    said = pl.DataFrame(
        {"source": [each.source for each in gone], "ingestion_ts": [each.said_at for each in gone]},
        schema={"source": pl.String, "ingestion_ts": pl.Datetime("us", "UTC")},
    )
    with locked(lake, LOCK):
        drop_rows(lake, {each.name for each in gone}, said)


def finish(lake: Lake, connection: Connection) -> None:
    """Remove what is left beside the warehouse when that was made anew: tracks and the folders of activities."""
    out = [one for one in undone_imports(lake) if is_leaving(lake, one)]
    if not out:
        return
    recorded = followed(connection, recorded_tracks(imported(lake)))
    for year, activity_id in _file_tracks(lake):
        if activity_id not in recorded:
            track_path(lake, year, activity_id).unlink(missing_ok=True)
    for one in out:
        shutil.rmtree(made_folder(lake, one.name))
    sync_folder(made_folder(lake, out[0].name).parent)


def _file_tracks(lake: Lake) -> Iterator[tuple[int, int]]:
    """Year and activity of each track that was made of a file."""
    for folder in sorted(lake.tracks.glob("year=*")):
        year = int(folder.name.removeprefix("year="))
        for activity_id, origin in track_origins(lake, year).items():
            if is_of_a_file(origin):
                yield year, activity_id


def _line(one: Import) -> str:
    manifest = one.manifest
    return f"{one.name}  {printable(manifest.came_as)}, {len(manifest.files)} files, {manifest.received_at:%Y-%m-%d %H:%M} UTC"
