"""What clients asked: counters by endpoint and a log of the last calls, for tests that count calls.

Calls of the control paths (/_emulator) are never in it. Resetting it does not touch the rate limits.
"""

import re
from collections import Counter, deque
from datetime import datetime

from strava_pipeline.emulator.wire import Json

LOG_LENGTH = 10_000  # enough for a backfill of the default athlete several times over


class CallLog:
    """`total` counts what counts in the limits: every API call but those answered with 401.

    `open`: API calls that came and are not answered yet. They are noted only when they are, even if who asked has died.
    """

    def __init__(self) -> None:
        self.open = 0
        self.reset()

    def reset(self) -> None:
        """Forget all that was noted."""
        self.total = self.refused = self.unauthorized = self.token = 0
        self.by_endpoint: Counter[str] = Counter()
        self.details: Counter[str] = Counter()
        self.log: deque[tuple[str, str, str, int]] = deque(maxlen=LOG_LENGTH)

    def api(self, now: datetime, method: str, path: str, query: str, status: int) -> None:
        """Note one API call; `path` is the one below /api/v3. A status of 0 means that no answer was sent."""
        self._note(now, method, f"/api/v3{path}" + (f"?{query}" if query else ""), status)
        if status == 401:
            self.unauthorized += 1
            return
        self.total += 1
        if status == 429:
            self.refused += 1
            return
        endpoint = re.sub(r"/(?:b|g)?\d+(?=/|$)", "/{id}", path)
        self.by_endpoint[endpoint if method == "GET" else f"{method} {endpoint}"] += 1
        detail = re.fullmatch(r"/activities/(\d+)", path)
        if detail and method == "GET":
            self.details[detail[1]] += 1

    def uncounted(self, now: datetime, method: str, path: str, status: int) -> None:
        """Note one call of OAuth or about subscriptions, without its query: it may hold a secret."""
        self._note(now, method, path, status)
        self.token += path == "/oauth/token"

    def report(self) -> Json:
        """The shape of GET /_emulator/calls."""
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

    def _note(self, now: datetime, method: str, path: str, status: int) -> None:
        self.log.append((now.isoformat(timespec="milliseconds"), method, path, status))
