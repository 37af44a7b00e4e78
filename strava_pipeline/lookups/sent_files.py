"""What became of a file that a program sent: of this file alone, and never which activity it is or joined."""

from datetime import datetime
from typing import Any

from strava_pipeline.lake.imports.files import reading_of
from strava_pipeline.lake.imports.manifests import Import, all_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import request_view

_NOTHING_KEPT = "Nothing of it was kept: no file in it can be read, or all of it was here before."


def is_under_way(lake: Lake, request_id: str | None, now: datetime) -> bool:
    """Whether a request for a file need not be made again: it waits, or its run did not fail."""
    view = None if request_id is None else request_view(lake, None, request_id, now)
    return view is None or view.status != "failed"


def fate_of(lake: Lake, name: str, request_id: str | None, now: datetime) -> dict[str, Any]:
    """`status`: known, waiting, taken, not_readable, or failed with its run; `not_readable`: why, by the names of files.

    `request_id`: of its import; None if its bytes were known when it came.
    """
    view = None if request_id is None else request_view(lake, None, request_id, now)
    one = next((each for each in reversed(all_imports(lake)) if each.manifest.came_as == name), None)
    why: dict[str, str] = {}
    if request_id is None:
        status = "known"
    elif view is not None and view.is_open:
        status = "waiting"
    elif view is not None and view.status == "failed":
        status = "failed"
    elif one is None:
        status, why = "not_readable", {name: _NOTHING_KEPT}
    else:
        why, count = _unread(lake, one)
        status = "not_readable" if why and len(why) >= count else "taken"
    return {"status": status, "not_readable": why}


def _unread(lake: Lake, one: Import) -> tuple[dict[str, str], int]:
    """Why which files of an import could not be read, and how many files it had."""
    files = (*one.manifest.files, *(one.manifest.known or ()))
    why = {fault.name: fault.detail for fault in one.manifest.faults}
    for file in files:
        reading = None if file.held_back else reading_of(lake, file.sha256)
        remark = file.held_back or (None if reading is None else reading.remark)
        if remark:
            why[file.name] = remark
    return why, len({*why, *(file.name for file in files)})
