"""A car's answer at the moment of a ping, and limits on asking: how long, how many at once, how soon again.

An answer of a moment ago counts for the next ping too. The limits don't suit a scripted car, whose answers go by the
ping's time.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, Self

from strava_pipeline.trips.car.rules.lines import CarReading


class Trouble(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"  # no answer in time
    UNAVAILABLE = "unavailable"  # the service can't be reached, or fails
    TOO_MANY = "too_many_requests"  # the service refuses more questions for now
    LOGIN = "login_refused"
    MISCONFIGURED = "misconfigured"
    UNKNOWN_CAR = "unknown_car"  # the service, or our configuration, has no such car
    NO_ANSWER = "no_answer"  # the script has no answer
    FAILED = "failed"  # anything else


def unanswered(car_id: str, at: datetime, why: Trouble) -> CarReading:
    """The reading that replaces a missing answer."""
    return CarReading(car_id=car_id, answered_at=at, error=why.value)


class CarAdapter(Protocol):
    """A way of asking cars. `ask` never raises: errors are in the reading."""

    def ask(self, car_id: str, at: datetime, user_id: str) -> CarReading:
        """The state of that user's car now; `at` is the moment of the ping that asks for it."""


log = logging.getLogger(__name__)
_Key = tuple[str, str]  # user, car


class _Call:
    """One question under way, or answered. `waiting`: the number of waiting callers; `is_logged`: the log says that it hangs."""

    def __init__(self, begun: datetime) -> None:
        self.begun = begun
        self.done = threading.Event()
        self.reading: CarReading | None = None
        self.waiting = 0
        self.is_logged = False


class BoundedCars:
    """Asks an adapter from many threads: a caller waits for `seconds` at most, whatever the adapter does.

    At most `workers` cars are asked at once; a car that is being asked, or was in the last `keep_s` seconds, isn't asked again.
    The threads are daemons: one that hangs keeps no process alive.
    """

    def __init__(
        self,
        adapter: CarAdapter,
        clock: Callable[[], datetime],
        *,
        seconds: float = 10.0,
        workers: int = 4,
        keep_s: float = 10.0,
    ) -> None:
        self._adapter, self._clock = adapter, clock
        self._seconds, self._keep = seconds, timedelta(seconds=keep_s)
        self._free = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._calls: dict[_Key, _Call] = {}
        self.calls = 0
        """How often the adapter was asked."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the adapter finish; it must not wait for a question that hangs."""
        close = getattr(self._adapter, "close", None)
        if close is not None:
            close()

    def ask(self, car_id: str, at: datetime, user_id: str) -> CarReading:
        asked_at, key = self._clock(), (user_id, car_id)
        with self._lock:
            call = self._calls.get(key)
            if call is None or self._is_old(call, asked_at):
                call = self._calls[key] = _Call(asked_at)
                threading.Thread(target=self._work, args=(call, key, at), name="asking a car", daemon=True).start()
            call.waiting += 1
        # a question that hangs longer than that is not waited for
        left = self._seconds - (asked_at - call.begun).total_seconds()
        call.done.wait(max(0.0, left))
        with self._lock:
            call.waiting -= 1
            found = call.reading
            hangs = found is None and not call.is_logged
            call.is_logged |= hangs
        if hangs:
            log.warning(
                "Car %s of %s did not answer within %.0f s. Until it does, its pings count as unanswered; where it never does, "
                "restarting the intake asks again.",
                car_id,
                user_id,
                self._seconds,
            )
        return found or unanswered(car_id, self._clock(), Trouble.TIMEOUT)

    def _is_old(self, call: _Call, now: datetime) -> bool:
        return call.reading is not None and abs(now - call.reading.answered_at) > self._keep

    def _work(self, call: _Call, key: _Key, at: datetime) -> None:
        user_id, car_id = key
        with self._free:
            with self._lock:
                if not call.waiting:  # all callers have given up: nobody would get the answer
                    del self._calls[key]
                    return
                self.calls += 1
            try:
                reading = self._adapter.ask(car_id, at, user_id)
            except Exception as error:  # noqa: BLE001 - an adapter must not raise, but the caller needs an answer
                log.warning("asking a car failed (%s).", type(error).__name__)
                reading = unanswered(car_id, self._clock(), Trouble.FAILED)
        with self._lock:
            call.reading = reading
        call.done.set()
