"""A router on this machine: a real HTTP server that remembers the paths it was asked for and answers as told."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

FOUND = b'{"code": "Ok", "routes": [{"distance": 1000.5}]}'


@dataclass
class Osrm:
    """`answers` (status and body; status 0: hangs up) are used up one by one; then each route has 1000.5 metres."""

    url: str = ""
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def osrm() -> Iterator[Osrm]:
    made = Osrm()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.paths.append(self.path)
            status, body = made.answers.pop(0) if made.answers else (200, FOUND)
            if status:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def osrm_server() -> Iterator[Osrm]:
    with osrm() as running:
        yield running


def told(router: Any, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a router warns of, all that failed at it included."""
    router.log_failures()
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
