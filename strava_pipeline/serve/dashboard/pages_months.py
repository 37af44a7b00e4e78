"""Months at each service, and one compared between services, where changes are approved and rejected.

Values are those of `/api/calendar` and `/api/changes`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.changes.states import Verdict
from strava_pipeline.core.years import month_end, months_within
from strava_pipeline.lookups.activity_list import MOST_ROWS, Selection, activity_page
from strava_pipeline.lookups.bests import month_sums
from strava_pipeline.lookups.rows import Values
from strava_pipeline.serve.dashboard.answers import Digits, Month
from strava_pipeline.serve.dashboard.api_months import refuse_unknown
from strava_pipeline.serve.dashboard.display import service
from strava_pipeline.serve.dashboard.forms import Fields, first_of, is_by_script
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.pipeline import Pipeline
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import (
    CurrentOwner,
    CurrentPipeline,
    CurrentSite,
    Site,
    Snapshot,
    kept_value,
    site_of,
)

router = APIRouter(include_in_schema=False)
_SEALED = re.compile(r"([0-9a-f]{1,64}):([0-9a-f]{32})", re.ASCII)
_VERDICTS: Mapping[str, Verdict] = {"approved": "approved", "rejected": "rejected"}
A_PAGE = 50  # changes per page: as many as a person decides in one sitting
OPEN = ("proposed", "approved", "failed", "conflicted")


@router.get("/sync", dependencies=[KEPT])
def sync(
    request: Request,
    snapshot: Snapshot,
    pipeline: CurrentPipeline,
    owner: CurrentOwner,
    year: Annotated[int | None, Digits, Query(ge=1900, le=2999)] = None,
) -> HTMLResponse:
    """Two years of months, the newest first."""
    sums = month_sums(snapshot, owner.athlete.id)
    if not sums:
        return render(request, "nothing.html", {})
    values = _two_years(pipeline, year, min(sums))
    return render(request, "sync.html", {**values, **_totals(values["years"], sums), "sums": sums})


def _two_years(pipeline: Pipeline, year: int | None, begins: str) -> dict[str, Any]:
    """The months of a year (None: the present one) and of the one before; and the years to continue with, or None."""
    known, present = pipeline.known_months()
    if year is not None and not int(known[:4]) <= year <= int(present[:4]):
        raise ProblemError(404, f"Months at services go from {known[:4]} to {present[:4]}.")
    last = min(f"{year}-12" if year else present, present)
    first = max(f"{int(last[:4]) - 1}-01", known)
    held = pipeline.calendar(months_within(first, last))
    years = sorted({month[:4] for month in held}, reverse=True)
    return {
        "years": {each: {month: held[month] for month in sorted(held) if month[:4] == each} for each in years},
        "earlier": int(last[:4]) - 2 if begins < first else None,
        "later": min(int(last[:4]) + 2, int(present[:4])) if last < present else None,
    }


def _totals(years: Mapping[str, Mapping[str, Any]], sums: Mapping[str, Values]) -> dict[str, Any]:
    """`totals` of each year; `shares`: of each month, in percent of the longest one shown; `marks` of services."""
    shown = {month: sums[month]["distance_m"] or 0 for months in years.values() for month in months if month in sums}
    totals = {
        year: {
            "activities": sum(one["activities"] for one in months.values()),
            "distance_m": sum(shown.get(month, 0) for month in months),
        }
        for year, months in years.items()
    }
    most = max(shown.values(), default=0) or 1
    names = next(iter(next(iter(years.values())).values()))["providers"]
    return {
        "totals": totals,
        "shares": {month: round(each / most * 100) for month, each in shown.items()},
        "marks": {name: service(name)[:3].capitalize() for name in names},  # that distinguish all services
    }


@router.get("/month/{month}")
def compared(
    request: Request,
    snapshot: Snapshot,
    site: CurrentSite,
    month: Month,
    page: Annotated[int, Digits, Query(ge=1, le=999)] = 1,
) -> HTMLResponse:
    """A month, row by row, and the changes of it; `page`: of those to decide about."""
    refuse_unknown(month, site)
    values = {**month_values(site, month, page=page), "is_again": False}
    listed = {} if values["providers"] else activity_page(snapshot, _within(month), limit=MOST_ROWS).activities
    return render(request, "month.html", {**values, "listed": listed})


def _within(month: str) -> Selection:
    first = date.fromisoformat(f"{month}-01")
    return Selection(first, month_end(first))


@router.post("/month/{month}/changes", response_model=None)
def decide(request: Request, pipeline: CurrentPipeline, month: Month, fields: Fields) -> Response:
    """Approve or reject the changes that were chosen, as they were shown, all or none; the list as it is then."""
    verdict = _VERDICTS.get(first_of(fields, "verdict"))
    if verdict is None:
        raise ProblemError(400, "The form does not say whether to approve or to reject.")
    decided = pipeline.decide([(verdict, key, seal) for key, seal in map(_sealed, chosen_changes(fields))])
    if not is_by_script(request):
        return RedirectResponse(f"/month/{month}#changes", 303)
    text = f"{len(decided)} {verdict}." if decided else "Nothing was chosen."
    return render(request, "month_decided.html", month_values(site_of(request), month, text))


def month_values(site: Site, month: str, decided: str = "", page: int = 1) -> dict[str, Any]:
    """The contents of a month's head and changes at present; `decided`: the result of the last action, in a sentence.

    `page`: of the changes that wait for a decision.
    """
    changes = _open_changes(site.pipeline, month)
    return {
        **kept_value(site, ("month", month), lambda snapshot: site.pipeline.month(month)),
        "changes": changes,
        **waiting_changes(changes, page),
        "due": _cells(each for each in changes.values() if not each["awaits_publish"]),
        "written": _cells(each for each in changes.values() if each["awaits_publish"]),
        "decided": decided,
        "is_again": True,  # parts that replace those of an open page
        "is_out_of_band": False,
    }


def _cells(changes: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """The service and the activity of each change: a cell of the month's table."""
    return {(each["provider"], str(each["activity_id"])) for each in changes}


def chosen_changes(fields: Mapping[str, Sequence[str]]) -> list[str]:
    """The changes that were ticked, and those of a ticked kind, each once."""
    of_kinds = [each for kind in fields.get("kind", ()) for each in fields.get(f"of.{kind}", ())]
    return list(dict.fromkeys([*fields.get("change", ()), *of_kinds]))


def _sealed(text: str) -> tuple[str, str]:
    """The id of a change, and the seal of its shown state."""
    found = _SEALED.fullmatch(text)
    if found is None:
        raise ProblemError(400, "A change of the form is none of this page. Load the page again.")
    return found[1], found[2]


def waiting_changes(changes: Mapping[str, Mapping[str, Any]], page: int) -> dict[str, Any]:
    """One page of the changes that wait for a decision, by service and kind, and how many there are."""
    proposed = [(key, each) for key, each in changes.items() if each["status"] == "proposed"]
    proposed.sort(key=lambda one: (one[1]["provider"], one[1]["kind"]))
    pages = -(-len(proposed) // A_PAGE) or 1
    page = min(page, pages)
    shown = groupby(proposed[(page - 1) * A_PAGE : page * A_PAGE], lambda one: (one[1]["provider"], one[1]["kind"]))
    kinds = [(*kind, list(rows)) for kind, rows in shown]
    return {"waiting": kinds, "waiting_count": len(proposed), "page": page, "pages": pages}


def _open_changes(pipeline: Pipeline, month: str) -> dict[str, Mapping[str, Any]]:
    """The changes of a month that wait for a decision, for being written or decided again, or for the next publish."""
    of_month = {key: each for key, each in pipeline.changes().items() if each["month"] == month}
    return {key: each for key, each in of_month.items() if each["status"] in OPEN or each["awaits_publish"]}
