"""Imported paths without an activity, why, and remedies, as sentences for the person who named them.

The kept files of a path are known by its manifest, their contents by their readings. Nothing is read again here.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from strava_pipeline.core.errors import SourceError
from strava_pipeline.core.files.recording import PLANS
from strava_pipeline.ingest.archive.container import open_container
from strava_pipeline.ingest.archive.entry import decode_name
from strava_pipeline.ingest.archive.service_lists import unread_exports
from strava_pipeline.lake.imports.activities import activities_of_import, has_activities
from strava_pipeline.lake.imports.files import reading_of
from strava_pipeline.lake.imports.manifests import Import, ImportedFile, all_imports, files_of_path
from strava_pipeline.lake.paths import Lake

_LISTS = frozenset({"list", "service_list", "objects"})
_WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xls", ".ods", ".numbers"})
_WORKBOOK = (
    "It is a workbook, which `import` does not read. If a service gave it to you, save it as CSV, and import that. Your own "
    "table of activities is a source of its own: set SPREADSHEET_PATH."
)
_NOTHING_READ = (
    "Nothing in it is read: no activity file (FIT, GPX, TCX, KML, KMZ), no list of an export that is known, no JSON of "
    "Strava's API. Export the activities in one of these forms, and import those. Days and nights of Garmin's and Apple Health's "
    "exports are read where that is switched on: on the dashboard's page *Body*."
)
_EMPTY_LIST = "Its list holds no activity that can be read."


@dataclass(frozen=True, slots=True)
class WithoutActivity:
    """A path without an activity: its name, and for each of its files (the name "" for the path itself) why.

    `is_planned`: all of its files are plans, so that no activity is missing.
    """

    path: str
    why: Sequence[tuple[str, str]]
    is_planned: bool = False


def without_activities(lake: Lake, paths: Sequence[Path], nothing_kept: Collection[str]) -> list[WithoutActivity]:
    """The imported paths without an activity or days and nights, now or before. `nothing_kept`: names of paths without a file."""
    came = all_imports(lake)
    by_name = {one.name: one for one in came}
    newest = {one.manifest.came_as: one for one in came if one.undone is None}
    names = [decode_name(os.fsencode(path.name)) for path in paths]
    found = []
    for path, name in zip(paths, names, strict=True):
        if names.count(name) > 1:
            continue  # which of them an import was is not noted
        if name in nothing_kept:
            found.append(WithoutActivity(name, _look(path)))
        elif (one := newest.get(name)) is not None:  # a list that is known by another name has none, and has activities
            why = list(_reasons(lake, one, files_of_path(by_name, one)))
            if why and all(reason is not None for _, reason in why):
                reasons = [(file, reason) for file, reason in why if reason is not None]
                found.append(WithoutActivity(name, reasons, is_planned={reason for _, reason in reasons} <= PLANS))
    return found


def _look(path: Path) -> Sequence[tuple[str, str]]:
    """Why nothing was kept from a path, for each of its files that is a known export, or for the path itself."""
    with suppress(SourceError), open_container(path) as container:
        if known := unread_exports(container.entries):
            return [(each.name, each.detail) for each in known]
    return [("", _WORKBOOK if path.suffix.lower() in _WORKBOOKS else _NOTHING_READ)]


def _reasons(lake: Lake, one: Import, files: Sequence[ImportedFile]) -> Iterator[tuple[str, str | None]]:
    """Why each file isn't an activity; ends with None at the first file that is one."""
    for file in files:
        reason: str | None = None
        if file.role in _LISTS:
            reason = None if _lists_activities(lake, one) else _EMPTY_LIST
        elif file.role not in ("activity", "wellness"):  # of days and nights none is missing
            continue
        elif file.held_back is not None:
            reason = file.held_back
        elif (reading := reading_of(lake, file.sha256)) is not None:
            reason = reading.why_no_activity
        yield PurePosixPath(file.name).name, reason
        if reason is None:
            return


def _lists_activities(lake: Lake, one: Import) -> bool:
    if not has_activities(lake, one.name):
        return True  # its files are an earlier import's
    return any(page for part in activities_of_import(lake, one.name) for _, page in part.listing.pages())
