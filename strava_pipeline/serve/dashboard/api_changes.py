"""`/api/changes`: changes at services that were proposed, and a person's decisions about them."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from strava_pipeline.core.changes.states import State, Verdict
from strava_pipeline.core.errors import UnknownIdError
from strava_pipeline.serve.dashboard.answers import (
    After,
    Limit,
    Rows,
    json_answer,
    only_known_parameters,
    page_of,
    page_shape,
    shape,
)
from strava_pipeline.serve.dashboard.document import problems
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.site import CurrentPipeline

router = APIRouter(prefix="/api/changes", dependencies=[Depends(only_known_parameters)], tags=["changes"])
_LISTED, _NAMED = page_shape("Changes", changes=Rows), shape("NamedChanges", changes=Rows)
MOST_DECIDED = 500
ChangeId = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]


class Decision(BaseModel, extra="forbid"):
    """A verdict about a change as it was shown. `seal`: of that; another value, place or round is refused."""

    status: Verdict
    seal: str = Field(pattern=r"^[0-9a-f]{32}$")


Decisions = Annotated[dict[ChangeId, Verdict | Decision], Body(min_length=1, max_length=MOST_DECIDED)]


@router.get("", response_model=_LISTED)
def changes(
    pipeline: CurrentPipeline, status: State | None = None, limit: Limit = 500, cursor: After = None
) -> Response:
    """Changes by id, the first proposed first, each with a seal; and the cursor of the next page."""
    page, rest = page_of(pipeline.changes(), limit, cursor, lambda each: status in (None, each["status"]))
    return json_answer({"changes": page, "next": rest})


@router.get("/{change_id}", response_model=_NAMED, responses=problems(404))
def change(pipeline: CurrentPipeline, change_id: Annotated[ChangeId, Path()]) -> Response:
    """One change, with what was sent and answered."""
    found = pipeline.changes().get(change_id)
    if found is None:
        raise UnknownIdError("There is no change with this id.")
    return json_answer({"changes": {change_id: {**found, "attempts": pipeline.attempts(change_id)}}})


@router.patch("", response_model=_NAMED, responses=problems(404, 409, 428))
def decide(pipeline: CurrentPipeline, decisions: Decisions) -> Response:
    """Approve, by the seal, and reject, all or none. Nothing is sent: a request `apply_changes` writes what is approved."""
    wanted = [
        (each.status, key, each.seal) if isinstance(each, Decision) else (each, key, None)
        for key, each in decisions.items()
    ]
    if any(verdict == "approved" and seal is None for verdict, _, seal in wanted):
        raise ProblemError(
            428, "An approval needs the seal of the change as it was shown; `GET /api/changes` gives it."
        )
    decided = pipeline.decide(wanted)
    after = pipeline.changes()
    return json_answer({"changes": {key: after[key] for key in decided}})
