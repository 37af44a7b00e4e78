"""The effect of an undo on the lake: finding the import, what may leave the warehouse, and what is made without it.

The note in bronze counts from the moment it is on disk: no run reads the import any more. The warehouse records which
undone imports it leaves out. If that differs from bronze, the next run rebuilds the warehouse (lake/rebuild.py), so an
interrupted undo is always completed.
"""

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import product
from pathlib import PurePosixPath

import duckdb

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.files.recording import NOT_RECORDED
from strava_pipeline.core.sources import FILE, IMPORTED, STRAVA, hashed_id
from strava_pipeline.core.tables import FILES, GEAR, TABLES
from strava_pipeline.core.text import printable
from strava_pipeline.lake.gold.notes import MADE, is_noted, note, noted
from strava_pipeline.lake.gold.publish import is_published
from strava_pipeline.lake.gold.warehouse import Connection, read_if_usable, reading
from strava_pipeline.lake.imports.manifests import Import, all_imports, effective_imports, undone_imports, undone_names
from strava_pipeline.lake.paths import Lake

_MADE_WITHOUT = f"{MADE}undone"  # the undone imports that a warehouse leaves out
_TRACKS_WITHOUT = f"{MADE}undone_tracks"  # the same for data/tracks
Keys = set[tuple[object, ...]]


def find_import(lake: Lake, name: str) -> Import:
    """The import with this name, or the only one that came as a file of this name. Raises MisuseError with the existing names.

    An undone import is found until its undo is finished.
    """
    came = all_imports(lake)
    files = {one.name: one for one in effective_imports(came)}
    finished = is_undo_finished(lake)
    there = [files.get(one.name, one) for one in came if one.undone is None or not finished]
    found = [one for one in there if name == one.name] or [one for one in there if name == one.manifest.came_as]
    if len(found) == 1:
        return found[0]
    names = (
        "".join(f"\n  {describe_import(one)}" for one in there)
        or " None: nothing was imported, or all of it was undone."
    )
    if found:
        raise MisuseError(f"{len(found)} imports came as {printable(name)}. Name one of them by its own name:{names}")
    for one in came:
        if one.undone is not None and name in (one.name, one.manifest.came_as):
            raise MisuseError(
                f"{describe_import(one)} was undone at {one.undone.undone_at:%Y-%m-%d %H:%M} UTC. Import the same path again to "
                f"have it back. The imports that can be undone:{names}"
            )
    raise MisuseError(f"There is no import {printable(name)}. The imports that can be undone:{names}")


def describe_import(one: Import) -> str:
    """A line that describes an import to a person."""
    manifest = one.manifest
    return f"{one.name}  {printable(manifest.came_as)}, {len(manifest.files)} files, {manifest.received_at:%Y-%m-%d %H:%M} UTC"


def left_out_of_lake(lake: Lake) -> list[str] | None:
    """The undone imports that the working warehouse leaves out, or None if no warehouse can be read."""
    return read_if_usable(lake, left_out_imports)


def is_undo_finished(lake: Lake) -> bool:
    """Whether the warehouse, its snapshot and the tracks leave out every undone import."""
    return (left_out_of_lake(lake) or []) == undone_names(lake) and is_published(lake) and not are_tracks_due(lake)


def left_out_imports(connection: Connection) -> list[str]:
    """The undone imports that a warehouse leaves out."""
    return _noted(connection, _MADE_WITHOUT)


def has_left_out_note(connection: Connection) -> bool:
    """Whether a warehouse records the imports that it leaves out, even if there are none."""
    return is_noted(connection, _MADE_WITHOUT)


def note_left_out(connection: Connection, names: list[str]) -> None:
    """Record the imports that the warehouse leaves out, within the caller's transaction."""
    note(connection, _MADE_WITHOUT, json.dumps(names))


def are_tracks_due(lake: Lake) -> bool:
    """Whether data/tracks may still hold tracks of undone imports."""
    names = undone_names(lake)
    if not names or not lake.working.exists():
        return False
    with reading(lake) as connection:
        return _noted(connection, _TRACKS_WITHOUT) != names


def note_tracks_left_out(connection: Connection, names: list[str]) -> None:
    """Record that the tracks of all years leave these imports out, within the caller's transaction."""
    if _noted(connection, _TRACKS_WITHOUT) != names:
        note(connection, _TRACKS_WITHOUT, json.dumps(names))


_READ = "SELECT sha256, recordings, kind, names, content, source, source_id FROM files WHERE recordings IS NOT NULL"
_JOINED = "SELECT extra ->> '$.service_row' FROM activities_all WHERE extra ->> '$.service_row' <> source_id"
_ATHLETES = "SELECT DISTINCT athlete_id FROM activities_all WHERE athlete_id IS NOT NULL"
_NAMED_BY_ARCHIVES = "SELECT source, gear_id FROM gear WHERE source <> $source OR found IS NULL"


@dataclass(frozen=True, slots=True)
class ExpectedLoss:
    """The allowed losses of a snapshot: rows that only undone imports brought, and rows that newer readings leave out."""

    activities: set[tuple[object, str]] = field(default_factory=set)  # (id, source)
    gear: set[object] = field(default_factory=set)
    files: set[object] = field(default_factory=set)
    undone: tuple[str, ...] = ()
    left: dict[object, str] = field(default_factory=dict)  # what newer readings leave out: the file's name by id

    def among(self, published: Connection, table: str, lost: Keys) -> Keys:
        """The allowed ones among the `lost` keys of a table. Rows from Strava itself are never allowed."""
        if not lost:
            return set()
        if table == FILES.name:
            return {key for key in lost if key[0] in self.files}
        if table == GEAR.name:
            named = published.execute(_NAMED_BY_ARCHIVES, {"source": STRAVA}).fetchall()
            return {key for key in lost.intersection(named) if key[-1] in self.gear}
        sources: dict[tuple[object, ...], set[str]] = defaultdict(set)
        columns = ", ".join((*TABLES[table].key, "source"))
        with suppress(duckdb.Error):  # the tables of another version: then no loss is expected
            for *key, source in published.execute(f"SELECT {columns} FROM {TABLES[table].stored}").fetchall():
                sources[tuple(key)].add(source)
        return {key for key in lost if self._may(table, key, sources.get(key, {STRAVA}))}

    def _may(self, table: str, key: tuple[object, ...], sources: set[str]) -> bool:
        if STRAVA in sources:
            return False
        # without the cells of one import, or read again, versions of another's row may go
        if table == "activity_history":
            return bool(self.undone) or sources <= IMPORTED
        return all((key[0], source) in self.activities for source in sources)


def expected_loss(lake: Lake, published: Connection, new: Connection) -> ExpectedLoss:
    """The allowed losses of the published warehouse: rows only from imports undone since, and rows that newer readings leave out.

    `new`: the warehouse that is to replace it.
    """
    before = set(left_out_imports(published))
    undone = {one.name: one.undone for one in undone_imports(lake) if one.undone is not None and one.name not in before}
    fresh = undone.values()
    left, joined = _left_out(published, new), _joined_rows(published, new)
    return ExpectedLoss(
        activities={(key, source) for each in fresh for key, source in each.activities} | left.keys() | joined,
        gear={key for each in fresh for key in each.gear},
        files={key for each in fresh for key in each.files},
        undone=tuple(undone),
        left={key: name for (key, _), name in left.items()},
    )


def _left_out(published: Connection, new: Connection) -> dict[tuple[object, str], str]:
    """Activities that newer readings of imported and providers' files leave out: by id and source the file's name.

    The file then contains fewer recordings than before, or only plans such as routes.
    """
    found: dict[tuple[object, str], str] = {}
    with suppress(duckdb.Error):  # the tables of another version
        now = {digest: after for digest, *after in new.execute(_READ).fetchall()}
        athletes = [None, *(athlete_id for (athlete_id,) in published.execute(_ATHLETES).fetchall())]
        for digest, before, _, names, content, source, source_id in published.execute(_READ).fetchall():
            after, kind, *_ = now.get(digest, (before, None))
            if after < before and (after or kind in NOT_RECORDED):
                sources = [(FILE, f"{content}:{place}") for place in range(after, before)]
                sources += [(source, source_id)] if source_id and not after else []
                ids = product(sources, athletes)
                found |= {(hashed_id(*of, athlete), of[0]): PurePosixPath(names[0]).name for of, athlete in ids}
    return found


def _joined_rows(published: Connection, new: Connection) -> set[tuple[object, str]]:
    """The rows of services' lists that were activities by themselves, if no recording was read that they belong to."""
    with suppress(duckdb.Error):  # the tables of another version
        athletes = [None, *(athlete_id for (athlete_id,) in published.execute(_ATHLETES).fetchall())]
        rows = new.execute(_JOINED).fetchall()
        return {(hashed_id(FILE, row, athlete), FILE) for (row,), athlete in product(rows, athletes)}
    return set()


def _noted(connection: Connection, name: str) -> list[str]:
    names: list[str] = json.loads(noted(connection, name, "[]"))
    return names
