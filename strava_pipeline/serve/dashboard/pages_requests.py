"""Asking for a run, and how it stands: what buttons of other pages send. The same requests as `/api/requests`."""

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import Field, TypeAdapter, ValidationError
from starlette.responses import HTMLResponse

from strava_pipeline.lake.requests import RequestView, Wanted, keep_request, request_view
from strava_pipeline.serve.dashboard.api_requests import MADE_BY
from strava_pipeline.serve.dashboard.forms import Fields
from strava_pipeline.serve.dashboard.overview import is_awake
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentSettings, Now, site_of

router = APIRouter(include_in_schema=False)
_WANTED: TypeAdapter[Wanted] = TypeAdapter(Annotated[Wanted, Field(discriminator="kind")])


@router.post("/requests")
def ask(request: Request, fields: Fields) -> HTMLResponse:
    """Keep a request, and show how it stands."""
    wanted = _wanted({name: values for name, values in fields.items() if name != "ids"}, [*fields.get("ids", ())])
    return kept_page(request, wanted)


def kept_page(request: Request, wanted: Wanted) -> HTMLResponse:
    """Keep what is wanted as a request, and show how that stands. Raises MisuseError where it can't be carried out."""
    site = site_of(request)
    now = site.now()
    site.pipeline.refuse(wanted)
    kept = keep_request(site.lake, wanted, now, MADE_BY)
    return _page(request, request_view(site.lake, site.settings.logs_dir, kept.id, now), now, status=202)


@router.get("/requests/{request_id}")
def asked(
    request: Request,
    lake: CurrentLake,
    settings: CurrentSettings,
    now: Now,
    request_id: Annotated[str, Path(max_length=64)],
) -> HTMLResponse:
    """How a request stands, with the last lines of its run's log."""
    view = request_view(lake, settings.logs_dir, request_id, now)
    if view is None:
        raise ProblemError(404, "There is no request with this id; those that ended are kept for two weeks.")
    return _page(request, view, now)


def _page(request: Request, view: RequestView | None, now: datetime, *, status: int = 200) -> HTMLResponse:
    values = {"view": view, "is_awake": is_awake(site_of(request).lake, now)}
    return render(request, "request.html", values, status=status)


def _wanted(fields: dict[str, Any], ids: list[str]) -> Wanted:
    given: dict[str, Any] = {name: values[0] for name, values in fields.items()}
    if re.fullmatch("[0-9]{1,4}", given.get("year", "")):
        given["year"] = int(given["year"])
    try:
        return _WANTED.validate_python(given | ({"ids": ids} if ids else {}))
    except ValidationError:
        raise ProblemError(400, "The form asks for nothing that can be done. Load the page again.") from None
