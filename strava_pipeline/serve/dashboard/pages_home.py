"""The first page, and whether the dashboard answers at all."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from strava_pipeline.core.errors import UnusableSnapshotError
from strava_pipeline.core.insights.declared_numbers import query_of
from strava_pipeline.core.insights.documents import YearSummary
from strava_pipeline.core.insights.overview import year_numbers
from strava_pipeline.core.insights.page import goal_rows, present_rows
from strava_pipeline.core.insights.weeks import WEEKDAYS, weekdays
from strava_pipeline.core.insights.year_views import usual_show, year_view
from strava_pipeline.core.sports import ALL
from strava_pipeline.lake.gold.publish import damage_named
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.activities import has_track
from strava_pipeline.lookups.activity_list import Selection, activity_page
from strava_pipeline.lookups.bests import shown_year, summary_of
from strava_pipeline.lookups.body import body_of
from strava_pipeline.lookups.days import present_week
from strava_pipeline.lookups.widgets import widget_files
from strava_pipeline.serve.dashboard.overview import matters, next_run
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentlyPublished, Published, Site, kept_value, shown_owner, site_of

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, published: CurrentlyPublished) -> HTMLResponse:
    """What needs attention, this week, the last activity, the newest year with one, form, body, goals, the person's own cards."""
    site = site_of(request)
    return render(request, "home.html", {**_data(site, published), "next_run": next_run(site), **_cards(site)})


def _cards(site: Site) -> dict[str, Any]:
    """The person's own cards, which are filled once the page is there; `unusable`: the number of invalid files."""
    found = widget_files(site.lake)
    cards = [each for each in found.widgets.values() if not each.has_page]
    return {"cards": cards, "kinds": {each.kind for each in cards}, "unusable": len(found.faults)}


def _data(site: Site, published: Published) -> dict[str, Any]:
    """The data from the published warehouse; `fault`: why it can't be read, in which case the rest of the page still works."""
    snapshot, fault = published.snapshot, published.fault
    try:
        with damage_named(site.lake):
            year = None if snapshot is None else kept_value(site, "home", partial(_newest_year, site))
            return {"year": year, "fault": fault, "matters": matters(site, fault)}
    except UnusableSnapshotError as error:
        return {"year": None, "fault": str(error), "matters": matters(site, str(error))}


def _newest_year(site: Site, snapshot: Connection) -> dict[str, Any] | None:
    """The present week, the last activity, the newest year with one, and the body's last days; None without activities.

    `present`: the present year.
    """
    owner = shown_owner(site)
    if owner is None:
        return None
    number, begins = shown_year(snapshot, owner), owner.goals.week_begins
    summary = summary_of(snapshot, owner, number)
    latest = activity_page(snapshot, Selection(), limit=1).activities
    return {
        "number": number,
        "present": owner.today.year,
        "fault": owner.fault,
        "units": owner.athlete.units,
        "week": present_week(snapshot, owner.athlete.id, owner.today, begins=begins),
        "weekdays": [WEEKDAYS[day] for day in weekdays(begins)],
        "latest": {key: {**row, "has_track": has_track(snapshot, site.lake, key)} for key, row in latest.items()},
        "body": body_of(snapshot, owner.today, days=7),
        **_of_year(summary),
    }


def _of_year(summary: YearSummary | None) -> dict[str, Any]:
    """A year in numbers, its line beside the year before it, fitness and form, goals."""
    if summary is None:
        return {"numbers": [], "charts": (), "load": None, "goals": [], "query": ""}
    return {
        "numbers": year_numbers(summary),
        "charts": year_view(summary, usual_show(summary), ALL).charts[:1],
        "load": summary.load,
        "goals": present_rows(summary) + goal_rows(summary),
        "query": summary.year and query_of(summary.year.first, summary.year.until),
    }


@router.get("/health")
def health() -> dict[str, bool]:
    """That requests are answered. Open to everybody, so it says nothing else."""
    return {"ok": True}
