"""How services stand, and what a person should know. Values are those of `/api/status` and `/api/notifications`."""

from collections.abc import Mapping
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.facts import Fact
from strava_pipeline.lake.copied import known_copy
from strava_pipeline.lake.notifications import mark_notifications, notifications
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.overview import next_run, present_facts
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentSite

router = APIRouter(include_in_schema=False)
_MARKS: Mapping[str, Literal["read", "cleared"]] = {"read": "read", "cleared": "cleared"}


@router.get("/providers")
def providers(request: Request, site: CurrentSite) -> HTMLResponse:
    """Each enabled service: its login, its last pull, its limits; then what stands of none, and when the next run is due."""
    facts = present_facts(site)
    names = sorted(dict.fromkeys(fact.of for fact in facts), key=lambda name: not name)
    found: dict[str, list[Fact]] = {name: [fact for fact in facts if fact.of == name] for name in names}
    copy = known_copy(site.lake) if site.settings.is_copied else None
    values = {"providers": found, "next_run": next_run(site), "copied_at": copy and copy.at}
    return render(request, "providers.html", values)


@router.get("/notifications")
def listed(request: Request, lake: CurrentLake) -> HTMLResponse:
    """The notifications that nobody cleared, the newest first."""
    return render(request, "notifications.html", {"notes": notifications(lake)})


@router.post("/notifications")
def mark(request: Request, lake: CurrentLake, fields: Fields) -> HTMLResponse:
    """Mark those that were shown as read, or clear them; the list as it is then."""
    chosen = _MARKS.get(first_of(fields, "mark"))
    if chosen is None:
        raise ProblemError(400, "The form does not say whether to mark as read or to clear.")
    known = {each.id for each in notifications(lake)}
    mark_notifications(lake, chosen, known.intersection(fields.get("id", ())))
    return render(request, "notifications.html", {"notes": notifications(lake)})
