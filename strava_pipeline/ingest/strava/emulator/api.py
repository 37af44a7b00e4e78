"""Strava's answers below /api/v3 to calls that read, and its error answers.

Tokens, limits and faults are the gate's (app.py), edits are in changes.py.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.base import status_phrase
from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.ingest.strava.emulator.activities import Listing, Row, without_all_efforts
from strava_pipeline.ingest.strava.emulator.application import Grant
from strava_pipeline.ingest.strava.emulator.state import State

DEFAULT_PER_PAGE = 30  # developers.strava.com/docs/reference
MOST_PER_PAGE = 200


class PagingError(ValueError):
    """A request for a page is wrong: Strava's name for the parameter, and Strava's word for the error."""

    def __init__(self, field: str, code: str = "invalid") -> None:
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


def routes() -> list[Route]:
    """The API's paths for reading."""
    return [
        Route("/athlete", athlete),
        Route("/athlete/activities", activities),
        Route("/athletes/{id}/stats", stats),
        Route("/activities/{id}", detail),
        Route("/activities/{id}/streams", streams),
        Route("/gear/{id}", gear),
        Route("/{path:path}", unknown_path),
    ]


async def athlete(request: Request) -> Response:
    """DetailedAthlete."""
    return answer(state_of(request).athlete)


async def stats(request: Request) -> Response:
    """ActivityStats: of what everyone may see, of four weeks, this year and ever; of the athlete alone."""
    state = state_of(request)
    if request.path_params["id"] != str(state.athlete["id"]):
        return answer(status_body(403), 403)
    now = datetime.fromtimestamp(state.epoch, UTC)
    new_year = now.replace(month=1, day=1, hour=0, minute=0, second=0)
    since = {"recent": now - timedelta(weeks=4), "ytd": new_year, "all": None}
    rows = [row.source.summary() for row in state.store.existing(state.epoch)]
    totals = {
        f"{span}_{sport.lower()}_totals": _totals(
            row
            for row in rows
            if row["type"] == sport
            and row.get("visibility") == "everyone"
            and (begins is None or row["start_date"] >= begins.strftime("%Y-%m-%dT%H:%M:%SZ"))
        )
        for span, begins in since.items()
        for sport in ("Ride", "Run", "Swim")
    }
    return answer({"biggest_ride_distance": None, "biggest_climb_elevation_gain": None, **totals})


def _totals(rows: Iterable[Json]) -> Json:
    found = [*rows]
    named = {name: name for name in ("distance", "moving_time", "elapsed_time")} | {
        "elevation_gain": "total_elevation_gain"
    }
    return {"count": len(found)} | {name: sum(row.get(column) or 0 for row in found) for name, column in named.items()}


async def activities(request: Request) -> Response:
    """SummaryActivity objects: one page of a listing."""
    state = state_of(request)
    try:
        listing, page = paging(request.query_params)
    except PagingError as error:
        return bad_request("Application", error.field, error.code)
    grant: Grant = request.state.grant
    rows = state.store.listed(state.epoch, private=grant.reads_private, after=listing.after, before=listing.before)
    return answer([row.source.summary() for row in state.pager.cut(rows, listing, page)])


async def detail(request: Request) -> Response:
    """DetailedActivity; segment efforts are complete only with include_all_efforts=true."""
    row = visible_row(request)
    if row is None:
        return not_found("Activity")
    document = row.source.detail()
    if request.query_params.get("include_all_efforts", "").lower() not in ("true", "1"):
        document = without_all_efforts(document)
    return answer(document)


async def streams(request: Request) -> Response:
    """StreamSet of the requested keys and the distance, as an object or an array; 404 for an activity without recording."""
    row = visible_row(request)
    if row is None:
        return not_found("Activity")
    recorded = row.source.streams()
    if recorded is None:
        return no_recording()
    keys = set(request.query_params.get("keys", "").split(",")) | {"distance"}
    chosen: dict[str, Json] = {
        key: {"data": data, "series_type": "distance", "original_size": len(data), "resolution": "high"}
        for key, data in recorded.items()
        if key in keys
    }
    if request.query_params.get("key_by_type", "").lower() in ("true", "1"):
        return answer(chosen)
    return answer([{"type": key, **stream} for key, stream in chosen.items()])


async def gear(request: Request) -> Response:
    """DetailedGear."""
    found = state_of(request).gear.get(request.path_params["id"])
    return not_found("Gear") if found is None else answer(found)


async def unknown_path(request: Request) -> Response:
    """404."""
    return not_found("Resource")


def paging(query: Mapping[str, str]) -> tuple[Listing, int]:
    """The listing that a request belongs to, and the number of its page; raises PagingError."""
    page, per_page = _number(query, "page", 1), _number(query, "per_page", DEFAULT_PER_PAGE)
    if page < 1:
        raise PagingError("page")
    if per_page < 1:
        raise PagingError("per page")
    if per_page > MOST_PER_PAGE:
        raise PagingError("per page", "limit exceeded")
    after = _number(query, "after", 0) if "after" in query else None
    before = _number(query, "before", 0) if "before" in query else None
    return Listing(after, before, per_page), page


def shorten_page(state: State, query: Mapping[str, str], rows: int | None) -> None:
    """From now on, give the page that a query asks for only `rows` rows; nothing happens if it asks for no valid page."""
    with suppress(PagingError):
        listing, page = paging(query)
        state.pager.shorten(listing, page, rows)


def state_of(request: Request) -> State:
    """The state of the emulator that a request came to."""
    state: State = request.app.state.emulator
    return state


def visible_row(request: Request) -> Row | None:
    """The activity whose id is in the path; None if it does not exist or the token may not see it."""
    state, identity = state_of(request), request.path_params["id"]
    grant: Grant = request.state.grant
    if not identity.isdecimal():
        return None
    row = state.store.get(int(identity), state.epoch)
    return None if row is None or (row.only_me and not grant.reads_private) else row


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    try:
        return int(query.get(name, default))
    except ValueError as error:
        raise PagingError(name.replace("_", " ")) from error


def error_body(message: str, resource: str, field: str, code: str) -> Json:
    """Strava's error body: a message and one error."""
    return {"message": message, "errors": [{"resource": resource, "field": field, "code": code}]}


def bad_request(resource: str, field: str, code: str = "invalid") -> Response:
    """400 with Strava's words for what is wrong."""
    return answer(error_body("Bad Request", resource, field, code), 400)


def not_found(resource: str) -> Response:
    """404, Strava's answer for a thing that is deleted, hidden or never existed."""
    return answer(error_body("Resource Not Found", resource, "id", "invalid"), 404)


def no_recording() -> Response:
    """404, Strava's answer for the streams of a manual activity: github.com/roznet/connectstats, issue 54."""
    return answer({"message": "Resource Not Found", "errors": []}, 404)


def unauthorized(resource: str, field: str, code: str) -> Response:
    """401 with Strava's words for what is missing."""
    return answer(error_body("Authorization Error", resource, field, code), 401)


def rate_limited() -> Response:
    """429, a limit is used up."""
    return answer(error_body("Rate Limit Exceeded", "Application", "rate limit", "exceeded"), 429)


def status_body(status: int) -> Json:
    """Strava's JSON for an error status."""
    bodies = {
        401: error_body("Authorization Error", "Athlete", "access_token", "invalid"),
        403: error_body("Forbidden", "Application", "Status", "Inactive"),
        404: error_body("Resource Not Found", "Activity", "id", "invalid"),
        429: error_body("Rate Limit Exceeded", "Application", "rate limit", "exceeded"),
    }
    return bodies.get(status, {"message": status_phrase(status), "errors": []})
