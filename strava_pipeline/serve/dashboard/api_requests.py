"""`/api/requests`: what is to be done, as a file in the inbox that becomes a run, and how that stands."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path
from starlette.responses import Response

from strava_pipeline.lake.requests import RequestView, Wanted, keep_request, request_view
from strava_pipeline.serve.dashboard.answers import Row, json_answer, only_known_parameters, shape
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentSite

router = APIRouter(prefix="/api/requests", dependencies=[Depends(only_known_parameters)], tags=["requests"])
MADE_BY = "dashboard"


@router.post("", status_code=202, response_model=shape("KeptRequest", id=str, status=str))
def ask(site: CurrentSite, wanted: Annotated[Wanted, Body(discriminator="kind")]) -> Response:
    """Keep a request; a run of it begins within seconds where Dagster's daemon is at work."""
    site.pipeline.refuse(wanted)
    request = keep_request(site.lake, wanted, site.now(), MADE_BY)
    address = f"/api/requests/{request.id}"
    return json_answer({"id": request.id, "status": "waiting"}, 202, {"Location": address})


def _found(site: CurrentSite, request_id: Annotated[str, Path(max_length=64)]) -> RequestView:
    view = request_view(site.lake, site.settings.logs_dir, request_id, site.now())
    if view is None:
        raise ProblemError(404, "There is no request with this id; those that ended are kept for two weeks.")
    return view


FoundRequest = Annotated[RequestView, Depends(_found)]


@router.get("/{request_id}", response_model=Row, responses=problems(404))
def request(view: FoundRequest) -> Response:
    """How a request stands, with the last lines of its run's log."""
    return json_answer(_shown(view))


def _shown(view: RequestView) -> dict[str, Any]:
    asked = view.request
    return {"id": asked.id, "at": asked.at, **asked.wanted.model_dump(), **view.model_dump(exclude={"request"})}
