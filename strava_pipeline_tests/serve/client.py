"""An intake really served on this machine, and a client that sends it anything, bytes included."""

import json
import queue
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from strava_pipeline.core.deliveries import Sender, intake_path
from strava_pipeline.ingest.strava.webhooks import WEBHOOKS
from strava_pipeline.lake.journal import ROOM, Received, unread
from strava_pipeline.lake.paths import Lake
from strava_pipeline.serve.app import create_app
from strava_pipeline.serve.server import serving

SECRET = "s3cret-of-the-path-1234567890"
PATH = intake_path("strava", SECRET)
NOW = datetime(2026, 11, 21, 6, 0, 0, 123456, UTC)
EVENT: dict[str, Any] = {
    "aspect_type": "create", "event_time": 1789000000, "object_id": 17000000001, "object_type": "activity",
    "owner_id": 4242, "subscription_id": 120475, "updates": {},
}  # fmt: skip


def event(**changes: Any) -> bytes:
    return json.dumps({**EVENT, **changes}).encode()


def body_of(line: bytes) -> bytes:
    """The body in a line of the inbox."""
    return Received.model_validate_json(line).body.encode()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def why(self) -> str:
        return str(json.loads(self.body)["message"])


@dataclass
class Intake:
    """`said`: the log's lines as they come; `lines` those that were taken from there."""

    lake: Lake
    url: str = ""
    said: "queue.Queue[str]" = field(default_factory=queue.Queue)
    lines: list[str] = field(default_factory=list)

    def connected(self) -> socket.socket:
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)

    def sent(self, raw: bytes) -> Answer:
        """The answer to these very bytes; a connection of its own."""
        with self.connected() as wire:
            wire.sendall(raw)
            return answer(wire)

    def get(self, path: str, method: str = "GET") -> Answer:
        return self.sent(f"{method} {path} HTTP/1.1\r\nHost: intake\r\nConnection: close\r\n\r\n".encode())

    def post(self, body: bytes, path: str = PATH) -> Answer:
        return self.sent(posted(body, path))

    def told(self) -> dict[str, Any]:
        """The log's next line."""
        line = self.said.get(timeout=20)
        self.lines.append(line)
        found: dict[str, Any] = json.loads(line)
        return found

    def kept(self) -> list[bytes]:
        """Every body in the inbox, in order."""
        return [body_of(line.content) for line in unread(self.lake.inbox_webhooks, {})]

    def received_at(self) -> list[datetime]:
        lines = unread(self.lake.inbox_webhooks, {})
        return [Received.model_validate_json(line.content).received_at for line in lines]


def posted(body: bytes, path: str = PATH, *headers: str) -> bytes:
    """A whole request."""
    head = (f"POST {path} HTTP/1.1", "Host: intake", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(head).encode() + body


def answer(wire: socket.socket, *, bodiless: bool = False) -> Answer:
    """Reads one answer, and no more of the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = wire.recv(1)
        assert byte, f"the connection ended after {head!r}"
        head += byte
    first, *rest = head.decode().strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in rest)}
    wanted, body = 0 if bodiless else int(headers.get("content-length", 0)), b""
    while len(body) < wanted:
        part = wire.recv(wanted - len(body))
        assert part, "the answer broke off"
        body += part
    return Answer(int(first.split()[1]), headers, body)


def ended(wire: socket.socket) -> bool:
    """Waits until the other side has hung up."""
    try:
        return wire.recv(1) == b""
    except ConnectionError:
        return True


@contextmanager
def intake(folder: Path, room: int = ROOM) -> Iterator[Intake]:
    made = Intake(Lake(folder))
    app = create_app(
        made.lake, senders={"strava": Sender(WEBHOOKS, SECRET)}, say=made.said.put, now=lambda: NOW, room=room
    )
    with serving(app) as made.url:
        yield made
    while not made.said.empty():
        made.told()
