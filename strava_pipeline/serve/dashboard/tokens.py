"""What the token of a program opens: the routes of each right, by name; answers are without what it may not see.

A new route is closed to tokens until it stands here. The guard asks `token_session`; records/ keeps the tokens.
"""

import asyncio
from dataclasses import dataclass

import orjson
from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.core.privacy import without_fields
from strava_pipeline.serve.dashboard.logins import client_of
from strava_pipeline.serve.dashboard.middlewares import with_body
from strava_pipeline.serve.dashboard.problems import ProblemError
from strava_pipeline.serve.dashboard.records.store import Session, Token
from strava_pipeline.serve.dashboard.routes import DOCUMENT
from strava_pipeline.serve.dashboard.site import Sees, Site, seen_by

SLOWED = 1.0  # seconds until a wrong token is answered: nobody is locked out, since behind a proxy all have one address
_LOOK_UPS, _COUNTS = CapacityLimiter(2), CapacityLimiter(1)  # threads: whoever sends wrong ones holds up no page
_SCHEME = "bearer "  # RFC 6750, section 2.1; in any case, RFC 9110, section 11.1
_ACTIVITY = "/api/activities/{activity_id}"
_RECORDINGS = f"{_ACTIVITY}/recordings"
READ = (
    "/api/activities", _ACTIVITY, f"{_ACTIVITY}/sources", f"{_ACTIVITY}/history", _RECORDINGS, "/activities.csv",
    "/api/calendar", "/api/calendar/{month}", "/api/changes", "/api/changes/{change_id}", "/api/devices",
    "/api/fitness", "/api/fitness/{year}", "/api/gear", "/api/insights/{year}", "/api/notifications",
    "/api/requests/{request_id}", "/api/status", "/api/why", "/api/why/{number}", "/why/{number}.csv", DOCUMENT,
)  # fmt: skip
PLACES = (
    f"{_ACTIVITY}/track", f"{_RECORDINGS}/{{first_id}}/{{second_id}}/{{side}}", "/activities/{activity_id}/original",
    "/activities/{activity_id}/track.gpx", "/api/heat", "/api/heat/lines", "/api/maps", "/api/routes",
    "/api/routes/{route_id}", "/api/tiles", "/api/tiles/totals", "/api/tiles.geojson",
)  # fmt: skip
BODY = ("/api/days", "/days.csv")
SEND = {"POST": ("/api/files",), "GET": ("/api/files/{file_id}",)}
_COMPILED = {path: compile_path(path)[0] for path in (*READ, *PLACES, *BODY, *SEND["POST"], *SEND["GET"])}
_WRONG = (
    "This token opens nothing here: it is unknown, has ended, or was removed. *Settings* on the page makes another."
)


def bearer_of(request: HTTPConnection, site: Site) -> str | None:
    """The token that a program sent, or None. A browser with a session has none, whatever a proxy adds to its requests."""
    sent = request.headers.get("authorization", "")
    is_token = sent[: len(_SCHEME)].lower() == _SCHEME and site.cookie not in request.cookies
    return sent[len(_SCHEME) :].strip() if is_token else None


async def token_session(site: Site, request: HTTPConnection, text: str) -> Session:
    """The session of a token that opens this request. Raises ProblemError; for a wrong token after SLOWED."""
    request.state.is_by_program = request.state.is_unproven = True
    client = client_of(site, request)
    session = await to_thread.run_sync(site.records.token_session, text, client, site.now(), limiter=_LOOK_UPS)
    if session is None or session.token is None:
        await asyncio.sleep(SLOWED)
        await to_thread.run_sync(site.records.count_wrong_token, site.now(), limiter=_COUNTS)
        raise ProblemError(401, _WRONG, headers={"WWW-Authenticate": "Bearer"})
    request.state.is_unproven = False
    if why := _why_closed(session.token, request.scope.get("method", ""), request.scope["path"]):
        raise ProblemError(403, why)
    return session


def _why_closed(token: Token, method: str, path: str) -> str:
    """Why a token does not open this; empty if it does."""
    if token.may == "send":
        is_open = _is_one_of(SEND.get(method, ()), path)
        return "" if is_open else "This token only sends files (POST /api/files), and asks what became of these."
    if method != "GET" or not _is_one_of((*READ, *PLACES, *BODY), path):
        return "This token only reads the JSON API and CSV."
    if not token.places and _is_one_of(PLACES, path):
        return "This token was made without places: no tracks, maps and original files."
    return "This token was made without days and nights." if not token.body and _is_one_of(BODY, path) else ""


def _is_one_of(paths: tuple[str, ...], path: str) -> bool:
    return any(_COMPILED[each].match(path) for each in paths)


@dataclass(frozen=True, slots=True)
class WithoutFields:
    """An ASGI middleware that takes out of JSON what a token may not see. It stands next to the routes, so that what is cached
    is without it, too.
    """

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sees = seen_by(scope)

        async def changed(start: Message, message: Message) -> Message:
            body = await run_in_threadpool(_without_fields, message.get("body", b""), sees)
            MutableHeaders(scope=start)["content-length"] = str(len(body))
            return {**message, "body": body}

        def is_wanted(start: Message) -> bool:
            is_json = "json" in Headers(raw=start["headers"]).get("content-type", "")
            return is_json and not scope.get("state", {}).get("was_kept")

        await self.app(scope, receive, send if sees.places and sees.body else with_body(send, is_wanted, changed))


def _without_fields(body: bytes, sees: Sees) -> bytes:
    return orjson.dumps(without_fields(orjson.loads(body), **sees._asdict())) if body else body


def refuse_places(request: Request, asked: bool) -> None:
    """Raise ProblemError for a question about places that the answer may not show."""
    if asked and not seen_by(request.scope).places:
        raise ProblemError(403, "This token was made without places: `place` neither filters nor sorts.")
