"""The athlete's days: a year by day and by week, a month with the activities of each day."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.insights.weeks import WEEKDAYS, weekdays
from strava_pipeline.core.years import months_within
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.bests import Owner, shown_year
from strava_pipeline.lookups.days import HOURS, calendar_month, calendar_year, first_year
from strava_pipeline.serve.dashboard.api_months import known_months
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentOwner, Snapshot, site_of

router = APIRouter(include_in_schema=False)
Period = Annotated[
    str, Path(pattern=r"^[12][0-9]{3}(-(0[1-9]|1[0-2]))?$", description="a year, or a month, as 2026-10")
]
By = Annotated[Literal["time", "distance"], Query(description="what the shades of days go by")]
_AMOUNTS = {"time": "moving_time_seconds", "distance": "distance_m"}


@router.get("/calendar", response_model=None, dependencies=[KEPT])
def latest(snapshot: Snapshot, owner: CurrentOwner) -> Response:
    """The page of the newest year with an activity."""
    return RedirectResponse(f"/calendar/{shown_year(snapshot, owner)}", 303)


@router.get("/calendar/{period}", dependencies=[KEPT])
def calendar(
    request: Request, snapshot: Snapshot, owner: CurrentOwner, period: Period, by: By = "time"
) -> HTMLResponse:
    """A year, or a month of it."""
    values = _values(snapshot, owner, int(period[:4]))
    if len(period) > len("2026"):
        found = calendar_month(snapshot, owner.athlete.id, period, begins=values["begins"])
        values |= {"beside": _months_beside(period, values), "known_months": known_months(site_of(request))}
        return render(request, "calendar_month.html", values | {"found": found})
    asked = {"begins": values["begins"], "by": _AMOUNTS[by]}
    year = calendar_year(snapshot, owner.athlete.id, int(period), values["today"], **asked)
    return render(request, "calendar_year.html", {**values, "found": year, "by": by, "hours": HOURS})


def _values(snapshot: Connection, owner: Owner, year: int) -> dict[str, Any]:
    """The contents of both pages. Raises ProblemError for a year before the first activity, or one that has not begun."""
    today = owner.today
    oldest = min(first_year(snapshot, owner.athlete.id) or today.year, today.year)
    if not oldest <= year <= today.year:
        raise ProblemError(404, f"The calendar goes from {oldest} to {today.year}.")
    begins = owner.goals.week_begins
    return {
        "today": today,
        "oldest": oldest,
        "begins": begins,
        "weekdays": [WEEKDAYS[day] for day in weekdays(begins)],
    }


def _months_beside(month: str, values: Mapping[str, Any]) -> list[str]:
    """The months before and after, if the calendar has them."""
    oldest, today = values["oldest"], values["today"]
    known = months_within(f"{oldest}-01", f"{today.year}-12")
    at = known.index(month)
    return [*known[max(at - 1, 0) : at], *known[at + 1 : at + 2]]
