"""An activity. Values are those of `/api/activities/ID`. The list of activities stands in pages_list.py."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.cuts import clock_seconds
from strava_pipeline.lake.gold.corrections import Edit, own_words
from strava_pipeline.lake.gold.personal import dismissed_activities
from strava_pipeline.lake.gold.rules import given_by_rules
from strava_pipeline.lake.gold.rules_file import HEARTRATE
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.made.cut_tracks import counted_begin, has_preferred_heart, with_cut
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activities import (
    FoundActivity,
    history_of,
    sources_of,
    whole_activity,
)
from strava_pipeline.lookups.activity_insights import activity_insights
from strava_pipeline.lookups.bests import bests_of, too_fast
from strava_pipeline.lookups.devices import pairs_of
from strava_pipeline.lookups.downloads import original_file
from strava_pipeline.lookups.explorer import way_of
from strava_pipeline.serve.dashboard.api_activities import Found
from strava_pipeline.serve.dashboard.forms import Fields, first_of, is_by_script
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentPipeline, Snapshot, site_of
from strava_pipeline.serve.dashboard.words_form import choices, edit_of_activity, last_step, word_text

router = APIRouter(include_in_schema=False)


@router.get("/activities/{activity_id}", dependencies=[KEPT])
def activity(request: Request, snapshot: Snapshot, lake: CurrentLake, found: Found) -> HTMLResponse:
    """One activity: its track, what it nests, its sources side by side, its history."""
    values: dict[str, Any] = {"whole": whole_activity(snapshot, lake, found), "id": found.id}
    values |= {"sources": sources_of(snapshot, found.id), "history": history_of(snapshot, found.id)}
    values |= {"insights": activity_insights(snapshot, lake, found), **_bests(snapshot, lake, found)}
    values |= {"way": way_of(snapshot, found.id), "original": original_file(snapshot, lake, found.id)}
    values["recordings"] = pairs_of(snapshot, found.id)
    values["has_zones"] = bool(site_of(request).goals.zones)
    values["own"] = _own(request, snapshot, lake, found)
    if not has_preferred_heart(lake, found.year, found.id):
        values["own"]["ruled"].pop(HEARTRATE, None)
    return render(request, "activity.html", values)


@router.post("/activities/{activity_id}/bests", response_model=None)
def decide_bests(
    request: Request,
    snapshot: Snapshot,
    lake: CurrentLake,
    pipeline: CurrentPipeline,
    found: Found,
    fields: Fields,
) -> Response:
    """Say that an activity holds no best, or may again; its bests as they are then."""
    is_seen = pipeline.decide_bests(found.id, dismissed=_is_dismissal(fields))
    if not is_by_script(request):
        return RedirectResponse(f"/activities/{found.id}#bests", 303)
    values = {**_bests(snapshot, lake, found), "is_decided": True, "is_late": not is_seen}
    return render(request, "activity_bests.html", {"id": found.id, **values})


@router.post("/activities/{activity_id}/words", response_model=None)
def correct(request: Request, pipeline: CurrentPipeline, found: Found, fields: Fields) -> Response:
    """Record what the athlete says of an activity; or take back what was said in a step."""
    if step := first_of(fields, "step"):
        pipeline.take_back(step)
        return RedirectResponse(f"/activities/{found.id}", 303)
    edit = edit_of_activity(fields, site_of(request).units)
    done = pipeline.correct([found.id], edit) if edit else None
    if edit and edit.words.get("deleted"):  # it has no page any more; the list offers to take it back
        return RedirectResponse(f"/activities?step={done}", 303)
    return _said(found.id, done)


def _said(activity_id: int, step: str | None) -> Response:
    """The activity's page, which offers to take a step back."""
    return RedirectResponse(f"/activities/{activity_id}{f'?step={step}' if step else ''}", 303)


@router.post("/activities/{activity_id}/cuts", response_model=None)
def cut(snapshot: Snapshot, lake: CurrentLake, pipeline: CurrentPipeline, found: Found, fields: Fields) -> Response:
    """Cut a stretch of the track, or take all cuts back."""
    cuts = None
    if "undo" not in fields:
        begins, ends = (clock_seconds(text) if (text := first_of(fields, name)) else None for name in ("from", "to"))
        cuts = with_cut(snapshot, lake, found.year, found.id, begins, ends, first_of(fields, "shown").split())
    done = pipeline.correct([found.id], Edit({"cuts": cuts}))
    return _said(found.id, done)


def _own(request: Request, snapshot: Connection, lake: Lake, found: FoundActivity) -> dict[str, Any]:
    """What the athlete and rules say of the activity, what can be chosen, and the step that can be taken back."""
    words, is_published = own_words(snapshot, lake, found.id)
    ruled, tags = given_by_rules(snapshot, found.id)
    return {
        "words": words,
        "is_published": is_published,
        "step": last_step(request, snapshot, lake),
        "ruled": {name: rule for name, rule in ruled.items() if name not in words},
        "tags": words.get("tags", tags),
        "text_of": partial(word_text, words, units=site_of(request).units),
        **choices(snapshot, words.get("gear")),
    }


def _is_dismissal(fields: Fields) -> bool:
    wanted = first_of(fields, "dismissed")
    if wanted not in ("true", "false"):
        raise ProblemError(400, "The form does not say whether the activity may hold a best.")
    return wanted == "true"


def _bests(snapshot: Connection, lake: Lake, found: FoundActivity) -> dict[str, Any]:
    """The contents of the part with an activity's bests."""
    is_dismissed = found.id in dismissed_activities(snapshot, lake)
    fast = too_fast(snapshot, found.id)
    begins = counted_begin(lake, found.year, found.id) if fast and fast["too_fast_at"] else None
    carried_from = (fast["too_fast_at"] - begins).total_seconds() if fast and begins else None
    values = {"bests": bests_of(snapshot, found.id), "too_fast": fast, "carried_from": carried_from}
    return {**values, "is_dismissed": is_dismissed, "is_decided": False, "is_late": False}
