"""What is set: services with their priorities and what may be written; goals, the athlete's values, privacy zones, display.

All of it is changed here, against the seal of the file that was shown. This process writes providers.toml and goals.toml:
no request and no run carries what they hold. No secret, path or position is on the page.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.insights.goals import GoalsError
from strava_pipeline.core.providers import NEVER_FIRST
from strava_pipeline.lake.gold.publish import published_at
from strava_pipeline.lake.requests import PublishWanted, RequestsFullError
from strava_pipeline.lake.user_files import goals_document, seal_of_goals, write_goals
from strava_pipeline.serve.dashboard import goal_fields
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.pages_requests import kept_page
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentSite, Site, SnapshotIfAny, shown_owner, site_of

router = APIRouter(include_in_schema=False)
_PRIORITY, _WRITE = "priority.", "write."


@router.get("/settings")
def shown(request: Request, snapshot: SnapshotIfAny, site: CurrentSite) -> HTMLResponse:
    """What is set, and the forms that change it."""
    owner = None if snapshot is None else shown_owner(site)
    values = {"owner": owner, "schedule_zone": site.settings.timezone, "today": site.today}
    return render(
        request, "settings.html", {**values, "chosen": site.pipeline.settings_now(), "goals": goals_form(site)}
    )


def goals_form(site: Site) -> dict[str, Any]:
    """The values in goals.toml as fields; `seal`: of the file; `fault`: why it can't be used."""
    try:
        document, seal = goals_document(site.lake), seal_of_goals(site.lake)
    except PipelineError as error:
        return {"fault": str(error)}
    choices = goal_fields.choices_of(document)
    return {**goal_fields.fields_of(document), **goal_fields.OFFERED, "choices": choices, "seal": seal, "fault": None}


@router.post("/settings", response_model=None)
def change(request: Request, fields: Fields) -> Response:
    """Write providers.toml, and ask for what follows."""
    site_of(request).pipeline.change_settings(**_wanted(fields))
    return written_page(request)


@router.post("/settings/goals", response_model=None)
def change_goals(request: Request, fields: Fields, site: CurrentSite) -> Response:
    """Write goals.toml, and publish what follows; while a run is at work, ask for it."""
    values = goal_fields.values_in(fields, goals_document(site.lake))
    try:
        write_goals(site.lake, values, first_of(fields, "seal"))
    except GoalsError as error:
        raise ProblemError(400, goal_fields.in_words(str(error))) from None
    if published_at(site.lake) is None or not site.pipeline.publish():
        return written_page(request)
    is_of_gear = all(place[0] == "service" for place in values)
    return RedirectResponse("/gear" if is_of_gear else "/settings", 303)


def written_page(request: Request) -> Response:
    """Pages show what follows from the files after the next publish, which is asked for where there is anything to publish."""
    if published_at(site_of(request).lake) is not None:
        with suppress(RequestsFullError):  # the file is written, and what waits publishes, too
            return kept_page(request, PublishWanted(kind="publish"))
    return RedirectResponse("/settings", 303)


def _wanted(fields: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The choices in a form. A service without a ticked box has an empty field `write.NAME`."""
    priorities: dict[str, int] = {}
    write: dict[str, list[str]] = {}
    try:
        for name, values in fields.items():
            if name.startswith(_PRIORITY):
                priorities[name.removeprefix(_PRIORITY)] = priority = int(values[0])
                if not 1 <= priority < NEVER_FIRST:
                    raise ValueError(name)
            elif name.startswith(_WRITE):
                write[name.removeprefix(_WRITE)] = [each for each in values if each]
            elif name != "seal":
                raise ValueError(name)
    except ValueError:
        why = "The form asks for nothing that can be set. A priority is a whole number from 1 on. Load the page again."
        raise ProblemError(400, why) from None
    return {"priorities": priorities, "write": write, "seal": first_of(fields, "seal")}
