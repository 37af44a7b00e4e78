"""Devices that recorded the same efforts: how they agree, who errs by how much, and two recordings over each other."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.pairs.report import (
    TITLES,
    change_words,
    chart_lines,
    error_words,
    mean_text,
    pair_words,
    short_words,
    shown_in,
    value_text,
    worst_of,
)
from strava_pipeline.lake.gold.rules_file import UnusableRulesError, believed_device
from strava_pipeline.lookups.devices import devices, recordings_of
from strava_pipeline.serve.dashboard.answers import Id
from strava_pipeline.serve.dashboard.api_activities import Found
from strava_pipeline.serve.dashboard.api_devices import NOT_COMPARED
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.pages_settings import written_page
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentSite, Snapshot

router = APIRouter(include_in_schema=False)
_WORDS = {
    each.__name__: each
    for each in (short_words, pair_words, change_words, error_words, chart_lines, shown_in, worst_of)
}
_TEXTS = {"mean_text": mean_text, "value_text": value_text}


@router.get("/devices", dependencies=[KEPT])
def all_devices(request: Request, site: CurrentSite, snapshot: Snapshot) -> HTMLResponse:
    """By quantity, how each two devices agreed, and the error of each where three met; then every device."""
    values: dict[str, Any] = {
        "found": devices(snapshot, site.units),
        "titles": TITLES,
        **_WORDS,
        "believed": None,
        "fault": None,
    }
    try:
        values["believed"] = believed_device(site.lake)
    except UnusableRulesError as error:
        values["fault"] = str(error)
    return render(request, "devices.html", values)


@router.post("/devices/believe", response_model=None)
def believe(request: Request, site: CurrentSite, snapshot: Snapshot, fields: Fields) -> Response:
    """Let a device's heart rate count wherever it recorded, or each recording's own again."""
    device = first_of(fields, "device") or None
    if device and device not in devices(snapshot).met_in("heartrate"):
        raise ProblemError(404, "No device of that name recorded a heart rate beside another one. Load the page again.")
    if site.pipeline.believe(device):
        return RedirectResponse("/devices#heartrate", 303)
    return written_page(request)


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
