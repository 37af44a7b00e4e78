"""The API below /api/v3: what each path answers.

Tokens, limits and faults were dealt with before, in gate.py; documents are made by the sources of the rows.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator import social
from strava_pipeline.emulator.documents import without_all_efforts
from strava_pipeline.emulator.pages import Listing
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.stats import athlete_stats
from strava_pipeline.emulator.store import Row
from strava_pipeline.emulator.tokens import Grant
from strava_pipeline.emulator.wire import Json, answer, bad_request, not_found, nothing_recorded
from strava_pipeline.emulator.zones import activity_zones as zones_of
from strava_pipeline.emulator.zones import athlete_zones

GIVEN = {"comments": social.comments, "kudos": social.kudos, "photos": social.photos}
DEFAULT_PER_PAGE = 30  # developers.strava.com/docs/reference
MOST_PER_PAGE = 200


class PagingError(ValueError):
    """A listing can't be cut as asked: Strava's name for the parameter, and what is wrong with it."""

    def __init__(self, field: str, code: str = "invalid") -> None:
        super().__init__(f"{field}: {code}")
        self.field, self.code = field, code


def routes() -> list[Route]:
    """All paths of the API."""
    return [
        Route("/athlete", athlete),
        Route("/athlete/zones", zones),
        Route("/athlete/activities", activities),
        Route("/athletes/{id}/stats", stats),
        Route("/activities/{id}", detail),
        Route("/activities/{id}/laps", laps),
        Route("/activities/{id}/streams", streams),
        Route("/activities/{id}/zones", activity_zones),
        *(Route(f"/activities/{{id}}/{name}", _given(of)) for name, of in GIVEN.items()),
        Route("/gear/{id}", gear),
        Route("/{path:path}", nowhere),
    ]


async def athlete(request: Request) -> Response:
    """DetailedAthlete."""
    return answer(state_of(request).athlete)


async def zones(request: Request) -> Response:
    """Zones of the athlete."""
    return answer(athlete_zones(state_of(request).config.ftp))


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
    """ActivityStats of the athlete; of nobody else."""
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
    """The laps of a detail."""
    row = visible_row(request)
    return not_found("Activity") if row is None else answer(row.source.detail().get("laps") or [])


async def streams(request: Request) -> Response:
    """The streams asked for and the distance, by key or as an array; 404 where nothing was recorded."""
    row = visible_row(request)
    if row is None:
        return not_found("Activity")
    recorded = row.source.streams()
    if recorded is None:
        return nothing_recorded()
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
    """How long it was in which zone."""
    row = visible_row(request)
    if row is None:
        return not_found("Activity")
    return answer(zones_of(row.source.streams() or {}, state_of(request).config.ftp))


def _given(of: Callable[[Json], list[Json]]) -> Callable[[Request], Awaitable[Response]]:
    async def given(request: Request) -> Response:
        """A page of what others gave an activity."""
        row = visible_row(request)
        if row is None:
            return not_found("Activity")
        try:
            listing, page = paging(request.query_params)
        except PagingError as error:
            return bad_request("Application", error.field, error.code)
        return answer(of(row.source.detail())[(page - 1) * listing.per_page :][: listing.per_page])

    return given


async def gear(request: Request) -> Response:
    """DetailedGear."""
    found = state_of(request).gear.get(request.path_params["id"])
    return not_found("Gear") if found is None else answer(found)


async def nowhere(request: Request) -> Response:
    """Whatever else is asked."""
    return not_found("Resource")


def paging(query: Mapping[str, str]) -> tuple[Listing, int]:
    """Which listing a request is part of, and which page of it; raises PagingError."""
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
    """Make the page that a request asks for short from now on; a request that asks for none stays as it is."""
    with suppress(PagingError):
        listing, page = paging(query)
        state.pager.shorten(listing, page, rows)


def state_of(request: Request) -> State:
    """The emulator behind the application."""
    state: State = request.app.state.emulator
    return state


def visible_row(request: Request) -> Row | None:
    """The activity a path names, if it exists and this token may see it."""
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
