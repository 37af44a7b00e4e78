"""What the check in front of Dagster's web server lets through, and what it refuses: requests as browsers send them."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from strava_pipeline.serve.same_origin import SameOrigin

HOST = "127.0.0.1:3000"
OWN = {"host": HOST, "origin": f"http://{HOST}"}
JSON = {"content-type": "application/json"}
IMAGE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
FRAME = {**LINK, "sec-fetch-dest": "iframe"}
Headers = dict[str, str] | list[tuple[str, str]]


def asked(
    method: str, path: str, headers: Headers, *, listens_on: str = "127.0.0.1", names: tuple[str, ...] = ("mybox",)
) -> tuple[int, dict[str, str], bool]:
    """The status of the answer, its headers, and whether Dagster's application was called. `WS`: a WebSocket's upgrade."""
    said: list[Message] = []
    called: list[str] = []

    async def dagster(scope: Scope, receive: Receive, send: Send) -> None:
        called.append(scope["type"])
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def nothing() -> Message:
        raise AssertionError("a refusal reads nothing")

    async def note(message: Message) -> None:
        said.append(message)

    pairs = headers.items() if isinstance(headers, dict) else headers
    scope: dict[str, Any] = {
        "type": "websocket" if method == "WS" else "http",
        "path": path,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }
    if method != "WS":
        scope["method"] = method
    asyncio.run(SameOrigin(dagster, listens_on, names)(scope, nothing, note))
    first = said[0]
    answered = {name.decode(): value.decode() for name, value in first.get("headers", [])}
    statuses = {"websocket.accept": 101, "websocket.close": 403}  # uvicorn answers a close before the accept with 403
    return first.get("status", statuses.get(first["type"])), answered, bool(called)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"host": HOST}),
        ("GET", "/", {"host": HOST, "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}),  # typed by a person
        ("GET", "/runs/1", {"host": HOST, **LINK}),
        ("GET", "/graphql", {"host": HOST, "accept": "text/html,application/xhtml+xml", **LINK}),
        ("POST", "/graphql", {**OWN, **JSON, "sec-fetch-site": "same-origin"}),
        ("POST", "/graphql", {**OWN, "content-type": "Application/JSON; charset=utf-8"}),
        ("POST", "/graphql", {"host": HOST, **JSON}),  # a program
        ("POST", "/report_asset_materialization/x", {"host": HOST}),
        ("POST", "/graphql", {"host": "localhost:3000", "origin": "http://localhost:3000", **JSON}),
        ("POST", "/graphql", {"host": "[::1]:3000", "origin": "http://[::1]:3000", **JSON}),
        ("POST", "/graphql", {"host": "localhost:8080", "origin": "http://localhost:8080", **JSON}),  # a forwarded port
        ("POST", "/graphql", {"host": "localhost", "origin": "https://localhost", **JSON}),  # TLS ends before us
        ("POST", "/graphql", {"host": "192.168.1.20:3000", "origin": "http://192.168.1.20:3000", **JSON}),
        ("POST", "/graphql", {"host": "mybox:3000", "origin": "http://mybox:3000", **JSON}),
        ("WS", "/graphql", {**OWN}),
        ("WS", "/graphql", {"host": HOST}),  # a program; every browser names its origin
    ],
)
def test_its_own_pages_links_to_it_and_programs_are_answered(method: str, path: str, headers: Headers) -> None:
    status, _, reached = asked(method, path, headers)
    assert (status, reached) == (101 if method == "WS" else 200, True)


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        # another page's requests
        ("GET", "/graphql", {"host": HOST, **IMAGE}, 403),
        ("GET", "/graphql", {"host": HOST, "accept": "text/html", **FRAME}, 403),
        ("GET", "/", {"host": HOST, **FRAME}, 403),
        ("GET", "/logs/x", {"host": HOST, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, 403),
        ("POST", "/", {"host": HOST, **LINK}, 403),
        ("POST", "/graphql", {"host": HOST, "origin": "https://evil.example", **JSON}, 403),
        ("POST", "/graphql", {"host": HOST, "origin": "https://evil.example", "content-type": "text/plain"}, 403),
        ("POST", "/graphql", {"host": HOST, "origin": "null", **JSON}, 403),
        ("POST", "/graphql", {"host": HOST, "origin": "http://127.0.0.1:8723", **JSON}, 403),  # another port
        ("POST", "/graphql", {"host": HOST, "origin": "http://localhost:3000", **JSON}, 403),  # another name
        ("POST", "/graphql", {"host": HOST, "origin": f"http://{HOST}.evil.example", **JSON}, 403),
        ("POST", "/graphql", [("host", HOST), ("origin", f"http://{HOST}"), ("origin", "http://evil.example")], 403),
        ("OPTIONS", "/graphql", {"host": HOST, "origin": "https://evil.example"}, 403),
        ("WS", "/graphql", {"host": HOST, "origin": "https://evil.example"}, 403),
        ("WS", "/graphql", {"host": HOST, "sec-fetch-site": "cross-site", "sec-fetch-mode": "websocket"}, 403),
        # a name that leads here and is not ours (DNS rebinding): to the browser it is one origin
        ("GET", "/", {"host": "evil.example:3000"}, 403),
        ("POST", "/graphql", {"host": "evil.example:3000", "origin": "http://evil.example:3000", **JSON}, 403),
        ("POST", "/graphql", {"host": "evil.example", "sec-fetch-site": "same-origin", **JSON}, 403),
        ("WS", "/graphql", {"host": "evil.example:3000", "origin": "http://evil.example:3000"}, 403),
        ("GET", "/", {"host": "127.0.0.1.evil.example"}, 403),
        ("GET", "/", {"host": "evil.example@127.0.0.1"}, 403),
        ("GET", "/", {"host": "127.0.0.1:3000\n"}, 403),
        ("GET", "/", {"host": ""}, 403),
        ("GET", "/", {}, 403),
        ("GET", "/", [("host", HOST), ("host", "evil.example")], 403),
        # what no browser marks: GraphQL is posted, as JSON
        ("GET", "/graphql", {"host": HOST}, 405),
        ("GET", "/graphql\n", {"host": HOST}, 405),
        ("POST", "/graphql", {"host": HOST}, 415),
        ("POST", "/graphql", {"host": HOST, "content-type": "text/plain"}, 415),
        ("POST", "/graphql", {"host": HOST, "content-type": "application/x-www-form-urlencoded"}, 415),
    ],
)  # fmt: skip
def test_other_pages_are_refused_before_dagster_hears(method: str, path: str, headers: Headers, status: int) -> None:
    answer, answered, reached = asked(method, path, headers)
    assert (answer, reached) == (status, False)
    assert "access-control-allow-origin" not in answered


@pytest.mark.parametrize(
    ("listens_on", "host", "status"),
    [
        ("pipeline.lan", "pipeline.lan:3000", 200),
        ("pipeline.lan", "mybox:3000", 200),
        ("pipeline.lan", "other.lan:3000", 403),
        ("::1", "[::1]:3000", 200),
        ("::1", "::1", 403),  # no such Host header: an IPv6 address stands in brackets
        ("0.0.0.0", "192.168.1.20:3000", 200),
        ("0.0.0.0", "pipeline.lan:3000", 403),
    ],
)
def test_the_name_that_it_was_started_with_is_its_own(listens_on: str, host: str, status: int) -> None:
    assert asked("GET", "/", {"host": host}, listens_on=listens_on)[0] == status


def test_no_other_page_can_show_it_in_a_frame() -> None:
    _, answered, _ = asked("GET", "/", {"host": HOST})
    assert answered["x-frame-options"] == "SAMEORIGIN"


def test_the_start_and_end_of_the_server_reach_the_application() -> None:
    scopes: list[str] = []

    async def dagster(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope["type"])

    async def never(*_: Any) -> Any:
        raise AssertionError

    asyncio.run(SameOrigin(dagster, "127.0.0.1")({"type": "lifespan"}, never, never))
    assert scopes == ["lifespan"]
