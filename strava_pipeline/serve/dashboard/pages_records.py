"""Records by group of sports, and segments with the own efforts on them."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.insights.declared_numbers import query_of
from strava_pipeline.core.insights.documents import Streak, YearSummary
from strava_pipeline.core.insights.page import record_place
from strava_pipeline.core.tables.bests import DISTANCES
from strava_pipeline.lookups.activity_list import choices_of
from strava_pipeline.lookups.bests import (
    WEEKS,
    Record,
    longest_streaks,
    records_of,
    segment_efforts,
    segment_page,
    shown_year,
    summary_of,
)
from strava_pipeline.lookups.rows import Values
from strava_pipeline.serve.dashboard.answers import After, Id, cursor_of
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.only import CurrentOnly
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentOwner, Snapshot

router = APIRouter(include_in_schema=False)


@router.get("/records", dependencies=[KEPT])
def records(request: Request, snapshot: Snapshot, owner: CurrentOwner, only: CurrentOnly) -> HTMLResponse:
    """The records of all years, of the newest one with an activity, and of the last weeks; Eddington numbers and streaks."""
    year = shown_year(snapshot, owner)
    rows = records_of(snapshot, owner.athlete.id, year, owner.today)
    groups, apart = (_by_record(row for row in rows if row.stands_apart is each) for each in (False, True))
    values = {"year": year, "groups": groups, "apart": apart, "only": only, "choices": choices_of(snapshot)}
    spans = {number: query_of(owner.today - timedelta(7 * number - 1), owner.today + timedelta(1)) for number in WEEKS}
    spans[0] = query_of(date(year, 1, 1), date(year, 12, 31))
    summary = summary_of(snapshot, owner, year)
    streaks = _streaks(longest_streaks(snapshot, owner.athlete.id), summary)
    return render(
        request, "records.html", {**values, "spans": spans, "told": _told(rows), "summary": summary, "streaks": streaks}
    )


def _told(rows: Iterable[Record]) -> set[str]:
    """How the times among them were measured."""
    timed = [row for row in rows if row.record in DISTANCES]
    return {each["told_by"] for row in timed for each in (row.of_all, row.of_year, *row.of_weeks.values()) if each}


def _streaks(longest: Mapping[str, Values], summary: YearSummary | None) -> dict[str, tuple[Values, Streak | None]]:
    """By unit the longest streak of all years, and that of the summary's year."""
    of_year = {each.unit: each for each in summary.streaks} if summary is not None else {}
    return {unit: (each, of_year.get(unit)) for unit, each in longest.items()}


def _by_record(rows: Iterable[Record]) -> dict[str, dict[str, Record]]:
    """By group of sports, as they come, and kind of record, in order."""
    found: dict[str, dict[str, Record]] = {}
    for row in rows:
        found.setdefault(row.sport_group, {})[row.record] = row
    return {group: dict(sorted(held.items(), key=lambda each: record_place(each[0]))) for group, held in found.items()}


@router.get("/segments", dependencies=[KEPT])
def segments(request: Request, snapshot: Snapshot, owner: CurrentOwner, cursor: After = None) -> HTMLResponse:
    """Segments, the most ridden first."""
    page = segment_page(snapshot, owner.athlete.id, after=cursor_of(cursor))
    return render(request, "segments.html", {"page": page})


@router.get("/segments/{segment_id}", dependencies=[KEPT])
def segment(request: Request, snapshot: Snapshot, owner: CurrentOwner, segment_id: Id) -> HTMLResponse:
    """The own efforts on a segment, the newest first."""
    efforts = segment_efforts(snapshot, owner.athlete.id, segment_id)
    if not efforts:
        raise ProblemError(404, "There is no effort of yours on a segment with this id.")
    return render(request, "segment.html", {"efforts": efforts, "id": segment_id})
