"""What became of a file that a program sent: of this file alone, and never which activity it is or joined."""

from typing import Any

from strava_pipeline.lake.imports.files import reading_of
from strava_pipeline.lake.imports.manifests import Import, all_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import ImportWanted, RequestView

_NOTHING_KEPT = "Nothing of it was kept: no file in it can be read, or all of it was here before."


def fate_of(lake: Lake, view: RequestView, place: int) -> dict[str, Any]:
    """Of a file at its place in a request: `name`; `status`: waiting, taken, not_readable, or failed with its run;
    `not_readable`: why, by the names of files.
    """
    assert isinstance(view.request.wanted, ImportWanted)  # no other one has files
    name, status = view.request.wanted.names[place], "waiting" if view.is_open else str(view.status)
    why: dict[str, str] = {}
    if status == "done":
        one = next((each for each in reversed(all_imports(lake)) if each.manifest.came_as == name), None)
        why, count = ({name: _NOTHING_KEPT}, 1) if one is None else _unread(lake, one)
        status = "not_readable" if why and len(why) >= count else "taken"
    return {"name": name, "status": status, "not_readable": why}


def _unread(lake: Lake, one: Import) -> tuple[dict[str, str], int]:
    """Why which files of an import could not be read, and how many files it had."""
    why = {fault.name: fault.detail for fault in one.manifest.faults}
    files = (*one.manifest.files, *(one.manifest.known or ()))
    for file in files:
        reading = None if file.held_back else reading_of(lake, file.sha256)
        if remark := file.held_back or (reading and reading.remark):
            why[file.name] = remark
    return why, len({*why, *(file.name for file in files)})
