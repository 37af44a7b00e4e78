"""Sends webhook events of any emulated service to a callback on this machine, with faults: lost, doubled, late, out of order.

Which change raises an event, and who subscribes, is the service's business (strava/changes.py, strava/application_api.py).
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from itertools import count
from random import Random
from types import MappingProxyType
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, Field

from strava_pipeline.emulator.service import JSON_TYPE, Json, dumps, ordered

NO_ANSWER = 0  # in place of a status
LARGEST_ANSWER = 64 * 1024  # bytes; more is not read
JOURNAL_LENGTH = 100_000  # deliveries: a year of a busy club
END_SECONDS = 5.0  # at the end, a callback that hangs for longer is not waited for


LONGEST_WAIT = 600.0  # seconds
_Some = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, le=1)]


class Orders(BaseModel, frozen=True, extra="forbid", strict=True):
    """The handling of events. `lose` and `duplicate`: a number of the next events, or a share of all (a float from 0 to 1).

    `shuffle`: that many events are held back, then sent in another order. `hold`: no event is sent. `timeout` and
    `pause` (between attempts) in real seconds; the handshake has the same timeout. `growth`: the factor by which each
    pause is longer than the one before.
    """

    lose: _Some = 0
    duplicate: _Some = 0
    shuffle: int = Field(0, ge=0)
    hold: bool = False
    attempts: int = Field(3, ge=1)  # Strava's, like the timeout: developers.strava.com/docs/webhooks
    timeout: float = Field(2.0, ge=0.001, le=LONGEST_WAIT)
    pause: float = Field(1.0, ge=0, le=LONGEST_WAIT)
    growth: float = Field(1.0, ge=1, le=LONGEST_WAIT)


@dataclass(slots=True)
class Delivery:
    """One event under way. `statuses`: the callback's answer to each attempt, 0 if none came in time."""

    event: Json
    callback: str = field(repr=False)
    outcome: Literal["held", "waiting", "lost", "delivered", "failed"] = "held"
    statuses: list[int] = field(default_factory=list)

    def report(self) -> Json:
        """The delivery without its callback, whose path may hold a secret."""
        statuses = list(self.statuses)
        return {"event": self.event, "outcome": self.outcome, "attempts": len(statuses), "statuses": statuses}


class Deliveries:
    """Sends events in a thread of its own and keeps a journal of them; an event is sent until the callback answers 200.

    Args: `send` posts a body to a URL within seconds and returns the status; `steady` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        seed: int,
        send: Callable[[str, bytes, float], int] | None = None,
        steady: Callable[[], float] = time.monotonic,
        orders: Orders = Orders(),
    ) -> None:
        self.orders = orders
        self._send, self._steady, self._rng = send or post, steady, Random(f"{seed}:deliveries")
        self._log: deque[Delivery] = deque(maxlen=JOURNAL_LENGTH)
        self._held: list[Delivery] = []
        self._queue: list[tuple[float, int, Delivery]] = []
        self._numbers, self._busy, self._ended = count(), False, False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, event: Json, callback: str) -> None:
        """Send an event by the present orders; returns at once."""
        with self._changed:
            if self._applies("lose"):
                self._log.append(Delivery(event, callback, "lost"))
                return
            for _ in range(2 if self._applies("duplicate") else 1):
                delivery = Delivery(event, callback)
                self._log.append(delivery)
                self._held.append(delivery)
            self._release()

    def order(self, **changes: object) -> None:
        """Change orders; events that are no longer held back are sent. Raises OrderError; then nothing is changed."""
        with self._changed:
            self.orders = ordered(Orders, self.orders.model_dump() | changes)
            self._release()

    def idle(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until no event is under way, except those held back; returns whether that happened."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not (self._queue or self._busy), timeout)
            return not (self._queue or self._busy)

    def report(self) -> Json:
        """The orders, how many events wait to be sent or sent again, and every delivery in the order of the events."""
        with self._changed:
            waiting = len(self._held) + len(self._queue) + self._busy
            log = [delivery.report() for delivery in self._log]
            return {"orders": self.orders.model_dump(), "waiting": waiting, "deliveries": log}

    def stop(self) -> None:
        """Send no more events; returns when the present one is sent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _applies(self, name: Literal["lose", "duplicate"]) -> bool:
        amount = getattr(self.orders, name)
        if isinstance(amount, float):
            return self._rng.random() < amount
        if amount > 0:
            self.orders = self.orders.model_copy(update={name: amount - 1})
        return bool(amount > 0)

    def _release(self) -> None:
        """Queue the events that are not held back."""
        if self.orders.hold:
            return
        size = self.orders.shuffle
        if size > 1:
            while len(self._held) >= size:
                self._queue_all(self._shuffled(self._held[:size]))
                del self._held[:size]
        else:
            self._queue_all(self._held)
            self._held = []

    def _shuffled(self, batch: list[Delivery]) -> list[Delivery]:
        """The batch in a different order."""
        places = list(range(len(batch)))
        while places == sorted(places):
            self._rng.shuffle(places)
        return [batch[place] for place in places]

    def _queue_all(self, batch: list[Delivery]) -> None:
        for delivery in batch:
            delivery.outcome = "waiting"
            heapq.heappush(self._queue, (self._steady(), next(self._numbers), delivery))
        if batch and self._thread is None and not self._ended:
            self._thread = threading.Thread(target=self._work, name="emulator-deliveries", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            status = self._send(delivery.callback, dumps(delivery.event), self.orders.timeout)
            with self._changed:
                self._busy = False
                delivery.statuses.append(status)
                if status == 200:
                    delivery.outcome = "delivered"
                elif len(delivery.statuses) >= self.orders.attempts:
                    delivery.outcome = "failed"
                else:
                    retry_at = self._steady() + self.orders.pause * self.orders.growth ** (len(delivery.statuses) - 1)
                    heapq.heappush(self._queue, (retry_at, next(self._numbers), delivery))
                self._changed.notify_all()

    def _next(self) -> Delivery | None:
        """Wait for the next delivery that is due; None at the end."""
        with self._changed:
            while not self._ended:
                left = self._queue[0][0] - self._steady() if self._queue else None
                if left is not None and left <= 0:
                    self._busy = True
                    return heapq.heappop(self._queue)[2]
                self._changed.wait(left)
            return None


def is_local(url: str) -> bool:
    """Whether a URL is plain HTTP to this machine, by a loopback address or as localhost."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:  # another name, an incomplete IPv6 address, an invalid port
        return False


def shown_address(url: str) -> str:
    """Host and port of a callback, the only parts that may be shown, because its path may contain a secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def ask(url: str, query: Mapping[str, str], seconds: float) -> tuple[int, bytes]:
    """GET with added parameters: status and body of an answer within `seconds`, otherwise NO_ANSWER."""
    separator = "&" if urlsplit(url).query else "?"
    return _exchange("GET", f"{url}{separator}{urlencode(query)}", seconds)


def post(url: str, body: bytes, seconds: float, headers: Mapping[str, str] = MappingProxyType({})) -> int:
    """POST JSON: the status of an answer within `seconds`, otherwise NO_ANSWER."""
    return _exchange("POST", url, seconds, body=body, headers={"Content-Type": JSON_TYPE, **headers})[0]


def _exchange(method: str, url: str, seconds: float, **sent: Any) -> tuple[int, bytes]:
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request(method, path, **sent)
        answer = connection.getresponse()
        return answer.status, answer.read(LARGEST_ANSWER)
    except (OSError, HTTPException, ValueError):
        return NO_ANSWER, b""
    finally:
        connection.close()
