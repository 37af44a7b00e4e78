"""A year's report: what `strava-pipeline report` writes, with the year before beside it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.insights.overview import year_numbers
from strava_pipeline.core.insights.page import year_values
from strava_pipeline.core.insights.year_views import SHOWN, sports_of, usual_show, year_view
from strava_pipeline.core.sports import ALL, SPORTS
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lookups.activity_list import choices_of
from strava_pipeline.lookups.bests import Owner, shown_year, summary_of
from strava_pipeline.lookups.photos import photos_of_year
from strava_pipeline.serve.dashboard.api_fitness import Year
from strava_pipeline.serve.dashboard.api_months import known_months
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.only import CurrentOnly
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentOwner, Snapshot, site_of

router = APIRouter(include_in_schema=False)
YearSport = Annotated[str, Query(pattern=f"^({'|'.join((ALL, *SPORTS))})$")]


@router.get("/year", response_model=None, dependencies=[KEPT])
def latest(snapshot: Snapshot, owner: CurrentOwner, only: CurrentOnly) -> Response:
    """The page of the newest year with an activity."""
    return RedirectResponse(only.at(f"/year/{shown_year(snapshot, owner)}"), 303)


@router.get("/year/{year}", dependencies=[KEPT])
def report(
    request: Request,
    snapshot: Snapshot,
    owner: CurrentOwner,
    only: CurrentOnly,
    year: Year,
    show: Literal["distance", "time", "climb"] | None = None,
    sport: YearSport = ALL,
) -> HTMLResponse:
    """Numbers, goals, months, sports and records of a year; `show` and `sport`: what its charts are of."""
    values = _values(site_of(request).lake, snapshot, owner, year, show, sport)
    if values is None:
        raise ProblemError(404, f"There is no activity in {year} or before it, or the year has not begun.")
    values |= {"only": only, "choices": choices_of(snapshot), "fault": owner.fault}
    return render(request, "year.html", values | {"known_months": known_months(site_of(request))})


def _values(
    lake: Lake, snapshot: Connection, owner: Owner, year: int, show: str | None, sport: str
) -> dict[str, Any] | None:
    """The contents of the page; `before`: of the year before, or None if it was empty. None if there is nothing to show."""
    summary = summary_of(snapshot, owner, year)
    if summary is None or summary.year is None:
        return None
    earlier = summary_of(snapshot, owner, year - 1)
    return {
        **year_values(summary),
        "view": year_view(summary, show or usual_show(summary), sport),
        "shown": list(SHOWN),
        "sport_groups": sports_of(summary),
        "numbers": year_numbers(summary),
        "before": None if earlier is None else year_values(earlier),
        "photos": photos_of_year(snapshot, lake, owner.athlete.id, year),
        "is_last": year >= owner.today.year,
    }
