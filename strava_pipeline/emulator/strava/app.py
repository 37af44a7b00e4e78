"""The Strava emulator as a whole: its routes, its gate, and how to run it, in a thread or in the foreground.

The gate works in Strava's order: first the token, then the limits, then the answer. What each path answers is in api.py,
application_api.py, changes.py and control.py.
"""

import asyncio
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from strava_pipeline.emulator import server
from strava_pipeline.emulator.faults import Headers, Reply, deliver
from strava_pipeline.emulator.gate import Gate, RecordedSend, control_routes, query_of, refuse_order
from strava_pipeline.emulator.service import Json, OrderError
from strava_pipeline.emulator.strava import api, application_api, changes, control
from strava_pipeline.emulator.strava.application import EmulatorConfig
from strava_pipeline.emulator.strava.state import API, State, build_state


class Emulator(server.ServerThread):
    """A Strava in a thread: `with Emulator(config) as emulator: … emulator.url …`. Raises EmulatorConfigError."""

    def __init__(self, config: EmulatorConfig, host: str = "127.0.0.1", port: int = 0) -> None:
        app = create_app(config)
        self.state: State = app.state.emulator
        super().__init__(app, host, port, on_end=self.state.deliveries.stop)


def run(config: EmulatorConfig, host: str, port: int, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve a Strava until Ctrl-C or SIGTERM; calls `on_ready` with the URL once it accepts connections."""
    app = create_app(config)
    server.run(app, host, port, on_ready=on_ready, on_end=app.state.emulator.deliveries.stop)


def create_app(config: EmulatorConfig) -> Starlette:
    """The ASGI application; `app.state.emulator` is its State. Raises EmulatorConfigError."""
    state = build_state(config)
    app = Starlette(
        routes=[
            Mount(API, routes=[*application_api.subscription_routes(), *changes.routes(), *api.routes()]),
            *application_api.oauth_routes(),
            *control_routes(API),
            *control.routes(),
        ],
        middleware=[Middleware(StravaGate, state=state)],
        exception_handlers={OrderError: refuse_order},
    )
    app.state.emulator = state
    return app


class StravaGate(Gate[State]):
    """Which calls need a token, which count in the limits, and Strava's refusals."""

    service = "Strava"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on by the group that its path belongs to."""
        path = scope.get("path", "")
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif path.startswith(API + "/oauth/"):  # documented alias: developers.strava.com/docs/authentication
            path = path.removeprefix(API)
            await self._uncounted({**scope, "path": path, "raw_path": path.encode()}, receive, send, path)
        elif (path + "/").startswith(API + application_api.SUBSCRIPTIONS + "/"):
            await self._uncounted(scope, receive, send, path.removeprefix(API))
        elif path == API or path.startswith(API + "/"):
            self.state.journal.open += 1
            try:
                await self._counted(scope, receive, send, path.removeprefix(API) or "/")
            finally:
                self.state.journal.open -= 1
        elif path.startswith("/oauth/"):
            await self._uncounted(scope, receive, send, path)
        else:
            await super().__call__(scope, receive, send)

    def error_body(self, status: int) -> Json:
        """Strava's JSON for an error status."""
        return api.status_body(status)

    def shorten_page(self, query: dict[str, str], rows: int | None) -> None:
        """From now on, that page of a listing of activities has so few rows."""
        api.shorten_page(self.state, query, rows)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """An API call: needs a token and counts in the limits."""
        state = self.state
        if state.config.latency:
            await asyncio.sleep(state.config.latency)
        method, raw_query = scope["method"], scope["query_string"].decode("latin-1")
        recorded = RecordedSend(
            lambda status: state.journal.record_api_call(state.clock.now(), method, path, raw_query, status), send
        )
        headers: Headers = []
        fault = None
        refusal, reads = self._refusal(scope, path), method != "PUT"
        if refusal is None:
            if not state.usage.count(state.epoch, reads=reads):
                refusal = Reply.of(api.rate_limited())
            headers = state.usage.headers()
        if refusal is None:
            fault = state.faults.next_fault(path, query_of(scope))
            if fault is not None and fault.status == 401:
                state.usage.give_back(reads=reads)
                headers = []
        if refusal is not None:
            await deliver(refusal.with_headers([*headers, self.date()]), recorded.send)
        else:
            recorded.finish(await self.answer(scope, receive, recorded.send, headers=headers, fault=fault))

    async def _uncounted(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """A call for OAuth or subscriptions: needs no token and counts in no limit."""
        state, method, full_path = self.state, scope["method"], scope["path"]
        fault = state.faults.next_fault(path, query_of(scope))
        recorded = RecordedSend(
            lambda status: state.journal.record_other_call(state.clock.now(), method, full_path, status), send
        )
        recorded.finish(await self.answer(scope, receive, recorded.send, headers=[], fault=fault))

    def _refusal(self, scope: Scope, path: str) -> Reply | None:
        """401 if the token in the Authorization header is not valid, or does not allow this path."""
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, token = authorization.decode("latin-1").partition(" ")
        tokens = self.state.tokens
        grant = tokens.grant_of(token.strip(), self.state.epoch) if kind.lower() == "bearer" else None
        if grant is None:
            return Reply.of(api.unauthorized("Athlete", "access_token", "invalid"))
        writes = scope["method"] == "PUT" and path.startswith("/activities/")
        if writes and not grant.writes_activities:
            return Reply.of(api.unauthorized("AccessToken", "activity:write_permission", "missing"))
        if path.startswith(("/athlete/activities", "/activities/")) and not (writes or grant.reads_activities):
            return Reply.of(api.unauthorized("AccessToken", "activity:read_permission", "missing"))
        if path == "/athlete/zones" and "profile:read_all" not in grant.scopes:
            return Reply.of(api.unauthorized("AccessToken", "profile:read_all_permission", "missing"))
        scope.setdefault("state", {})["grant"] = grant
        return None
