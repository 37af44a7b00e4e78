"""What every call passes: who may, what counts, which fault strikes; and the headers of every answer.

A plain ASGI middleware around the routes. The order is Strava's: first the token, then the limits, then the work.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strava_pipeline.emulator import api, push_api
from strava_pipeline.emulator.faults import Fault
from strava_pipeline.emulator.state import State
from strava_pipeline.emulator.trouble import (
    Headers,
    Reply,
    break_connection,
    collect,
    deliver,
    replacement,
)
from strava_pipeline.emulator.wire import rate_limited, unauthorized

API = "/api/v3"


class Noted:
    """Notes a call before its answer leaves: whoever has the answer finds the call in the log."""

    def __init__(self, note: Callable[[int], None], send: Send) -> None:
        self._note: Callable[[int], None] | None = note
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.end(message["status"])
        await self._send(message)

    def end(self, status: int) -> None:
        """Note it, unless that is done; 0: no answer was sent."""
        note, self._note = self._note, None
        if note is not None:
            note(status)


class Gate:
    """The middleware; `state` is the emulator behind it."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app, self._state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif path.startswith(API + "/oauth/"):  # documented alias: developers.strava.com/docs/authentication
            path = path.removeprefix(API)
            await self._uncounted({**scope, "path": path, "raw_path": path.encode()}, receive, send, path)
        elif (path + "/").startswith(API + push_api.PATH + "/"):
            await self._uncounted(scope, receive, send, path.removeprefix(API))
        elif path == API or path.startswith(API + "/"):
            self._state.calls.open += 1
            try:
                await self._api(scope, receive, send, path.removeprefix(API) or "/")
            finally:
                self._state.calls.open -= 1
        elif path.startswith("/oauth/"):
            await self._uncounted(scope, receive, send, path)
        else:
            await self._app(scope, receive, self._dated(send))

    async def _api(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        state = self._state
        if state.config.latency:
            await asyncio.sleep(state.config.latency)
        method, raw_query = scope["method"], scope["query_string"].decode("latin-1")
        note = Noted(lambda status: state.calls.api(state.clock.now(), method, path, raw_query, status), send)
        query = dict(parse_qsl(raw_query))
        headers: Headers = []
        fault = None
        refusal, reads = self._refusal(scope, path), method != "PUT"
        if refusal is None:
            if not state.usage.count(state.epoch, reads=reads):
                refusal = Reply.of(rate_limited())
            headers = state.usage.headers()
        if refusal is None:
            fault = state.faults.take(path, query)
            if fault is not None and fault.status == 401:
                state.usage.give_back(reads=reads)
                headers = []
        if refusal is not None:
            await deliver(refusal.with_headers([*headers, self._date()]), note.send)
        else:
            note.end(await self._work(scope, receive, note.send, headers, fault, query))

    async def _uncounted(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Needs no token and counts in no limit: OAuth and subscriptions."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        fault = self._state.faults.take(path, query)
        state = self._state
        method, full = scope["method"], scope["path"]
        note = Noted(lambda status: state.calls.uncounted(state.clock.now(), method, full, status), send)
        note.end(await self._work(scope, receive, note.send, [], fault, query))

    async def _work(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Headers,
        fault: Fault | None,
        query: dict[str, str],
    ) -> int:
        """Answer, well or badly; gives the status that the client saw."""

        async def work() -> Reply:
            reply = await collect(self._app, scope, receive)
            return reply.with_headers([*headers, self._date(fault)])

        if fault is not None and fault.kind in ("raw", "truncate", "reset"):
            return await break_connection(fault, scope, receive, send, work)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "short_page":
            api.shorten_page(self._state, query, fault.rows)
        instead = replacement(fault) if fault is not None else None
        reply = await work() if instead is None else instead.with_headers([*headers, self._date()])
        await deliver(reply, send)
        return reply.status

    def _refusal(self, scope: Scope, path: str) -> Reply | None:
        """401, if the token in the Authorization header is dead or does not reach as far as this path."""
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, token = authorization.decode("latin-1").partition(" ")
        tokens = self._state.tokens
        grant = tokens.grant_of(token.strip(), self._state.epoch) if kind.lower() == "bearer" else None
        if grant is None:
            return Reply.of(unauthorized("Athlete", "access_token", "invalid"))
        writes = scope["method"] == "PUT" and path.startswith("/activities/")
        if writes and not grant.writes_activities:
            return Reply.of(unauthorized("AccessToken", "activity:write_permission", "missing"))
        if path.startswith(("/athlete/activities", "/activities/")) and not (writes or grant.reads_activities):
            return Reply.of(unauthorized("AccessToken", "activity:read_permission", "missing"))
        if path == "/athlete/zones" and "profile:read_all" not in grant.scopes:
            return Reply.of(unauthorized("AccessToken", "profile:read_all_permission", "missing"))
        scope.setdefault("state", {})["grant"] = grant
        return None

    def _date(self, fault: Fault | None = None) -> tuple[bytes, bytes]:
        if fault is None or fault.kind != "date":
            return (b"date", self._state.clock.http_date())
        if isinstance(fault.body, str):
            return (b"date", fault.body.encode("latin-1", "replace"))
        return (b"date", self._state.clock.http_date(ahead=fault.seconds))

    def _dated(self, send: Send) -> Send:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._date()]
            await send(message)

        return send_dated
