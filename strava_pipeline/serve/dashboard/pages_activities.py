"""An activity. Values are those of `/api/activities/ID`. The list of activities stands in pages_list.py."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.sports import GROUP_OF
from strava_pipeline.lake.dashboard.activities import (
    FoundActivity,
    history_of,
    sources_of,
    whole_activity,
)
from strava_pipeline.lake.dashboard.activity_insights import activity_insights
from strava_pipeline.lake.dashboard.activity_list import choices_of
from strava_pipeline.lake.dashboard.bests import bests_of, too_fast
from strava_pipeline.lake.dashboard.downloads import original_file
from strava_pipeline.lake.dashboard.explorer import way_of
from strava_pipeline.lake.gold.corrections import own_words
from strava_pipeline.lake.gold.personal import dismissed_activities
from strava_pipeline.lake.gold.rules import given_by_rules
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.dashboard.api_activities import Found
from strava_pipeline.serve.dashboard.display import sport
from strava_pipeline.serve.dashboard.forms import Fields, first_of, is_by_script
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentPipeline, Snapshot, site_of

router = APIRouter(include_in_schema=False)


@router.get("/activities/{activity_id}", dependencies=[KEPT])
def activity(request: Request, snapshot: Snapshot, lake: CurrentLake, found: Found) -> HTMLResponse:
    """One activity: its track, what it nests, its sources side by side, its history."""
    values: dict[str, Any] = {"whole": whole_activity(snapshot, lake, found), "id": found.id}
    values |= {"sources": sources_of(snapshot, found.id), "history": history_of(snapshot, found.id)}
    values |= {"insights": activity_insights(snapshot, lake, found), **_bests(snapshot, lake, found)}
    values |= {"way": way_of(snapshot, found.id), "original": original_file(snapshot, lake, found.id)}
    values["has_zones"] = bool(site_of(request).goals.zones)
    values["own"] = _own(snapshot, lake, found)
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
def correct(pipeline: CurrentPipeline, found: Found, fields: Fields) -> Response:
    """Record what the athlete says of an activity."""
    is_undo = "undo" in fields
    words = {name: None if is_undo else _word(name, values[0]) for name, values in fields.items() if name != "undo"}
    pipeline.correct(found.id, words)
    return RedirectResponse(f"/activities/{found.id}", 303)


def _word(name: str, text: str) -> str | bool | list[str] | None:
    if name == "tags":
        return text.split(",")
    return {"": None, "true": True, "false": False}.get(text, text) if name in ("commute", "counts") else text


def _own(snapshot: Connection, lake: Lake, found: FoundActivity) -> dict[str, Any]:
    """What the athlete said of the activity, whether readers see it, what rules gave it, and what can be chosen."""
    words, is_published = own_words(snapshot, lake, found.id)
    sports = {name: sport(name) for name in sorted(GROUP_OF)}
    ruled, tags = given_by_rules(snapshot, found.id)
    given = {
        "ruled": {name: rule for name, rule in ruled.items() if name not in words},
        "tags": words.get("tags", tags),
    }
    return {
        "words": words,
        "is_published": is_published,
        "sports": sports,
        "gear": choices_of(snapshot)["gear"],
        **given,
    }


def _is_dismissal(fields: Fields) -> bool:
    wanted = first_of(fields, "dismissed")
    if wanted not in ("true", "false"):
        raise ProblemError(400, "The form does not say whether the activity may hold a best.")
    return wanted == "true"


def _bests(snapshot: Connection, lake: Lake, found: FoundActivity) -> dict[str, Any]:
    """The contents of the part with an activity's bests."""
    is_dismissed = found.id in dismissed_activities(snapshot, lake)
    values = {"bests": bests_of(snapshot, found.id), "too_fast": too_fast(snapshot, found.id)}
    return {**values, "is_dismissed": is_dismissed, "is_decided": False, "is_late": False}
