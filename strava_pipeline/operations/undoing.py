"""Undoing an import: what will leave the warehouse, shown in advance, and the note that makes it leave.

The note is all that is written here. The rest is the rebuild's (lake/rebuild.py), in any run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.text import printable
from strava_pipeline.lake.files import DamagedFileError
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.imports.activities import (
    EarlierIds,
    activity_keys,
    athletes_of_hashed_ids,
    gear_ids,
    has_activities,
)
from strava_pipeline.lake.imports.files import has_reading, reading_of, stored_bytes
from strava_pipeline.lake.imports.manifests import Import, UndoneNote, all_imports, effective_imports, note_undone
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.importing import LOCK, import_read, inbox_marks

# activities are made of these directly; the others have readings
_MADE_OF = "list", "gear", "objects", "service_list"
Key = tuple[int, str]  # an activity's id, and the source that tells of it


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """The effect of undoing an import. Of its `files` and `activities`, `files_leaving` and `activities_leaving` will
    be gone from the warehouse; the others also came by other imports or by Strava, and stay with their values.

    For `unnoted` leaving files it is unknown whether other paths held them, too, because an earlier version did not
    record that; the paths of the imports in `unclear` may have held some.
    """

    one: Import
    files: int
    files_leaving: int
    activities: int
    activities_leaving: int
    unnoted: int
    unclear: list[Import]
    note: UndoneNote


def plan_undo(lake: Lake, one: Import, now: datetime) -> UndoPlan:
    """The effect of undoing `one`. Reads only. Raises PipelineError if an import's activities are not on disk."""
    came = all_imports(lake)
    left = effective_imports(_without(came, one, now))
    after = {each.name: each for each in left}
    before = {each.name: each for each in effective_imports(came)}
    for each in before.values():
        if not has_activities(lake, each.name):
            raise PipelineError(
                f"{each.name} was not read yet. Nothing was undone. `strava-pipeline rebuild` reads it."
            )
    _refuse_missing_bytes(lake, left)
    mine = activity_keys(lake, one.name) if one.name in before else set()
    _refuse_if_ids_rest_on_it(lake, one, left)
    others = _brought(lake, before, left)
    files = {file.sha256 for file in one.manifest.files}
    files_leaving = files - {file.sha256 for each in after.values() for file in each.manifest.files}
    older = [each for each in came if each.manifest.known is None]
    unnoted = files_leaving & {file.sha256 for each in older for file in each.manifest.files}
    stay = {key for key, _ in others} | _strava_knows(lake)
    note = UndoneNote(
        undone_at=now,
        activities=sorted(mine),
        gear=sorted(gear_ids(lake, one.name)),
        files=sorted(files),
        inbox=_lying_in_the_inbox(lake),
    )
    return UndoPlan(
        one=one,
        files=len(files),
        files_leaving=len(files_leaving),
        activities=len({key for key, _ in mine}),
        activities_leaving=len({key for key, _ in mine} - stay),
        unnoted=len(unnoted),
        unclear=[each for each in came if unnoted and each.name != one.name and _may_hold_more(each)],
        note=note,
    )


def undo(lake: Lake, one: Import, now: datetime) -> UndoPlan:
    """Record in bronze that the import is undone: no run reads it from now on, and the next one rebuilds without it.

    The effect is computed again, as another import may have come in since it was shown.
    """
    with locked(lake, LOCK, who="import undo"):
        plan = plan_undo(lake, one, now)
        note_undone(lake, one, plan.note)
        return plan


def _without(came: Sequence[Import], one: Import, now: datetime) -> list[Import]:
    return [
        Import(one.name, each.manifest, UndoneNote(undone_at=now)) if each.name == one.name else each for each in came
    ]


def _refuse_missing_bytes(lake: Lake, left: Sequence[Import]) -> None:
    """Raise if another import is damaged: an undo makes all others again, so they must be complete before it is recorded."""
    for one in left:
        for file in one.manifest.files:
            if file.role in _MADE_OF:
                try:
                    stored_bytes(lake, file.sha256)
                except (FileNotFoundError, DamagedFileError) as error:
                    raise PipelineError(
                        f"{printable(file.name)}, which {one.name} holds, is missing or damaged in bronze: without it "
                        f"that import can't be made again. Nothing was undone. Import "
                        f"{printable(one.manifest.came_as)} again first."
                    ) from error


def _refuse_if_ids_rest_on_it(lake: Lake, one: Import, left: Sequence[Import]) -> None:
    """Raise if later ids depend on this import: data from before the owner was known have plain ids, so later data have
    others.
    """
    later = {each.manifest.own_athlete for each in left if each.name > one.name} - {None}
    if one.manifest.own_athlete is None and later and athletes_of_hashed_ids(lake, one) - later:
        raise PipelineError(
            f"{one.name} holds activities of another athlete than this folder's, and came in before it was known whose the "
            "folder is: numbers of later imports rest on it. Nothing was undone."
        )


def _brought(lake: Lake, before: Mapping[str, Import], left: Sequence[Import]) -> set[Key]:
    """The activities of the imports that count after the undo, including those that they take over."""
    activities: set[Key] = set()
    held_ids = EarlierIds(lake, left)
    for number, one in enumerate(left):
        if one.name in before:
            activities |= activity_keys(lake, one.name)
        if one.name not in before or before[one.name].manifest.files != one.manifest.files:
            _refuse_unread(lake, one)
            found = import_read(lake, one, held_ids.before(number)).activities(partial(reading_of, lake), {})
            activities |= {(each.activity_id, each.source) for each in found}
    return activities


def _refuse_unread(lake: Lake, one: Import) -> None:
    for file in one.manifest.files:
        if file.is_readable and not has_reading(lake, file.sha256):
            raise PipelineError(
                f"{printable(file.name)}, which {one.name} holds, too, was not read, or can't be. Nothing was undone. Import "
                f"{printable(one.manifest.came_as)} again, then run `strava-pipeline rebuild`."
            )


def _strava_knows(lake: Lake) -> set[int]:
    """The activities that Strava's API listed."""
    if not lake.snapshot.exists():
        return set()
    with snapshot(lake) as published:
        query = "SELECT id FROM activities_all WHERE source = $source"
        return {key for (key,) in published.execute(query, {"source": STRAVA}).fetchall()}


def _may_hold_more(one: Import) -> bool:
    """Whether its path may have held files that its manifest does not name."""
    return (
        one.undone is None and one.manifest.known is None and one.manifest.kind != "file" and not one.manifest.has_list
    )


def _lying_in_the_inbox(lake: Lake) -> list[str]:
    inbox = lake.inbox_files.absolute()
    return sorted(inbox_marks(inbox, inbox).values()) if inbox.is_dir() else []
