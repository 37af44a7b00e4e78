"""The list of activities: a page of it, with its sums and SQL, and all of it as CSV. Values are those of `/api/activities`."""

from collections.abc import Iterator

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from strava_pipeline.core.csv_rows import csv_text
from strava_pipeline.core.sports import SPORTS
from strava_pipeline.lookups.activities import known_activities
from strava_pipeline.lookups.activity_list import activity_page, choices_of, selected_ids, selected_rows, selection_sql
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.list_query import AskedList, known_selection
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentPipeline, Snapshot, seen_by, shown_owner, site_of
from strava_pipeline.serve.dashboard.words_form import choices, edit_of_list, last_step

router = APIRouter(include_in_schema=False)
MOST_OF_FILTER = 5_000  # activities that are corrected at once


@router.get("/activities", dependencies=[KEPT])
def activities(request: Request, snapshot: Snapshot, lake: CurrentLake, asked: AskedList) -> Response:
    """A page of the list. What a form sent beside it is left out of the address."""
    if not asked.is_clean:
        return RedirectResponse(asked.address(), 303)
    offered = choices_of(snapshot)
    selection = known_selection(asked, snapshot, offered)
    owner = shown_owner(site_of(request))
    whose = owner.athlete.id if owner else None
    page = activity_page(snapshot, selection, limit=asked.limit, after=asked.after, athlete_id=whose)
    fields = asked.fields(site_of(request).units)
    fields["gear"] = selection.gear or ""
    values = {"page": page, "asked": asked, "choices": offered, "fields": fields}
    values |= {"own": choices(snapshot), "step": last_step(request, snapshot, lake)}
    return render(request, "activities.html", {**values, "groups": [*SPORTS], "sql": selection_sql(selection)})


@router.post("/activities/words")
def correct(snapshot: Snapshot, pipeline: CurrentPipeline, asked: AskedList, fields: Fields) -> RedirectResponse:
    """Record what the athlete says of all ticked activities; or take back what was said in a step. The list as it was."""
    done: str | None = None
    if step := first_of(fields, "step"):
        pipeline.take_back(step)
    else:
        ids, edit = edit_of_list(fields)
        if "all" in fields:
            ids = selected_ids(snapshot, known_selection(asked, snapshot), MOST_OF_FILTER)
        done = pipeline.correct(known_activities(snapshot, ids), edit)
    return RedirectResponse(asked.address(cursor=asked.query.cursor, step=done), 303)


@router.get("/activities.csv")
def activities_csv(request: Request, snapshot: Snapshot, asked: AskedList) -> Response:
    """All that are selected, for a spreadsheet, which computes no text of it."""
    selection, with_place = known_selection(asked, snapshot), seen_by(request.scope).places
    found = selected_rows(snapshot, selection, with_place=with_place)
    lines: Iterator[str] = (csv_text(rows, as_text=True) for rows in found)
    headers = {"Content-Disposition": 'attachment; filename="activities.csv"'}
    return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")
