"""*Why this number?*: what counts, what doesn't, and what each service has instead. Values are those of `/api/why/NUMBER`."""

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, StreamingResponse

from strava_pipeline.core.csv_rows import csv_text
from strava_pipeline.core.insights.declared_numbers import by_sentence
from strava_pipeline.lookups.reasons import REASONS
from strava_pipeline.lookups.why import contributions
from strava_pipeline.serve.dashboard.api_why import Declared, Explained, First, of
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.list_query import AskedList
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentOwner, CurrentSite, Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/why", dependencies=[KEPT])
def all_numbers(request: Request) -> HTMLResponse:
    """The declared numbers."""
    return render(request, "why_numbers.html", {"sentences": by_sentence()})


@router.get("/why/{number}.csv")
def rows_csv(
    site: CurrentSite, snapshot: Snapshot, owner: CurrentOwner, declared: Declared, asked: AskedList, reason: str = ""
) -> StreamingResponse:
    """All that counts, each with what it contributes; or with a reason, all that does not count for it."""
    if reason and reason not in REASONS:
        raise ProblemError(
            400, "No reason is called that. The number's answer of /api/why has those of what does not count."
        )
    selection = of(asked, snapshot, declared, owner)
    found = contributions(snapshot, owner.athlete.id, declared, selection, reason=reason, settings=site.settings)
    lines = (csv_text(rows, as_text=True) for rows in found)
    headers = {"Content-Disposition": f'attachment; filename="{declared.name}.csv"'}
    return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")


@router.get("/why/{number}", dependencies=[KEPT])
def number(
    request: Request, found: Explained, owner: CurrentOwner, declared: Declared, asked: AskedList, first: First = 0
) -> HTMLResponse:
    """A number with everything behind it."""
    ago = {f"{days} days": str(owner.today - timedelta(days)) for days in (7, 30, 365)}
    values = {
        "ago": ago if declared.said else {},
        "found": found,
        "number": declared,
        "asked": asked,
        "reasons": REASONS,
        "begins": first,
    }
    return render(request, "why.html", {**values, "today": owner.today})
