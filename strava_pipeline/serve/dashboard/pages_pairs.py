"""Two recordings that may be one activity, side by side; what the athlete says of them, and takes back."""

from collections.abc import Mapping

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.matching.groups import ordered_pair
from strava_pipeline.lake.gold.matches import years_of_ids
from strava_pipeline.lookups.pairs import pairs_here
from strava_pipeline.serve.dashboard.forms import Fields, first_of, ids_in
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentPipeline, Snapshot

router = APIRouter(include_in_schema=False)
_SAID: Mapping[str, bool | None] = {"one": True, "two": False, "undecided": None}


@router.get("/pairs")
def pairs(request: Request, snapshot: Snapshot, lake: CurrentLake) -> HTMLResponse:
    """Each pair that may be one, the likeliest first; then those that were decided."""
    ids = ids_in(request.query_params.get("said", "").split(":"))
    just = ordered_pair(*ids) if len(ids) == 2 else ()
    values = {"pairs": pairs_here(snapshot, lake, just), "just": just, "is_late": "late" in request.query_params}
    return render(request, "pairs.html", values)


@router.post("/pairs", response_model=None)
def decide(snapshot: Snapshot, pipeline: CurrentPipeline, fields: Fields) -> Response:
    """Record that two are one, or two, or that nobody says so any more."""
    said = first_of(fields, "said")
    ids = ids_in([first_of(fields, name) for name in ("one", "other")])
    if said not in _SAID or len({*ids}) < 2 or len(years_of_ids(snapshot, ids)) < 2:
        raise ProblemError(404, "There are no two activities with these ids. Load the page again.")
    one, other = ids
    is_seen = pipeline.decide_pair(one, other, joined=_SAID[said])
    return RedirectResponse(f"/pairs?said={one}:{other}{'' if is_seen else '&late'}", 303)
