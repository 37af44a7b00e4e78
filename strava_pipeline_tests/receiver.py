"""A receiver of messages on this machine: a real HTTP server that remembers what was posted and answers as told."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from strava_pipeline_tests.local_server import Quiet, serving

KEY = "T0KEN-IN-THE-PATH"


@dataclass
class Receiver:
    """`answers` are used up one by one; then it is 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[Any] = field(default_factory=list)  # the JSON of each body; of lines of JSON, a list
    kinds: list[str | None] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kind, body = self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))
            made.kinds.append(kind)
            lines = kind == "application/x-ndjson"
            made.got.append([json.loads(line) for line in body.splitlines()] if lines else json.loads(body))
            self.send_response(made.answers.pop(0) if made.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Handler) as address:
        made.url = f"{address}/hooks/{KEY}"
        yield made
