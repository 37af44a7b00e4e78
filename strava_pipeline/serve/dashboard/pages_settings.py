"""What is set: services with their priorities and what may be written, changed by a request; units, zone, privacy zones.

A run writes providers.toml; nothing here does. No secret, path or position is on the page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.lake.dashboard.bests import owner_of
from strava_pipeline.lake.requests import SettingsWanted
from strava_pipeline.serve.dashboard.forms import Fields
from strava_pipeline.serve.dashboard.pages_requests import kept_page
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentPipeline, SnapshotIfAny, site_of

router = APIRouter(include_in_schema=False)
_PRIORITY, _WRITE = "priority.", "write."


@router.get("/settings")
def shown(request: Request, snapshot: SnapshotIfAny, pipeline: CurrentPipeline) -> HTMLResponse:
    """What is set, and the form that changes some of it."""
    site = site_of(request)
    owner = None if snapshot is None else owner_of(snapshot, site.lake, site.now())
    values = {"owner": owner, "zone": site.settings.timezone}
    return render(request, "settings.html", {**values, "chosen": pipeline.settings_now()})


@router.post("/settings")
def change(request: Request, fields: Fields) -> HTMLResponse:
    """Keep a request to write providers.toml, and show how it stands."""
    return kept_page(request, _wanted(fields))


def _wanted(fields: Mapping[str, Sequence[str]]) -> SettingsWanted:
    """The request of a form. A service of which no box is ticked has a field `write.NAME` that is empty."""
    found: dict[str, Any] = {"kind": "change_settings", "seal": "".join(fields.get("seal", ())[:1])}
    found["priorities"], found["write"] = {}, {}
    try:
        for name, values in fields.items():
            if name.startswith(_PRIORITY):
                found["priorities"][name.removeprefix(_PRIORITY)] = int(values[0])
            elif name.startswith(_WRITE):
                found["write"][name.removeprefix(_WRITE)] = tuple(each for each in values if each)
            elif name != "seal":
                raise ValueError
        return SettingsWanted.model_validate(found)
    except ValueError:  # of a number, or of pydantic
        why = "The form asks for nothing that can be set. A priority is a whole number from 1 on. Load the page again."
        raise ProblemError(400, why) from None
