"""Access control: one middleware that sees each request before every route; limits for bodies; headers of every answer.

A request passes if its Host header names this dashboard; unless its path is open, if its cookie is a session's; and for
a change, if a page of this dashboard sent it (Origin or Sec-Fetch-Site) with the session's CSRF token: in a header, or
in a field of a form that a browser sent without a script. A new route needs nothing here: paths are closed unless named
as open. Sessions are kept by records/, logins made in alone_login.py and front_login.py.
"""

import secrets
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.limits import megabytes
from strava_pipeline.environment.setting_values import is_private_address, is_this_machine
from strava_pipeline.serve.dashboard.deep_links import login_address
from strava_pipeline.serve.dashboard.forms import is_form, token_of_form
from strava_pipeline.serve.dashboard.problems import ProblemError, problem, wants_a_page
from strava_pipeline.serve.dashboard.records.store import Session
from strava_pipeline.serve.dashboard.rendering import CSRF_FIELD
from strava_pipeline.serve.dashboard.routes import ADMIN, is_of_dagster
from strava_pipeline.serve.dashboard.site import Site
from strava_pipeline.serve.dashboard.tokens import bearer_of, token_session

OPEN = frozenset({"/health", "/login"})
OPEN_BELOW = "/static/"
READING = frozenset({"GET", "HEAD"})
CSRF_HEADER = "X-CSRF-Token"
_POLICY_VIOLATION = 1008  # the closing code of a WebSocket, RFC 6455 section 7.4.1


def is_open(path: str) -> bool:
    """Whether a path needs no login."""
    return path in OPEN or path.startswith(OPEN_BELOW)


def is_for_admins(path: str) -> bool:
    """Whether a path is for admins only, if there are accounts: their own, and Dagster's, which can start any run."""
    return path == ADMIN or path.startswith(f"{ADMIN}/") or is_of_dagster(path)


@dataclass(frozen=True, slots=True)
class Guard:
    """An ASGI application that passes allowed requests on to `app`."""

    app: ASGIApp
    site: Site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            request = Request(scope)
            try:
                receive = await self._let_through(request, receive)
            except ProblemError as error:
                await self._refusal(request, error)(scope, receive, send)
            except PipelineError as error:  # the records are out of reach
                await problem(request, ProblemError(503, str(error)))(scope, receive, send)
            else:
                await self.app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket is always Dagster's, and needs the same as a request for a change."""
        is_refused = not is_of_dagster(scope["path"])
        if not is_refused:
            try:
                await self._let_through(HTTPConnection(scope), receive)
            except (ProblemError, PipelineError):
                is_refused = True
        if is_refused:
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
        else:
            await self.app(scope, receive, send)

    async def _let_through(self, request: HTTPConnection, receive: Receive) -> Receive:
        """Raise ProblemError for a forbidden request; store the session in the request's state. Returns the source of
        its body.
        """
        request.state.session = None
        if self.site.settings.dashboard_lan and not is_neighbour(request.scope):
            raise ProblemError(403, "This dashboard answers on its home network alone (DASHBOARD_LAN).")
        if not is_own_host(request.headers, self.site):
            raise ProblemError(403, _WRONG_HOST)
        # The path of the scope, by which routes are found; request.url also depends on the Host header.
        path = request.scope["path"]
        token = None if is_open(path) else bearer_of(request, self.site)
        changes = request.scope.get("method") not in READING
        if changes and token is None and not is_same_origin(request.headers, self.site):
            raise ProblemError(403, "Another web page sent this request, or the browser does not say which one did.")
        if is_open(path):
            return receive
        if token is not None:
            request.state.session = await token_session(self.site, request, token)
            return receive
        session = await self._session(request)
        if session is None:
            raise ProblemError(401, f"This needs a login. {self._how_to_log_in}")
        if session.account is not None and not session.account.is_admin and is_for_admins(path):
            raise ProblemError(403, "Only an admin may do this.")
        if changes and not is_of_dagster(request.scope["path"]):  # Dagster's pages send no token
            sent = request.headers.get(CSRF_HEADER)
            if sent is None and is_form(request.headers):
                sent, receive = await token_of_form(request.scope, receive)
            if not secrets.compare_digest((sent or "").encode(), session.csrf_token.encode()):
                raise ProblemError(403, _WRONG_TOKEN)
        request.state.session = session
        return receive

    @property
    def _how_to_log_in(self) -> str:
        return (
            f"Type `{self.site.link_command}`, or log in at /login." if self.site.house is None else "Log in at /login."
        )

    async def _session(self, request: HTTPConnection) -> Session | None:
        token = request.cookies.get(self.site.cookie)
        if not token:
            return None
        return await run_in_threadpool(self.site.records.session, token, self.site.now())

    def _refusal(self, request: Request, error: ProblemError) -> Response:
        if error.status == 401 and wants_a_page(request):
            return RedirectResponse(login_address(request), 303)
        if error.status == 401 and "hx-request" in request.headers:
            error.headers["HX-Redirect"] = login_address(request)
        return problem(request, error)


_WRONG_TOKEN = (
    f"The header {CSRF_HEADER}, or the field {CSRF_FIELD} of a form, is missing or of another session. "
    "Load the page again."
)
_WRONG_HOST = (
    "The Host header is not a name of this dashboard. Open it as localhost, or by a name that DASHBOARD_HOSTS lists; on a home "
    "network, with DASHBOARD_LAN=true, also by its address in numbers."
)


def is_neighbour(scope: Scope) -> bool:
    """Whether the client is in one's own network: by a private address, or in the network (/64) of the server's address.

    Homes have public IPv6 addresses, too. Through a port that a router forwards, a stranger's own address shows.
    """
    (client, _), (server, _) = scope.get("client") or ("", 0), scope.get("server") or ("", 0)
    if is_private_address(client):
        return True
    try:
        is_ipv4 = IPv6Address(client).ipv4_mapped is not None  # all IPv4 addresses are in one /64
        return not is_ipv4 and IPv6Address(server) in IPv6Network((client, 64), strict=False)
    except ValueError:
        return False


def is_own_host(headers: Headers, site: Site) -> bool:
    """Whether the request's host is a loopback name, or a name in DASHBOARD_HOSTS; with DASHBOARD_LAN also a private
    address as a number, which no other page can have as its name. Ports don't matter.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1:
        return False
    try:
        parts = urlsplit(f"//{hosts[0]}")
        name, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:  # half an IPv6 address, an invalid port
        return False
    if not name or parts.netloc != hosts[0] or "@" in hosts[0]:
        return False
    return is_this_machine(name) or name in site.hosts or (site.settings.dashboard_lan and is_private_address(name))


def is_same_origin(headers: Headers, site: Site) -> bool:
    """Whether a browser says that a page of this origin sent the request, in one of two headers, or in both."""
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    host = headers.get("host", "").lower()
    own = {f"https://{host}"} if site.is_https else {f"http://{host}"}
    return bool(origins or sites) and {each.lower() for each in origins} <= own and {*sites} <= {"same-origin"}


@dataclass(frozen=True, slots=True)
class SecureHeaders:
    """An ASGI middleware that adds the security headers to each answer."""

    app: ASGIApp
    site: Site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", _policy(self.site))
                headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith(OPEN_BELOW) else "no-store")
            await send(message)

        await self.app(scope, receive, sending)


_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer browsers would hide the origin of our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def _policy(site: Site) -> str:
    policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    if site.settings.map_tiles_url is None:
        return policy
    parts = urlsplit(site.settings.map_tiles_url.replace("{s}", "*"))
    return f"{policy}; img-src 'self' data: {parts.scheme}://{parts.netloc}"


_LARGEST = 128_000  # bytes: 500 decisions with their seals are 60 kB
_LARGEST_OF_DAGSTER = 1_000_000  # bytes: its queries are 10 kB, and a run's configuration or partitions may be more
FILES = ("/api/files", "/api/maps/")  # what a PUT below them, or a POST of files, sends may be large


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """An ASGI middleware that refuses a body that is too large, or of unknown size, before it is read.

    The server holds a client to the announced length. `largest_file`: in bytes.
    """

    app: ASGIApp
    largest_file: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refused(scope)):
            await problem(Request(scope), error)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _refused(self, scope: Scope) -> ProblemError | None:
        headers, is_file = Headers(scope=scope), scope["path"].startswith(FILES) and scope["method"] in ("PUT", "POST")
        if "transfer-encoding" in headers or (is_file and "content-length" not in headers):
            return ProblemError(411, "The request does not say how long its body is. Send it with Content-Length.")
        length = headers.get("content-length", "0")
        largest = self.largest_file if is_file else _LARGEST_OF_DAGSTER if is_of_dagster(scope["path"]) else _LARGEST
        if length.isascii() and length.isdecimal() and int(length[:20]) <= largest:
            return None
        if is_file:
            return ProblemError(413, f"The file is larger than {megabytes(largest)}. Send it in parts.")
        return ProblemError(413, f"The body is larger than {largest:,} bytes. Send fewer things at once.")
