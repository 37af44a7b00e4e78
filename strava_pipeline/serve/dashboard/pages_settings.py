"""What is set: services with their priorities and what may be written, and how pages show amounts, weeks and days, both changed
by a request; zone, privacy zones.

A run writes providers.toml and goals.toml; nothing here does. No secret, path or position is on the page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.insights.goals import CHOICES
from strava_pipeline.lake.requests import DisplayWanted, SettingsWanted
from strava_pipeline.lake.user_files import goals_of, seal_of_goals
from strava_pipeline.serve.dashboard.forms import Fields
from strava_pipeline.serve.dashboard.pages_requests import kept_page
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentSite, Site, SnapshotIfAny, shown_owner

router = APIRouter(include_in_schema=False)
_PRIORITY, _WRITE = "priority.", "write."


@router.get("/settings")
def shown(request: Request, snapshot: SnapshotIfAny, site: CurrentSite) -> HTMLResponse:
    """What is set, and the form that changes some of it."""
    owner = None if snapshot is None else shown_owner(site)
    values = {"owner": owner, "schedule_zone": site.settings.timezone, "example": site.now().date()}
    return render(
        request, "settings.html", {**values, "chosen": site.pipeline.settings_now(), "display": _display(site)}
    )


def _display(site: Site) -> dict[str, Any]:
    """The display options in goals.toml; `seal`: of the file; `fault`: why it can't be used."""
    try:
        return {"goals": goals_of(site.lake), "choices": CHOICES, "seal": seal_of_goals(site.lake), "fault": None}
    except PipelineError as error:
        return {"fault": str(error)}


@router.post("/settings", response_model=None)
def change(request: Request, fields: Fields) -> Response:
    """Keep a request to write providers.toml, and show how it stands."""
    return kept_page(request, _wanted(fields))


@router.post("/settings/display", response_model=None)
def change_display(request: Request, fields: Fields) -> Response:
    """Keep a request to write goals.toml, and show how it stands."""
    given = {name: values[0] or None for name, values in fields.items()}
    try:
        wanted = DisplayWanted.model_validate({"kind": "change_display", **given})
    except ValueError:  # of pydantic
        raise ProblemError(400, "The form asks for nothing that can be set. Load the page again.") from None
    return kept_page(request, wanted)


def _wanted(fields: Mapping[str, Sequence[str]]) -> SettingsWanted:
    """The request in a form. A service without a ticked box has an empty field `write.NAME`."""
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
    except ValueError:  # from a number, or from pydantic
        why = "The form asks for nothing that can be set. A priority is a whole number from 1 on. Load the page again."
        raise ProblemError(400, why) from None
