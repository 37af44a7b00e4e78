"""A check in front of Dagster's web server: it answers its own pages and programs, and no other web page.

The dashboard uses `refusal_of`, too, before it passes a request on to Dagster's UI. Dagster's UI has no login, and a
browser sends any page's requests to 127.0.0.1. Such requests can't hide their origin: browsers name the page's origin
(Origin, Sec-Fetch-Site) and the name that was looked up (Host). Nothing of Dagster's is imported here; only its path
/graphql is known.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.environment.setting_values import is_address

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_POLICY_VIOLATION = 1008  # the closing code of a WebSocket, RFC 6455 section 7.4.1
_GRAPHQL_BODIES = ("application/json", "application/graphql")  # neither can be sent by an HTML form


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is rejected: a status and a sentence for the client."""

    status: int
    why: str


class SameOrigin:
    """An ASGI application that passes requests from its own origin, or from no browser at all, on to `app`.

    `host` is the address that the server listens on. The Host header may name it, any IP address, `localhost` and this
    machine, which excludes a name that somebody else points at 127.0.0.1 (DNS rebinding). `prefix`: the prefix of
    Dagster's pages.
    """

    def __init__(self, app: ASGIApp, host: str, names: Iterable[str] | None = None, *, prefix: str = "") -> None:
        own = (socket.gethostname(),) if names is None else names
        self._app, self._names = app, {"localhost", host.lower(), *(name.lower() for name in own)}
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif (refusal := self._refusal(scope)) is None:
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
        else:
            await PlainTextResponse(f"{refusal.why}\n", refusal.status)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or not self._is_own(hosts[0].lower()):
            return Refusal(
                403,
                "Refused: the Host header is not a name of this server. Open Dagster's UI as localhost, by an IP address, or "
                "by the name that it was started with (--host NAME).",
            )
        return refusal_of(scope, self._prefix)

    def _is_own(self, host: str) -> bool:
        parts = _HOST.fullmatch(host)
        return parts is not None and (parts[1] in self._names or is_address(parts[1].strip("[]")))


def refusal_of(scope: Scope, prefix: str = "") -> Refusal | None:
    """Why a request or WebSocket for Dagster's pages below `prefix` is rejected, or None. Its Host header was already checked."""
    headers = Headers(scope=scope)
    host = headers["host"].lower()
    if any(origin.lower() not in (f"http://{host}", f"https://{host}") for origin in headers.getlist("origin")):
        return Refusal(403, "Refused: another web page sent this request to Dagster.")
    if _is_from_another_site(headers) and not _is_followed_link(scope, headers):
        return Refusal(403, "Refused: another web page sent this request to Dagster.")
    return _graphql_refusal(scope, headers, prefix) if scope["type"] == "http" else None


def _is_from_another_site(headers: Headers) -> bool:
    """Whether a browser says so. Pages on other ports of this machine are `same-site`; `none` was typed by a person."""
    return any(site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site"))


def _is_followed_link(scope: Scope, headers: Headers) -> bool:
    """Whether the browser's window itself goes to the page, because a link was followed. A frame does not count."""
    return (
        scope.get("method") in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
    )


def _graphql_refusal(scope: Scope, headers: Headers, prefix: str) -> Refusal | None:
    """The refusal of a mutation by GET, which an `<img>` can send, or in the URL of a POST of any type; Dagster would
    execute both.
    """
    if not scope["path"].startswith(f"{prefix}/graphql"):  # Starlette's route also takes /graphql%0A
        return None
    # a page for typing queries, by Accept
    if scope["method"] == "GET" and "text/html" not in headers.get("accept", ""):
        return Refusal(405, "Refused: GET executes nothing here. Send the query by POST, as application/json.")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if scope["method"] == "POST" and media_type not in _GRAPHQL_BODIES:
        return Refusal(415, "Refused: send the query as application/json.")
    return None


def _unframed(send: Send) -> Send:
    """Forbid pages of other origins to show this one in a frame, where a click could be redirected to a button of Dagster's."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["X-Frame-Options"] = "SAMEORIGIN"
        await send(message)

    return sending
