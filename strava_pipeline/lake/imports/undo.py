"""What an undone import means for the rest of the lake: which import a name means, what may leave, what was made without it.

The note in bronze counts from the moment it is on disk: no run reads the import any more. The warehouse notes without which
imports it was made. Where that is not what bronze says, whoever runs next makes all of it anew (lake/rebuild.py), so an
undo that was interrupted at any moment comes to its end.
"""

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field

import duckdb

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.tables import FILES, GEAR, TABLES
from strava_pipeline.core.text import printable
from strava_pipeline.lake.gold.publish import is_published
from strava_pipeline.lake.gold.warehouse import (
    Connection,
    DamagedWarehouseError,
    OtherCatalogueError,
    is_a_database,
    note,
    notes,
    reading,
)
from strava_pipeline.lake.imports.manifests import Import, all_imports, counting, undone_imports, undone_names
from strava_pipeline.lake.paths import Lake

_MADE_WITHOUT = "undone:imports"  # a note of the undone imports that a warehouse was made without
_TRACKS_WITHOUT = "undone:tracks"  # the same of data/tracks
Keys = set[tuple[object, ...]]


def find_import(lake: Lake, name: str) -> Import:
    """The import with this name, or the only one that came as a file of this name; MisuseError, with the names there are.

    One that was undone before is found again as long as its undo has not come to its end.
    """
    came = all_imports(lake)
    files = {one.name: one for one in counting(came)}
    finished = is_finished(lake)
    there = [files.get(one.name, one) for one in came if one.undone is None or not finished]
    found = [one for one in there if name == one.name] or [one for one in there if name == one.manifest.came_as]
    if len(found) == 1:
        return found[0]
    names = (
        "".join(f"\n  {import_line(one)}" for one in there) or " None: nothing was imported, or all of it was undone."
    )
    if found:
        raise MisuseError(f"{len(found)} imports came as {printable(name)}. Name one of them by its own name:{names}")
    for one in came:
        if one.undone is not None and name in (one.name, one.manifest.came_as):
            raise MisuseError(
                f"{import_line(one)} was undone at {one.undone.undone_at:%Y-%m-%d %H:%M} UTC. Import the same path again to "
                f"have it back. The imports that can be undone:{names}"
            )
    raise MisuseError(f"There is no import {printable(name)}. The imports that can be undone:{names}")


def import_line(one: Import) -> str:
    """An import as a person tells it from others."""
    manifest = one.manifest
    return f"{one.name}  {printable(manifest.came_as)}, {len(manifest.files)} files, {manifest.received_at:%Y-%m-%d %H:%M} UTC"


def made_without(lake: Lake) -> list[str] | None:
    """The undone imports that the working warehouse was made without; None where there is none that can be read."""
    if lake.working.exists() and is_a_database(lake.working):
        with suppress(OtherCatalogueError, DamagedWarehouseError), reading(lake) as connection:
            return is_made_without(connection)
    return None


def is_finished(lake: Lake) -> bool:
    """Whether the warehouse, what readers see of it and the tracks are made without every undone import."""
    return (made_without(lake) or []) == undone_names(lake) and is_published(lake) and not are_tracks_due(lake)


def is_made_without(connection: Connection) -> list[str]:
    """The undone imports that a warehouse was made without."""
    return _noted(connection, _MADE_WITHOUT)


def is_noted(connection: Connection) -> bool:
    """Whether a warehouse says without which imports it was made, be it none."""
    return _MADE_WITHOUT in notes(connection, _MADE_WITHOUT)


def note_made_without(connection: Connection, names: list[str]) -> None:
    """Note it, within the caller's transaction."""
    note(connection, _MADE_WITHOUT, json.dumps(names))


def are_tracks_due(lake: Lake) -> bool:
    """Whether tracks of undone imports may be left in data/tracks."""
    names = undone_names(lake)
    if not names or not lake.working.exists():
        return False
    with reading(lake) as connection:
        return _noted(connection, _TRACKS_WITHOUT) != names


def note_tracks_made_without(connection: Connection, names: list[str]) -> None:
    """The tracks of all years are made without these imports, within the caller's transaction."""
    if _noted(connection, _TRACKS_WITHOUT) != names:
        note(connection, _TRACKS_WITHOUT, json.dumps(names))


_NAMED_BY_ARCHIVES = "SELECT source, gear_id FROM gear WHERE source <> $source OR found IS NULL"


@dataclass(frozen=True, slots=True)
class MayLeave:
    """What a published warehouse may lose, as it was made with imports that are undone now: what only these brought."""

    activities: set[tuple[object, str]] = field(default_factory=set)  # ids, each with the source
    gear: set[object] = field(default_factory=set)
    files: set[object] = field(default_factory=set)
    undone: tuple[str, ...] = ()

    def way_back(self, lake: Lake) -> str:
        """What to do where the undo itself is in the way."""
        if not self.undone:
            return ""
        notes = ", ".join(str(lake.imports / name / "undone.json") for name in self.undone)
        return f" To take the undo of {', '.join(self.undone)} back, delete {notes} and run `strava-pipeline rebuild`."

    def among(self, published: Connection, table: str, lost: Keys) -> Keys:
        """Those of the `lost` keys of a table that may leave it. What Strava itself said never may."""
        if not self.undone or not lost:
            return set()
        if table == FILES.name:
            return {key for key in lost if key[0] in self.files}
        if table == GEAR.name:
            named = published.execute(_NAMED_BY_ARCHIVES, {"source": STRAVA}).fetchall()
            return {key for key in lost.intersection(named) if key[-1] in self.gear}
        sources: dict[tuple[object, ...], set[str]] = defaultdict(set)
        columns = ", ".join((*TABLES[table].key, "source"))
        with suppress(duckdb.Error):  # the tables of another version: then nothing is known to be meant
            for *key, source in published.execute(f"SELECT {columns} FROM {TABLES[table].stored}").fetchall():
                sources[tuple(key)].add(source)
        return {key for key in lost if self._may(table, key, sources.get(key, {STRAVA}))}

    def _may(self, table: str, key: tuple[object, ...], sources: set[str]) -> bool:
        if STRAVA in sources:
            return False
        if table == "activity_history":  # with the cells of one import, the versions of another's row may go
            return True
        return all((key[0], source) in self.activities for source in sources)


def may_leave(lake: Lake, published: Connection) -> MayLeave:
    """What only those undone imports brought that the published warehouse was made with."""
    before = set(is_made_without(published))
    undone = {one.name: one.undone for one in undone_imports(lake) if one.undone is not None and one.name not in before}
    fresh = undone.values()
    return MayLeave(
        activities={(key, source) for each in fresh for key, source in each.activities},
        gear={key for each in fresh for key in each.gear},
        files={key for each in fresh for key in each.files},
        undone=tuple(undone),
    )


def _noted(connection: Connection, name: str) -> list[str]:
    names: list[str] = json.loads(notes(connection, name).get(name, "[]"))
    return names
