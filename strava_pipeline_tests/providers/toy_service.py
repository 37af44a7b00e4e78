"""The toy service on this machine: a few activities in memory. It stands for a folder ingest/NAME/emulator."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strava_pipeline.emulator import base
from strava_pipeline.emulator.service import answer
from strava_pipeline_tests.providers.toy.client import KEY

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Toy(base.EmulatedService):
    """What the toy knows. `items` by key; whoever asks sees those of `account`."""

    title, activity, identifier = "Toy", r"/activities/(.+)/file", r"(?<=/activities/).+(?=/file)"

    account: str = "toy-account"
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    bikes: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, begin: str, **more: Any) -> None:
        """An activity of the account; `begin` on the athlete's clock, as 2026-01-31T07:00:00+01:00."""
        self.items[key] = {"key": key, "begin": begin, "kind": "cycle", "title": key, **more}

    async def get_account(self, _: Request) -> Response:
        return answer({"account": self.account})

    async def listed(self, request: Request) -> Response:
        query = request.query_params
        after, before = float(query.get("after", "-inf")), float(query.get("before", "inf"))
        page, size = int(query["page"]), int(query["per_page"])

        def start(item: dict[str, Any]) -> float:
            return datetime.fromisoformat(item["begin"]).timestamp()

        found = sorted((item for item in self.items.values() if after < start(item) < before), key=start, reverse=True)
        return answer({"items": found[(page - 1) * size : page * size], "more": len(found) > page * size})

    async def one(self, request: Request) -> Response:
        item = self.items.get(request.path_params["key"])
        return self.error(404) if item is None else answer(item)

    async def edit(self, request: Request) -> Response:
        sent, item = await base.sent_json(request), self.items.get(request.path_params["key"])
        if item is None:
            return self.error(404)
        item["title"] = sent["title"]
        return self.written(request, sent, answer(item))

    async def file(self, request: Request) -> Response:
        content = self.files.get(request.path_params["key"])
        return self.content(content, "application/gpx" if (content or b"").startswith(b"<") else "application/fit")

    async def list_bikes(self, _: Request) -> Response:
        return answer([{"key": key, "label": label} for key, label in self.bikes.items()])

    async def list_uploads(self, _: Request) -> Response:
        return answer({"files": self.uploads})

    async def upload(self, request: Request) -> Response:
        sent = await base.sent_json(request)
        self.uploads[sent["external_id"]] = sent["sha256"]
        return self.written(request, sent, await self.list_uploads(request))


def new_toy() -> Toy:
    return Toy.starting(NOW, key=KEY)


def application(toy: Toy) -> Starlette:
    routes = [
        Route("/me", toy.get_account),
        Route("/activities", toy.listed),
        Route("/activities/{key:path}/file", toy.file),
        Route("/activities/{key:path}", toy.one),
        Route("/activities/{key:path}", toy.edit, methods=["PUT"]),
        Route("/bikes", toy.list_bikes),
        Route("/uploads", toy.list_uploads),
        Route("/uploads", toy.upload, methods=["POST"]),
    ]
    return base.application(toy, routes)
