"""The list of activities: a page of it, with its sums and SQL, and all of it as CSV. Values are those of `/api/activities`."""

from collections.abc import Iterator

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from strava_pipeline.core.csv_rows import csv_text
from strava_pipeline.core.sports import SPORTS
from strava_pipeline.lake.dashboard.activity_list import activity_page, choices_of, selected_rows, selection_sql
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.list_query import AskedList, refuse_unknown
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import Snapshot, site_of

router = APIRouter(include_in_schema=False)


@router.get("/activities", dependencies=[KEPT])
def activities(request: Request, snapshot: Snapshot, asked: AskedList) -> Response:
    """A page of the list. What a form sent beside it is left out of the address."""
    if not asked.is_clean:
        return RedirectResponse(asked.address(), 303)
    choices = choices_of(snapshot)
    refuse_unknown(asked, snapshot, choices)
    page = activity_page(snapshot, asked.selection, limit=asked.limit, after=asked.after)
    values = {"page": page, "asked": asked, "choices": choices, "fields": asked.fields(site_of(request).units)}
    return render(request, "activities.html", {**values, "groups": [*SPORTS], "sql": selection_sql(asked.selection)})


@router.get("/activities.csv")
def activities_csv(snapshot: Snapshot, asked: AskedList) -> Response:
    """All that are selected, for a spreadsheet, which computes no text of it."""
    refuse_unknown(asked, snapshot)
    lines: Iterator[str] = (csv_text(rows, as_text=True) for rows in selected_rows(snapshot, asked.selection))
    headers = {"Content-Disposition": 'attachment; filename="activities.csv"'}
    return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")
