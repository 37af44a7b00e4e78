"""The parts that every emulated service is built from: JSON answers, errors, a clock, counting windows, a journal of calls.

No paths and no middleware (gate.py), and nothing that only one service does.
"""

import json
import re
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

from starlette.responses import Response

Json = dict[str, Any]

JSON_TYPE = "application/json; charset=utf-8"
JOURNAL_LENGTH = 10_000  # calls: a backfill of the default athlete several times over


class EmulatorConfigError(ValueError):
    """An option or the dataset file does not allow an emulator; the message says what to change."""


class OrderError(ValueError):
    """An order below /_emulator can't be carried out; the message is sent as the answer."""


def dumps(value: object) -> bytes:
    """Compact JSON. Integers of any size and floats keep their kind; a lone surrogate is escaped, not refused."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def answer(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(dumps(value), status, media_type=JSON_TYPE)


class Clock:
    """The emulator's own time: a start, plus real time multiplied by a speed, plus jumps.

    Whatever depends on time (tokens, limits, which activities exist, the Date header) asks this clock.
    `steady` is a monotonic clock in seconds; tests may pass their own.
    """

    def __init__(self, start: datetime, speed: float, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._base = start.timestamp()
        self._since = steady()
        self._speed = speed

    def epoch(self) -> float:
        """Now, in seconds since 1970-01-01 UTC."""
        return self._base + (self._steady() - self._since) * self._speed

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.fromtimestamp(self.epoch(), UTC)

    def http_date(self, ahead: float = 0) -> bytes:
        """Now, or `ahead` seconds later, as the Date header writes it (whole seconds)."""
        return formatdate(self.epoch() + ahead, usegmt=True).encode()

    def advance(self, seconds: float) -> None:
        """Jump ahead by seconds of emulator time."""
        self._base += seconds

    def set(self, moment: datetime) -> None:
        """Jump to a moment; the speed stays the same."""
        self._base, self._since = moment.timestamp(), self._steady()

    def set_speed(self, speed: float) -> None:
        """From now on, let `speed` emulator seconds pass in a real second."""
        self._base, self._since, self._speed = self.epoch(), self._steady(), speed


class WindowCount:
    """Calls in the current window. Windows follow one another from 1970-01-01 UTC on, `seconds` each; none is rolling."""

    def __init__(self, seconds: int) -> None:
        self.calls = 0
        self._seconds, self._window = seconds, -1

    def move_to(self, epoch: float) -> None:
        """Go to the window of an instant; a new window starts at 0."""
        window = int(epoch // self._seconds)
        if window != self._window:
            self._window, self.calls = window, 0


class Journal:
    """Every call of a client since the last reset, counted by endpoint, with the last calls in full.

    `total` counts the calls that use up a limit: all API calls except those answered with 401. `open` counts API calls
    without an answer so far; a call is recorded when it is answered, even if its client is gone by then.
    Args: `api` is the path that all API calls share; `token_path` the path of tokens; `activity` matches the path of one
    activity with its id as the first group; `identifier` matches what `{id}` replaces in an endpoint's name.
    """

    def __init__(self, *, api: str, token_path: str, activity: str, identifier: str) -> None:
        self._api, self._token_path = api, token_path
        self._activity, self._identifier = re.compile(activity), re.compile(identifier)
        self.open = 0
        self.reset()

    def reset(self) -> None:
        """Forget all recorded calls; the limits do not notice."""
        self.total = self.refused = self.unauthorized = self.token = 0
        self.by_endpoint: Counter[str] = Counter()
        self.details: Counter[str] = Counter()
        self.log: deque[tuple[str, str, str, int]] = deque(maxlen=JOURNAL_LENGTH)

    def record_api_call(self, now: datetime, method: str, path: str, query: str, status: int) -> None:
        """Record an API call; `path` begins after the API's own. Status 0 means that no answer was sent."""
        self._append(now, method, f"{self._api}{path}" + (f"?{query}" if query else ""), status)
        if status == 401:
            self.unauthorized += 1
            return
        self.total += 1
        if status == 429:
            self.refused += 1
            return
        endpoint = self._identifier.sub("{id}", path)
        self.by_endpoint[endpoint if method == "GET" else f"{method} {endpoint}"] += 1
        activity = self._activity.fullmatch(path)
        if activity and method == "GET":
            self.details[activity[1]] += 1

    def record_other_call(self, now: datetime, method: str, path: str, status: int) -> None:
        """Record a call outside the limits, without its query, which may hold a secret."""
        self._append(now, method, path, status)
        self.token += path == self._token_path

    def report(self) -> Json:
        """The answer to GET /_emulator/calls."""
        return {
            "open": self.open,
            "total": self.total,
            "refused": self.refused,
            "unauthorized": self.unauthorized,
            "token": self.token,
            "by_endpoint": dict(self.by_endpoint),
            "details": dict(self.details),
            "log": [list(entry) for entry in self.log],
        }

    def _append(self, now: datetime, method: str, path: str, status: int) -> None:
        self.log.append((now.isoformat(timespec="milliseconds"), method, path, status))
