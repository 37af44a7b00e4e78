"""`/api/why`: the declared numbers, and of one what counts, what doesn't and why, and each service's own."""

from datetime import datetime, time
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from strava_pipeline.core.insights.declared_numbers import NUMBERS, DeclaredNumber, described
from strava_pipeline.lookups.activity_list import Selection
from strava_pipeline.lookups.bests import Owner
from strava_pipeline.lookups.why import Why, up_to_a_day, why
from strava_pipeline.serve.dashboard.answers import Day, Digits, Row, Rows, json_answer, only_known_parameters, shape
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.kept_answers import KEPT
from strava_pipeline.serve.dashboard.list_query import Asked, AskedList, known_selection
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentOwner, CurrentSite, Snapshot

router = APIRouter(prefix="/api/why", dependencies=[Depends(only_known_parameters)], tags=["why"])
_NUMBERS = shape("Numbers", numbers=Rows)
_WHY = shape(
    "Why",
    name=str,
    title=str,
    unit=str,
    sentence=str,
    number=float | None,
    activities=int,
    joined=int,
    rows=Rows,
    next=int | None,
    excluded=Rows,
    changed=Rows,
    services=dict[str, Row | None],
    shown=Row | None,
    sources=Rows,
    method=Row | None,
    since=Row | None,
    statement=str,
)
First = Annotated[
    int, Query(ge=0, le=10_000_000, description="place of the first row, `next` of the page before"), Digits
]


Since = Annotated[Day | None, Query(description="the local day since when to say what moved it")]


def _declared(number: str) -> DeclaredNumber:
    """The number of an address. Raises ProblemError."""
    if number not in NUMBERS:
        raise ProblemError(404, "No number is called that. /why and /api/why list them all.")
    return NUMBERS[number]


def of(asked: Asked, snapshot: Snapshot, declared: DeclaredNumber, owner: Owner) -> Selection:
    """What a number is of. Raises ProblemError."""
    return up_to_a_day(known_selection(asked, snapshot), declared, owner.today)


Declared = Annotated[DeclaredNumber, Depends(_declared)]


def _explained(
    site: CurrentSite,
    snapshot: Snapshot,
    owner: CurrentOwner,
    declared: Declared,
    asked: AskedList,
    first: First = 0,
    since: Since = None,
) -> Why:
    """A number of the activities that a list with the same parameters has. Raises ProblemError."""
    selection = of(asked, snapshot, declared, owner)
    begins = datetime.combine(since, time(), owner.athlete.clock(site.settings.timezone)) if since else None
    return why(snapshot, owner.athlete.id, declared, selection, first=first, settings=site.settings, since=begins)


Explained = Annotated[Why, Depends(_explained)]


@router.get("", response_model=_NUMBERS, dependencies=[KEPT])
def numbers() -> Response:
    """The declared numbers, each with what it is."""
    return json_answer({"numbers": described()})


@router.get("/{number}", response_model=_WHY, responses=problems(404), dependencies=[KEPT])
def number(found: Explained) -> Response:
    """A number of the activities that a list with the same parameters has, and how it comes about."""
    return json_answer(found)
