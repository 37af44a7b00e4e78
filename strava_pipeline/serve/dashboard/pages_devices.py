"""Devices that recorded the same efforts: how they agree, who errs by how much, and two recordings over each other."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.pairs.report import (
    TITLES,
    change_words,
    chart_lines,
    error_words,
    mean_text,
    pair_words,
    shown_in,
    value_text,
    worst_of,
)
from strava_pipeline.lookups.devices import devices, recordings_of
from strava_pipeline.serve.dashboard.answers import Id
from strava_pipeline.serve.dashboard.api_activities import Found
from strava_pipeline.serve.dashboard.api_devices import NOT_COMPARED
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentSite, Snapshot

router = APIRouter(include_in_schema=False)
_WORDS = {each.__name__: each for each in (pair_words, change_words, error_words, chart_lines, shown_in, worst_of)}
_TEXTS = {"mean_text": mean_text, "value_text": value_text}


@router.get("/devices", dependencies=[KEPT])
def all_devices(request: Request, site: CurrentSite, snapshot: Snapshot) -> HTMLResponse:
    """By quantity, how each two devices agreed, and the error of each where three met; then every device."""
    return render(request, "devices.html", {"found": devices(snapshot, site.units), "titles": TITLES, **_WORDS})


@router.get("/activities/{activity_id}/recordings/{first_id}/{second_id}", dependencies=[KEPT])
def recordings(request: Request, snapshot: Snapshot, found: Found, first_id: Id, second_id: Id) -> HTMLResponse:
    """Two recordings of an activity over each other, with the difference, and both ways on the map."""
    pairs = [
        row for row in recordings_of(snapshot, found.id) if (row["first_id"], row["second_id"]) == (first_id, second_id)
    ]
    if not pairs:
        raise ProblemError(404, NOT_COMPARED)
    values = {"id": found.id, "pairs": pairs, "pair": pairs[0], "titles": TITLES, **_TEXTS}
    return render(request, "recordings.html", values)
