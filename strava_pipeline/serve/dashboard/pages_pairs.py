"""Two recordings that may be one activity, side by side; what the athlete says of them, and takes back."""

import re
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from strava_pipeline.core.matching.match import ordered_pair
from strava_pipeline.lake.gold.matches import ActivityPair, activity_pairs, pair_decisions, years_of_ids
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lookups.activities import rows_of_ids
from strava_pipeline.serve.dashboard.forms import Fields, first_of
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.rendering import render
from strava_pipeline.serve.dashboard.site import CurrentLake, CurrentPipeline, Snapshot

router = APIRouter(include_in_schema=False)
MOST = 30  # pairs on the page, and as many decided ones: who has decided sees the next
_SAID: Mapping[str, bool | None] = {"one": True, "two": False, "undecided": None}


def pair_of(snapshot: Connection, one: int, other: int) -> ActivityPair | None:
    """The pair that the rows with these ids are, if it may be one, or somebody decided about it."""
    return next((pair for pair in activity_pairs(snapshot, one) if other in pair.ids), None)


@router.get("/pairs")
def pairs(request: Request, snapshot: Snapshot, lake: CurrentLake) -> HTMLResponse:
    """Each pair that may be one, the likeliest first; then those that were decided."""
    found, decided = activity_pairs(snapshot), pair_decisions(lake)
    said = [*decided.joined, *decided.split]
    ids = re.findall(r"-?\d{1,18}", request.query_params.get("said", ""))
    just = ordered_pair(int(ids[0]), int(ids[1])) if len(ids) == 2 else ()
    shown = {
        "open": [pair for pair in found if pair.decided is None and pair.ids not in said],
        "decided": [pair for pair in found if pair.decided or pair.ids in said],
    }
    first = {kind: each[:MOST] for kind, each in shown.items()}
    values = {
        "pairs": first,
        "left": {kind: len(each) - len(first[kind]) for kind, each in shown.items()},
        "rows": rows_of_ids(snapshot, [one for each in first.values() for pair in each for one in pair.ids] + [*just]),
        "joined": decided.joined,
        "split": decided.split,
        "just": just,
        "is_late": "late" in request.query_params,
    }
    return render(request, "pairs.html", values)


@router.post("/pairs", response_model=None)
def decide(snapshot: Snapshot, pipeline: CurrentPipeline, fields: Fields) -> Response:
    """Record that two are one, or two, or that nobody says so any more."""
    said = first_of(fields, "said")
    one, other = (_id(fields, name) for name in ("one", "other"))
    if said not in _SAID or one == other or len(years_of_ids(snapshot, [one, other])) < 2:
        raise ProblemError(404, "There are no two activities with these ids. Load the page again.")
    is_seen = pipeline.decide_pair(one, other, joined=_SAID[said])
    return RedirectResponse(f"/pairs?said={one}:{other}{'' if is_seen else '&late'}", 303)


def _id(fields: Mapping[str, Sequence[str]], name: str) -> int:
    text = first_of(fields, name)
    return int(text) if re.fullmatch(r"-?\d{1,18}", text) else 0
