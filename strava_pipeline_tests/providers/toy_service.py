"""The toy service on this machine: a few activities in memory. It stands for a folder emulator/NAME."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from strava_pipeline.emulator.server import Gate, RecordedSend, ServiceState, query_of
from strava_pipeline.emulator.service import Clock, FaultPlan, Journal, answer
from strava_pipeline_tests.providers.toy.client import KEY

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Toy(ServiceState):
    """What the toy knows. `items` by key; whoever asks sees those of `account`."""

    account: str = "toy-account"
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    bikes: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)  # of every answer that is a fault

    def add(self, key: str, begin: str, **more: Any) -> None:
        """An activity of the account; `begin` on the athlete's clock, as 2026-01-31T07:00:00+01:00."""
        self.items[key] = {"key": key, "begin": begin, "kind": "cycle", "title": key, **more}


def new_toy() -> Toy:
    journal = Journal(
        api="", token_path="/token", activity=r"/activities/(.+)/file", identifier=r"(?<=/activities/).+(?=/file)"
    )
    return Toy(Clock(NOW, 1.0), FaultPlan(), journal)


class ToyGate(Gate[Toy]):
    service = "Toy"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        toy = self.state
        path, query = scope["path"], query_of(scope)
        text = scope["query_string"].decode()
        recorded = RecordedSend(
            lambda status: toy.journal.record_api_call(toy.clock.now(), scope["method"], path, text, status), send
        )
        fault = toy.faults.next_fault(path, query, scope["method"])
        key = dict(scope["headers"]).get(b"authorization", b"").decode()
        if fault is None and key != f"Bearer {KEY}":
            await answer({"message": "who are you?"}, 401)(scope, receive, recorded.send)
            return None
        headers = toy.headers if fault is not None else []
        status = await self.answer(scope, receive, recorded.send, headers=headers, fault=fault)
        recorded.finish(status)
        return None


def application(toy: Toy) -> Starlette:
    async def me(_: Request) -> Response:
        return answer({"account": toy.account})

    async def listed(request: Request) -> Response:
        query = request.query_params
        after, before = float(query.get("after", "-inf")), float(query.get("before", "inf"))
        page, size = int(query["page"]), int(query["per_page"])

        def start(item: dict[str, Any]) -> float:
            return datetime.fromisoformat(item["begin"]).timestamp()

        found = sorted((item for item in toy.items.values() if after < start(item) < before), key=start, reverse=True)
        here = found[(page - 1) * size : page * size]
        return answer({"items": here, "more": len(found) > page * size})

    async def one(request: Request) -> Response:
        item = toy.items.get(request.path_params["key"])
        if item is not None and request.method == "PUT":
            sent = await request.json()
            item["title"] = sent["title"]
            toy.journal.record_write(toy.clock.now(), "PUT", request.url.path, sent, 200)
        return answer({"message": "none"}, 404) if item is None else answer(item)

    async def uploaded(request: Request) -> Response:
        if request.method == "POST":
            sent = await request.json()
            toy.uploads[sent["external_id"]] = sent["sha256"]
            toy.journal.record_write(toy.clock.now(), "POST", request.url.path, sent, 200)
        return answer({"files": toy.uploads})

    async def file(request: Request) -> Response:
        content = toy.files.get(request.path_params["key"])
        return (
            answer({"message": "none"}, 404)
            if content is None
            else Response(content, media_type="application/gpx" if content.startswith(b"<") else "application/fit")
        )

    async def bikes(_: Request) -> Response:
        return answer([{"key": key, "label": label} for key, label in toy.bikes.items()])

    routes = [
        Route("/me", me),
        Route("/activities", listed),
        Route("/activities/{key:path}/file", file),
        Route("/activities/{key:path}", one, methods=["GET", "PUT"]),
        Route("/bikes", bikes),
        Route("/uploads", uploaded, methods=["GET", "POST"]),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(ToyGate, state=toy)])
    app.state.emulator = toy
    return app
