"""Asking for a run, and how it stands: what buttons of other pages send. The same requests as `/api/requests`."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, TypeAdapter, ValidationError
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.text import counted
from strava_pipeline.lake.requests import (
    ApplyWanted,
    MonthWanted,
    RequestView,
    Wanted,
    keep_request,
    latest_requests,
    request_view,
)
from strava_pipeline.serve.dashboard.api_requests import MADE_BY, FoundRequest
from strava_pipeline.serve.dashboard.forms import Fields, is_by_script
from strava_pipeline.serve.dashboard.overview import why_waiting
from strava_pipeline.serve.dashboard.pages_months import month_values
from strava_pipeline.serve.dashboard.pipeline import Pipeline
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.shown_requests import shown_request, title_of
from strava_pipeline.serve.dashboard.site import CurrentSite, site_of

router = APIRouter(include_in_schema=False)
MOST_LISTED = 50
_WANTED: TypeAdapter[Wanted] = TypeAdapter(Annotated[Wanted, Field(discriminator="kind")])


@router.get("/requests")
def listed(request: Request, site: CurrentSite) -> HTMLResponse:
    """What was asked for, the newest first."""
    views = latest_requests(site.lake, site.now(), MOST_LISTED)
    shown = [*map(shown_request, views)]
    return render(request, "requests.html", {"requests": shown, "why_waiting": why_waiting(site, views)})


@router.post("/requests", response_model=None)
def ask(request: Request, fields: Fields) -> Response:
    """Keep a request, and show how it stands."""
    wanted = wanted_of({name: values for name, values in fields.items() if name != "ids"}, [*fields.get("ids", ())])
    return kept_page(request, wanted)


def kept_page(request: Request, wanted: Wanted) -> Response:
    """Store a request, and show its status. Raises MisuseError if it can't be carried out."""
    site = site_of(request)
    now = site.now()
    site.pipeline.refuse(wanted)
    kept = keep_request(site.lake, wanted, now, MADE_BY)
    if not is_by_script(request):
        return RedirectResponse(f"/requests/{kept.id}", 303)
    view = request_view(site.lake, site.settings.logs_dir, kept.id, now)
    assert view is not None
    return _page(request, view, status=202)


@router.get("/requests/{request_id}")
def asked(request: Request, view: FoundRequest) -> HTMLResponse:
    """How a request stands, with the last lines of its run's log."""
    return _page(request, view)


def _page(request: Request, view: RequestView, *, status: int = 200) -> HTMLResponse:
    """A request; if a page of its month polls it and it has ended, with the changed parts of that page."""
    site = site_of(request)
    month = _month_of(site.pipeline, view.request.wanted)
    shown = shown_request(view, month)
    values = {"shown": shown, "why_waiting": why_waiting(site, [view]), "is_out_of_band": False}
    if shown.has_ended and month is not None and "hx-request" in request.headers:
        with suppress(PipelineError):  # nothing usable is published any more: the request has ended all the same
            text = _written(site.pipeline, view)
            values |= {**month_values(site, month, text), "is_out_of_band": True}
    return render(request, "request.html", values, status=status)


def _written(pipeline: Pipeline, view: RequestView) -> str:
    """The result of the changes that a request was to write, in a sentence; for another request, how it ended."""
    wanted = view.request.wanted
    if not isinstance(wanted, ApplyWanted):
        return f"{title_of(wanted)}: {view.status}."
    changes = pipeline.changes()
    written = sum(changes.get(key, {}).get("status") == "applied" for key in wanted.ids)
    return f"{written} of {counted(len(wanted.ids), 'change')} {'was' if len(wanted.ids) == 1 else 'were'} written."


def _month_of(pipeline: Pipeline, wanted: Wanted) -> str | None:
    """The one month of a request, or None if there is none, or if it can't be read now."""
    if isinstance(wanted, MonthWanted):
        return wanted.month
    if not isinstance(wanted, ApplyWanted):
        return None
    try:
        changes = pipeline.changes()
    except PipelineError:  # nothing usable is published: the request is shown all the same
        return None
    months = {changes[key]["month"] for key in wanted.ids if key in changes}
    return months.pop() if len(months) == 1 else None


def wanted_of(fields: Mapping[str, Sequence[str]], ids: list[str]) -> Wanted:
    """The request in a form's fields. Raises ProblemError."""
    given: dict[str, Any] = {name: values[0] for name, values in fields.items()}
    if re.fullmatch("[0-9]{1,4}", given.get("year", "")):
        given["year"] = int(given["year"])
    try:
        return _WANTED.validate_python(given | ({"ids": ids} if ids else {}))
    except ValidationError:
        raise ProblemError(400, "The form asks for nothing that can be done. Load the page again.") from None
