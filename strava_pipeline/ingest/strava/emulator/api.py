"""What Strava answers below /api/v3 to calls that read, and its error answers.

Tokens, limits and faults are the gate's (app.py), edits are in changes.py. Comments, kudos and photos follow from the
activity's id and its counts, so that each call gets the same; their shapes are those of real answers of 2025.
"""

import random
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator.base import status_phrase
from strava_pipeline.emulator.service import Json, answer
from strava_pipeline.ingest.strava.emulator import details
from strava_pipeline.ingest.strava.emulator.activities import Listing, Row, athlete_stats, without_all_efforts
from strava_pipeline.ingest.strava.emulator.application import Grant
from strava_pipeline.ingest.strava.emulator.state import State

DEFAULT_PER_PAGE = 30  # developers.strava.com/docs/reference
MOST_PER_PAGE = 200
FIRST_NAMES = ("Ada", "Björn", "Chidi", "Dolores", "Emre", "Fatima", "Grace", "Hiro", "Ines", "Jonas")
COMMENTS = ("Well done!", "Great ride", "What a view", "See you next week", "Strong!", "Où était-ce ?", "🚵 👏")


class PagingError(ValueError):
    """A request for a page is wrong: Strava's name for the parameter, and Strava's word for the error."""

    def __init__(self, field: str, code: str = "invalid") -> None:
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


def routes() -> list[Route]:
    """The API's paths for reading."""
    return [
        Route("/athlete", athlete),
        Route("/athlete/zones", zones),
        Route("/athlete/activities", activities),
        Route("/athletes/{id}/stats", stats),
        Route("/activities/{id}", detail),
        Route("/activities/{id}/laps", laps),
        Route("/activities/{id}/streams", streams),
        Route("/activities/{id}/zones", activity_zones),
        Route("/activities/{id}/comments", _reactions(comments)),
        Route("/activities/{id}/kudos", _reactions(kudos)),
        Route("/activities/{id}/photos", _reactions(photos)),
        Route("/gear/{id}", gear),
        Route("/{path:path}", unknown_path),
    ]


async def athlete(request: Request) -> Response:
    """DetailedAthlete."""
    return answer(state_of(request).athlete)


async def zones(request: Request) -> Response:
    """Zones: by heart rate and by power."""
    return answer(details.athlete_zones(state_of(request).config.ftp))


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


async def stats(request: Request) -> Response:
    """ActivityStats; 404 for another athlete's id."""
    state = state_of(request)
    if request.path_params["id"] != str(state.athlete["id"]):
        return not_found("Athlete")
    return answer(athlete_stats(state.store.existing(state.epoch), state.clock.now()))


async def detail(request: Request) -> Response:
    """DetailedActivity; segment efforts are complete only with include_all_efforts=true."""
    row = visible_row(request)
    if row is None:
        return not_found("Activity")
    document = row.source.detail()
    if request.query_params.get("include_all_efforts", "").lower() not in ("true", "1"):
        document = without_all_efforts(document)
    return answer(document)


async def laps(request: Request) -> Response:
    """Lap objects of an activity."""
    row = visible_row(request)
    return not_found("Activity") if row is None else answer(row.source.detail().get("laps") or [])


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


async def activity_zones(request: Request) -> Response:
    """ActivityZone objects: the time in each zone."""
    row = visible_row(request)
    if row is None:
        return not_found("Activity")
    return answer(details.activity_zones(row.source.streams() or {}, state_of(request).config.ftp))


def _reactions(all_of: Callable[[Json], list[Json]]) -> Callable[[Request], Awaitable[Response]]:
    async def reactions(request: Request) -> Response:
        """A page of an activity's comments, kudos or photos."""
        row = visible_row(request)
        if row is None:
            return not_found("Activity")
        try:
            listing, page = paging(request.query_params)
        except PagingError as error:
            return bad_request("Application", error.field, error.code)
        return answer(all_of(row.source.detail())[(page - 1) * listing.per_page :][: listing.per_page])

    return reactions


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


def comments(document: Json) -> list[Json]:
    """SummaryComment objects, `comment_count` of them, oldest first."""
    rng, began = _rng(document, "comments"), _start(document)
    return [
        {
            "id": rng.randrange(10**9, 10**10),
            "activity_id": document["id"],
            "post_id": None,
            "resource_state": 2,
            "text": rng.choice(COMMENTS),
            "mentions_metadata": None,
            "created_at": f"{began + timedelta(hours=2 + place):%Y-%m-%dT%H:%M:%SZ}",
            "cursor": None,
            "athlete": _someone(rng),
            "reaction_count": 0,
            "has_reacted": False,
        }
        for place in range(_count(document, "comment_count"))
    ]


def kudos(document: Json) -> list[Json]:
    """SummaryAthlete objects, `kudos_count` of them."""
    rng = _rng(document, "kudos")
    return [_someone(rng) for _ in range(_count(document, "kudos_count"))]


def photos(document: Json) -> list[Json]:
    """Photo objects, `total_photo_count` of them; the first one is the detail's primary photo. No photo has an address."""
    rng, began = _rng(document, "photos"), _start(document)
    primary = (document.get("photos") or {}).get("primary") or {}
    return [
        {
            "unique_id": primary.get("unique_id") if place == 0 and primary else _unique(rng),
            "athlete_id": (document.get("athlete") or {}).get("id"),
            "activity_id": document["id"],
            "activity_name": document.get("name"),
            "resource_state": 2,
            "caption": "",
            "type": 1,
            "source": 1,
            "created_at": f"{began + timedelta(minutes=10 * place):%Y-%m-%dT%H:%M:%SZ}",
            "urls": {},
            "default_photo": place == 0,
        }
        for place in range(_count(document, "total_photo_count"))
    ]


def _count(document: Json, name: str) -> int:
    value = document.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _rng(document: Json, what: str) -> random.Random:
    return random.Random(f"{document['id']} {what}")


def _start(document: Json) -> datetime:
    return datetime.fromisoformat(str(document["start_date"]))


def _someone(rng: random.Random) -> dict[str, Any]:
    return {
        "resource_state": 2,
        "firstname": rng.choice(FIRST_NAMES),
        "lastname": f"{rng.choice('ABCDEFGHKLMNPRSTW')}.",
    }


def _unique(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4)).upper()


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
