"""The Strava emulator as a whole: its routes, its gate, its control paths, and how to run it, in a thread or in the foreground.

The gate works in Strava's order: first the token, then the limits, then the answer. The other paths are in api.py,
application_api.py and changes.py. Below /_emulator tests and demos edit activities, limits, logins and webhooks; of a webhook's
callback only host and port are shown, because its path may hold a secret.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from strava_pipeline.emulator import base, server
from strava_pipeline.emulator.base import CONTROL, Gate, query_of, read_order
from strava_pipeline.emulator.deliveries import LONGEST_WAIT, shown_address
from strava_pipeline.emulator.service import (
    JSON_TYPE,
    EmulatorConfigError,
    Headers,
    Json,
    OrderError,
    Reply,
    answer,
    deliver,
    dumps,
    ordered,
)
from strava_pipeline.ingest.strava.emulator import api, application_api, changes, uploads
from strava_pipeline.ingest.strava.emulator.api import state_of
from strava_pipeline.ingest.strava.emulator.application import UNLIMITED, EmulatorConfig, Limits
from strava_pipeline.ingest.strava.emulator.archive import Exported, Layout, Oddities, write_export
from strava_pipeline.ingest.strava.emulator.changes import add, delete, edit, event_of, withdraw
from strava_pipeline.ingest.strava.emulator.state import API, State, build_state


class Emulator(server.ServerThread):
    """A Strava in a thread: `with Emulator(config) as emulator: … emulator.url …`. Raises EmulatorConfigError."""

    def __init__(self, config: EmulatorConfig, host: str = "127.0.0.1", port: int = 0) -> None:
        app = create_app(config)
        self.state: State = app.state.emulator
        super().__init__(app, host, port, on_end=self.state.deliveries.stop)


def run(app: Starlette, host: str, port: int, on_ready: Callable[[str], None] = lambda url: None) -> None:
    """Serve an application of `create_app` until Ctrl-C or SIGTERM; calls `on_ready` with the URL once it accepts connections."""
    server.run(app, host, port, on_ready=on_ready, on_end=app.state.emulator.deliveries.stop)


def create_app(config: EmulatorConfig) -> Starlette:
    """The ASGI application; `app.state.emulator` is its State. Raises EmulatorConfigError."""
    api_routes = [*application_api.subscription_routes(), *changes.routes(), *uploads.routes(), *api.routes()]
    routes = [Mount(API, routes=api_routes), *application_api.oauth_routes(), *_strava_control_routes()]
    return base.application(build_state(config), routes, StravaGate)


_AT_NEW_ADDRESS = {"athlete", "athletes", "activities", "gear", "uploads", "push_subscriptions"}
"""Prefixes of the API's paths at its address from 2027 on: the same, without /api/v3."""


class StravaGate(Gate[State]):
    """Which calls need a token, which count in the limits, and Strava's refusals."""

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
        elif path.split("/")[1] in _AT_NEW_ADDRESS:
            await self({**scope, "path": API + path, "raw_path": (API + path).encode()}, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def error_body(self, status: int) -> Json:
        """Strava's JSON for an error status."""
        return api.status_body(status)

    def shorten_page(self, query: dict[str, str], rows: int | None) -> None:
        """From now on, return only `rows` rows for that page of a listing of activities."""
        api.shorten_page(self.state, query, rows)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """An API call: needs a token and counts in the limits."""
        state = self.state
        if state.config.latency:
            await asyncio.sleep(state.config.latency)
        method, recorded = scope["method"], self.recorded(scope, path, send, is_counted=True)
        headers: Headers = []
        fault = None
        refusal, reads = self._refusal(scope, path), method not in ("PUT", "POST")
        if refusal is None:
            if not state.usage.count(state.epoch, reads=reads):
                refusal = Reply.of(api.rate_limited())
            headers = state.usage.headers()
        if refusal is None:
            fault = state.faults.next_fault(path, query_of(scope), method)
            if fault is not None and fault.status == 401:
                state.usage.give_back(reads=reads)
                headers = []
        if refusal is not None:
            await deliver(refusal.with_headers([*headers, self.date()]), recorded.send)
        else:
            recorded.finish(await self.answer(scope, receive, recorded.send, headers=headers, fault=fault))

    async def _uncounted(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """A call for OAuth or subscriptions: needs no token and counts in no limit."""
        fault = self.state.faults.next_fault(path, query_of(scope))
        recorded = self.recorded(scope, path, send, is_counted=False)
        recorded.finish(await self.answer(scope, receive, recorded.send, headers=[], fault=fault))

    def _refusal(self, scope: Scope, path: str) -> Reply | None:
        """401 if the token in the Authorization header is not valid, or does not allow this path."""
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, token = authorization.decode("latin-1").partition(" ")
        tokens = self.state.tokens
        grant = tokens.grant_of(token.strip(), self.state.epoch) if kind.lower() == "bearer" else None
        if grant is None:
            return Reply.of(api.unauthorized("Athlete", "access_token", "invalid"))
        of_upload = path == "/uploads" or path.startswith("/uploads/")
        writes = of_upload or (scope["method"] == "PUT" and path.startswith("/activities/"))
        if writes and not grant.writes_activities:
            return Reply.of(api.unauthorized("AccessToken", "activity:write_permission", "missing"))
        if path.startswith(("/athlete/activities", "/activities/")) and not (writes or grant.reads_activities):
            return Reply.of(api.unauthorized("AccessToken", "activity:read_permission", "missing"))
        scope.setdefault("state", {})["grant"] = grant
        return None


DETAILS_PER_TURN = 25  # details made before other calls get their turn, about 25 ms


def _strava_control_routes() -> list[Route]:
    """The control paths of Strava."""
    return [
        Route(f"{CONTROL}/edit", edit_activity, methods=["POST"]),
        Route(f"{CONTROL}/delete", delete_activity, methods=["POST"]),
        Route(f"{CONTROL}/add", add_activity, methods=["POST"]),
        Route(f"{CONTROL}/limits", limits, methods=["POST"]),
        Route(f"{CONTROL}/scopes", scopes, methods=["POST"]),
        Route(f"{CONTROL}/expire-tokens", expire_tokens, methods=["POST"]),
        Route(f"{CONTROL}/revoke", revoke, methods=["POST"]),
        Route(f"{CONTROL}/archive", archive, methods=["POST"]),
        Route(f"{CONTROL}/truth", truth),
        Route(f"{CONTROL}/webhooks", webhooks, methods=["GET", "POST"]),
        Route(f"{CONTROL}/webhooks/send", send_event, methods=["POST"]),
    ]


async def edit_activity(request: Request) -> Response:
    """{"id": …, "set": {field: value}}: answers the new detail."""
    return answer(edit(state_of(request), await read_order(request)))


async def delete_activity(request: Request) -> Response:
    """{"id": …}."""
    return answer({"id": delete(state_of(request), await read_order(request))})


async def add_activity(request: Request) -> Response:
    """{"activity": {…}} or {"generate": {"start_date": …, "sport_type": …, "timezone": …}}: answers the new id."""
    return answer({"id": add(state_of(request), await read_order(request))})


async def limits(request: Request) -> Response:
    """{"limits": "200,2000/100,1000"}: other limits from now on; calls so far still count."""
    order = await read_order(request)
    try:
        state_of(request).usage.limits = Limits.parse(str(order.get("limits"))) or UNLIMITED
    except EmulatorConfigError as error:
        raise OrderError(str(error)) from error
    return answer({"ok": True})


async def scopes(request: Request) -> Response:
    """How the athlete answers future consent pages: {"granted": [...]} allows these scopes (null: all), {"denied": true} none."""
    tokens = state_of(request).tokens
    order = await read_order(request)
    if "granted" in order:
        tokens.ticked = None if order["granted"] is None else frozenset(order["granted"])
    tokens.denied = bool(order.get("denied", False))
    return answer({"ok": True})


async def expire_tokens(request: Request) -> Response:
    """All access tokens become invalid; refresh tokens stay valid."""
    state_of(request).tokens.expire_access()
    return answer({"ok": True})


async def revoke(request: Request) -> Response:
    """The athlete withdraws access on Strava's own site: every token becomes invalid."""
    withdraw(state_of(request))
    return answer({"ok": True})


async def truth(request: Request) -> Response:
    """Everything that exists now: the athlete, the gear, and every activity in full, ascending by id."""
    return StreamingResponse(_truth(state_of(request)), media_type=JSON_TYPE)


async def archive(request: Request) -> Response:
    """{"language": …, "columns": …, "missing": …, "unlisted": …}, each optional: answers the zip that Strava would mail now."""
    state = state_of(request)
    order = ordered(_ArchiveOrder, await read_order(request))
    try:
        layout, oddities = Layout(str(order.language), order.columns), Oddities(order.missing, order.unlisted)
    except EmulatorConfigError as error:
        raise OrderError(str(error)) from error
    out, content = io.BytesIO(), Exported.of(state)
    await asyncio.to_thread(write_export, content, out, layout, oddities)  # other calls are answered meanwhile
    name = f"export_{state.athlete['id']}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(out.getvalue(), media_type="application/zip", headers=headers)


async def _truth(state: State) -> AsyncIterator[bytes]:
    rows = state.store.existing(state.epoch)
    yield b'{"athlete":' + dumps(state.athlete) + b',"gear":' + dumps(list(state.gear.values()))
    yield b',"activities":['
    for first in range(0, len(rows), DETAILS_PER_TURN):
        batch = [dumps(row.source.detail()) for row in rows[first : first + DETAILS_PER_TURN]]
        yield (b"," if first else b"") + b",".join(batch)
        await asyncio.sleep(0)
    yield b"]}"


class _ArchiveOrder(BaseModel, extra="forbid", strict=True):
    language: Any = "en"
    columns: int | None = Field(None, ge=0)
    missing: int = Field(0, ge=0)
    unlisted: int = Field(0, ge=0)


async def webhooks(request: Request) -> Response:
    """POST changes the given orders. GET reports; with ?wait=seconds when nothing is under way, or after that time."""
    state = state_of(request)
    if request.method == "POST":
        state.deliveries.order(**await read_order(request))
        return answer({"ok": True})
    wait = request.query_params.get("wait", "0")
    if not wait.replace(".", "", 1).isdecimal():
        raise OrderError("wait is a number of seconds.")
    if float(wait):
        await asyncio.to_thread(state.deliveries.idle, min(float(wait), LONGEST_WAIT))
    current = state.subscriptions.current
    subscription = None if current is None else {"id": current.id, "callback": shown_address(current.callback)}
    return answer({"subscription": subscription, **state.deliveries.report()})


async def send_event(request: Request) -> Response:
    """{"event": {field: value}}, or nothing: sends an event with defaults for the other fields; answers the whole event."""
    state, given = state_of(request), (await read_order(request)).get("event") or {}
    current = state.subscriptions.current
    if not isinstance(given, dict):
        raise OrderError('An event is an object: {"event": {"object_id": 123}}.')
    if current is None:
        raise OrderError("There is no subscription that an event could be sent to.")
    event = event_of(state, given)
    state.deliveries.add(event, current.callback)
    return answer({"event": event})
