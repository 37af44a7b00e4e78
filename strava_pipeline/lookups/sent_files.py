"""What became of a file that a program sent: of this file alone, and never which activity it is or joined."""

from datetime import timedelta
from typing import Any

from strava_pipeline.lake.imports.files import reading_of
from strava_pipeline.lake.imports.manifests import Import, all_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import ImportWanted, RequestView

_CLOCKS = timedelta(minutes=5)  # by which a run's clock, a server's, may differ from this machine's


def fate_of(lake: Lake, view: RequestView, place: int) -> dict[str, Any]:
    """Of a file at its place in a request: `name`; `status`: waiting, taken, not_readable, nothing_kept (no file in it can be
    read, or all of it was here before), or failed with its run; `not_readable`: why, by the names of files.
    """
    assert isinstance(view.request.wanted, ImportWanted)  # no other one has files
    name, status = view.request.wanted.names[place], "waiting" if view.is_open else str(view.status)
    why: dict[str, str] = {}
    if status == "done":
        of_run = (one for one in all_imports(lake) if one.manifest.came_as == name and _is_of(one, view))
        one = next(of_run, None)
        why, count = ({}, 0) if one is None else _unread(lake, one)
        status = "nothing_kept" if one is None else "not_readable" if why and len(why) >= count else "taken"
    return {"name": name, "status": status, "not_readable": why}


def _is_of(one: Import, view: RequestView) -> bool:
    """Whether an import is of a request's run, and not a person's of a file that has the same name."""
    if view.began_at is None or view.ended_at is None:
        return False
    return view.began_at - _CLOCKS <= one.manifest.received_at <= view.ended_at + _CLOCKS


def _unread(lake: Lake, one: Import) -> tuple[dict[str, str], int]:
    """Why which files of an import could not be read, and how many files it had."""
    why = {fault.name: fault.detail for fault in one.manifest.faults}
    files = (*one.manifest.files, *(one.manifest.known or ()))
    for file in files:
        reading = None if file.held_back else reading_of(lake, file.sha256)
        if remark := file.held_back or (reading and reading.remark):
            why[file.name] = remark
    return why, len({*why, *(file.name for file in files)})
