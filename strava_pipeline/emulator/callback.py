"""Calls to a subscriber's callback: the handshake's GET and the POST of an event. To this machine only.

Which event is due, and whether it is tried again, is decided in deliveries.py.
"""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from strava_pipeline.emulator.wire import JSON_TYPE

NO_ANSWER = 0  # in place of a status
LARGEST = 64 * 1024  # bytes of an answer that are looked at


def is_here(url: str) -> bool:
    """Whether an address is plain HTTP to this machine, by number or as localhost."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:  # another name, half an IPv6 address, a port that is no number
        return False


def shown(url: str) -> str:
    """What may be told of a callback: host and port. Its path may hold a secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def ask(url: str, query: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
    """GET with more parameters: status and body of what came whole within `seconds`, else NO_ANSWER."""
    separator = "&" if urlsplit(url).query else "?"
    return _exchange("GET", f"{url}{separator}{urlencode(query)}", None, seconds)


def post(url: str, body: bytes, seconds: float) -> int:
    """POST JSON: the status of what came whole within `seconds`, else NO_ANSWER."""
    return _exchange("POST", url, body, seconds)[0]


def _exchange(method: str, url: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    headers = {} if body is None else {"Content-Type": JSON_TYPE}
    try:
        connection.connect()
        end = threading.Timer(seconds, _cut, [connection.sock])  # the timeout holds for each piece, not for all
        end.daemon = True
        end.start()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST)
        finally:
            end.cancel()
    except (OSError, HTTPException, ValueError):
        return NO_ANSWER, b""
    finally:
        connection.close()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
