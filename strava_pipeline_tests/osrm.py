"""A router on this machine: a real HTTP server that remembers the paths it was asked for and answers as told."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from strava_pipeline_tests.local_server import Quiet, serving

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

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.paths.append(self.path)
            status, body = made.answers.pop(0) if made.answers else (200, FOUND)
            if status:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

    with serving(Handler) as made.url:
        yield made


@pytest.fixture
def osrm_server() -> Iterator[Osrm]:
    with osrm() as running:
        yield running


def told(router: Any, caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a router warns of, all that failed at it included."""
    router.log_failures()
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
