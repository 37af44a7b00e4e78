"""Sends events to the callback in a thread of its own, and all that can go wrong with them: lost, doubled, late, in disorder.

An event is sent up to three times, until the callback answers 200. Which change raises one is told in events.py.
"""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from itertools import count
from random import Random
from typing import Literal

from strava_pipeline.emulator.callback import post
from strava_pipeline.emulator.wire import Json, dumps

LOG_LENGTH = 100_000  # deliveries: a year of a busy club
END_SECONDS = 5.0  # a callback that hangs for longer is left to itself at the end


@dataclass(frozen=True, slots=True)
class Orders:
    """`lose` and `duplicate`: of the next so many events, or of a share of all (a float from 0 to 1).

    `shuffle`: so many are held back, then sent in another order. `hold`: none is sent. `timeout` and `pause` in
    seconds of the wall clock; the handshake has the same timeout.
    """

    lose: int | float = 0
    duplicate: int | float = 0
    shuffle: int = 0
    hold: bool = False
    attempts: int = 3  # developers.strava.com/docs/webhooks, as is the timeout
    timeout: float = 2.0
    pause: float = 1.0


@dataclass(slots=True)
class Delivery:
    """One event on its way. `statuses`: what the callback answered at each attempt; 0: nothing in time."""

    event: Json
    callback: str = field(repr=False)
    outcome: Literal["held", "waiting", "lost", "delivered", "failed"] = "held"
    statuses: list[int] = field(default_factory=list)

    def report(self) -> Json:
        """Without the callback: its path may hold a secret."""
        statuses = list(self.statuses)
        return {"event": self.event, "outcome": self.outcome, "attempts": len(statuses), "statuses": statuses}


class Deliveries:
    """All events so far and those under way. `send` posts to a URL within seconds and gives the status."""

    def __init__(
        self,
        seed: int,
        send: Callable[[str, bytes, float], int] = post,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.orders = Orders()
        self._send, self._steady, self._rng = send, steady, Random(f"{seed}:deliveries")
        self._log: deque[Delivery] = deque(maxlen=LOG_LENGTH)
        self._held: list[Delivery] = []
        self._queue: list[tuple[float, int, Delivery]] = []
        self._numbers, self._busy, self._ended = count(), False, False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, event: Json, callback: str) -> None:
        """Have an event sent, as the orders of this moment say. Returns at once."""
        with self._changed:
            if self._strikes("lose"):
                self._log.append(Delivery(event, callback, "lost"))
                return
            for _ in range(2 if self._strikes("duplicate") else 1):
                delivery = Delivery(event, callback)
                self._log.append(delivery)
                self._held.append(delivery)
            self._release()

    def order(self, **changes: int | float | bool) -> None:
        """Other orders from now on; what they no longer hold back is sent."""
        with self._changed:
            self.orders = replace(self.orders, **changes)  # type: ignore[arg-type]
            self._release()

    def idle(self, timeout: float) -> bool:
        """Wait until nothing is on its way, at most `timeout` seconds; events held back don't count. False: something is."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not (self._queue or self._busy), timeout)
            return not (self._queue or self._busy)

    def report(self) -> Json:
        """Orders, how many wait to be sent or sent again, and every delivery in the order of the events."""
        with self._changed:
            waiting = len(self._held) + len(self._queue) + self._busy
            log = [delivery.report() for delivery in self._log]
            return {"orders": asdict(self.orders), "waiting": waiting, "deliveries": log}

    def stop(self) -> None:
        """Send nothing more; returns once what was being sent is done."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _strikes(self, name: Literal["lose", "duplicate"]) -> bool:
        wanted = getattr(self.orders, name)
        if isinstance(wanted, float):
            return self._rng.random() < wanted
        if wanted > 0:
            self.orders = replace(self.orders, **{name: wanted - 1})
        return bool(wanted > 0)

    def _release(self) -> None:
        """Queue what the orders don't hold back."""
        if self.orders.hold:
            return
        size = self.orders.shuffle
        if size > 1:
            while len(self._held) >= size:
                self._put(self._disordered(self._held[:size]))
                del self._held[:size]
        else:
            self._put(self._held)
            self._held = []

    def _disordered(self, batch: list[Delivery]) -> list[Delivery]:
        """In another order, whichever it is."""
        order = list(range(len(batch)))
        while order == sorted(order):
            self._rng.shuffle(order)
        return [batch[place] for place in order]

    def _put(self, batch: list[Delivery]) -> None:
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
                    again = self._steady() + self.orders.pause
                    heapq.heappush(self._queue, (again, next(self._numbers), delivery))
                self._changed.notify_all()

    def _next(self) -> Delivery | None:
        """The next that is due, waited for; None at the end."""
        with self._changed:
            while not self._ended:
                left = self._queue[0][0] - self._steady() if self._queue else None
                if left is not None and left <= 0:
                    self._busy = True
                    return heapq.heappop(self._queue)[2]
                self._changed.wait(left)
            return None
