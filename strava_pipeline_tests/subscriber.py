"""A webhook's callback on this machine: a real HTTP server that says challenges back and remembers events.

`answers` are used up one by one, then it is 200; None hangs until the end. `handshake` is what a challenge is answered with.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from strava_pipeline_tests.local_server import Quiet, serving

Handshake = Callable[[dict[str, str]], tuple[int, bytes]]


def willing(query: dict[str, str]) -> tuple[int, bytes]:
    """As a callback should."""
    return 200, json.dumps({"hub.challenge": query["hub.challenge"]}).encode()


@dataclass
class Subscriber:
    """`base` is its address, `asked` the handshakes and `events` what was posted, with their paths; `url` is a callback."""

    base: str = ""
    handshake: Handshake | None = willing
    answers: list[int | None] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"{self.base}/hooks/S3CRET-IN-THE-PATH"


@contextmanager
def subscriber() -> Iterator[Subscriber]:
    made = Subscriber()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            made.asked.append((parts.path, query))
            self._answer(*(made.handshake(query) if made.handshake else (None, b"")))

        def do_POST(self) -> None:
            made.paths.append(self.path)
            made.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(made.answers.pop(0) if made.answers else 200, b"")

        def _answer(self, status: int | None, body: bytes) -> None:
            if status is None:
                made.over.wait(60)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as made.base:
        try:
            yield made
        finally:
            made.over.set()
