"""How services stand, and what a person should know. Values are those of `/api/status` and `/api/notifications`."""

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.facts import Fact, State
from strava_pipeline.lake.notifications import mark_notifications, notifications
from strava_pipeline.serve.dashboard.forms import Fields
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentPipeline

router = APIRouter(include_in_schema=False)
_MARKS: Mapping[str, Literal["read", "cleared"]] = {"read": "read", "cleared": "cleared"}


@router.get("/providers")
def providers(request: Request, pipeline: CurrentPipeline) -> HTMLResponse:
    """Each enabled service: its login, its last pull, its limits; then what stands of none."""
    facts = [
        fact for fact in pipeline.facts() if fact.of or fact.state is not State.PROBLEM
    ]  # the first page has those
    names = sorted(dict.fromkeys(fact.of for fact in facts), key=lambda name: not name)
    found: dict[str, list[Fact]] = {name: [fact for fact in facts if fact.of == name] for name in names}
    return render(request, "providers.html", {"providers": found})


@router.get("/notifications")
def listed(request: Request, lake: CurrentLake) -> HTMLResponse:
    """The notifications that nobody cleared, the newest first."""
    return render(request, "notifications.html", {"notes": notifications(lake)})


@router.post("/notifications")
def mark(request: Request, lake: CurrentLake, fields: Fields) -> HTMLResponse:
    """Mark those that were shown as read, or clear them; the list as it is then."""
    chosen = _MARKS.get(next(iter(fields.get("mark", ())), ""))
    if chosen is None:
        raise ProblemError(400, "The form does not say whether to mark as read or to clear.")
    known = {each.id for each in notifications(lake)}
    mark_notifications(lake, chosen, known.intersection(fields.get("id", ())))
    return render(request, "notifications.html", {"notes": notifications(lake)})
