"""Servers on this machine that answer as no server should: without end, as a gzip that unpacks to gigabytes, or drop by drop."""

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from itertools import repeat

from strava_pipeline_tests.local_server import Quiet, serving

MEGABYTE = bytes(1_000_000)
BOMB = gzip.compress(MEGABYTE, 1) * 200


@contextmanager
def hostile(answer: Callable[[BaseHTTPRequestHandler], object]) -> Iterator[str]:
    """A server's address; `answer` writes what comes behind the head of status 200."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):  # whoever asked has gone
                answer(self)

        def do_POST(self) -> None:
            self.do_GET()

    with serving(Handler) as address:
        yield address


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A body that never ends."""
    _head(handler)
    for piece in repeat(MEGABYTE):
        handler.wfile.write(piece)


def bomb(handler: BaseHTTPRequestHandler) -> None:
    """200 MB in less than one of gzip."""
    _head(handler, ("Content-Encoding", "gzip"))
    handler.wfile.write(BOMB)


def trickling(handler: BaseHTTPRequestHandler) -> None:
    """A byte each hundredth of a second, which no timeout for a piece of the answer notices."""
    _head(handler)
    _trickle(handler)


def trickling_chunk(handler: BaseHTTPRequestHandler) -> None:
    """The same of the size of a chunk, of which the body has not begun."""
    _head(handler, ("Transfer-Encoding", "chunked"))
    _trickle(handler, b"0")


def trickling_head(handler: BaseHTTPRequestHandler) -> None:
    """The same of the head, which has no end either."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Odd: ")
    _trickle(handler)


def continuing(handler: BaseHTTPRequestHandler) -> None:
    """Says again and again that the answer is about to come."""
    for _ in range(1_000):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        threading.Event().wait(0.01)


KINDS = (endless, bomb, trickling, trickling_chunk, trickling_head, continuing)


def _trickle(handler: BaseHTTPRequestHandler, drop: bytes = b" ") -> None:
    for _ in range(1_000):
        handler.wfile.write(drop)
        threading.Event().wait(0.01)


def _head(handler: BaseHTTPRequestHandler, *fields: tuple[str, str]) -> None:
    handler.send_response(200)
    for name, value in fields:
        handler.send_header(name, value)
    handler.end_headers()
