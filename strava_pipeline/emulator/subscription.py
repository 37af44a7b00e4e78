"""The application's push subscription: at most one at a time. No HTTP; push_api.py answers for it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from strava_pipeline.emulator.wire import Json

FIRST_ID = 131_301


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where events go."""

    id: int
    application_id: int
    callback: str
    created_at: datetime

    def document(self) -> Json:
        """As Strava shows it."""
        at = self.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "id": self.id,
            "resource_state": 2,
            "application_id": self.application_id,
            "callback_url": self.callback,
            "created_at": at,
            "updated_at": at,
        }


class Subscriptions:
    """The one there is, and the ids of those to come: none is given twice."""

    def __init__(self, seed: int, client_id: str) -> None:
        self._seed, self._challenges, self._next = seed, 0, FIRST_ID
        self._application_id = int(client_id) if client_id.isdecimal() else 0
        self.current: Subscription | None = None

    def challenge(self) -> str:
        """What a callback must say back; follows from the seed and a counter."""
        self._challenges += 1
        return hashlib.sha256(f"{self._seed}:{self._challenges}:challenge".encode()).hexdigest()[:16]

    def begin(self, callback: str, now: datetime) -> Subscription:
        """Subscribe a callback."""
        self.current = Subscription(self._next, self._application_id, callback, now)
        self._next += 1
        return self.current

    def end(self, identity: str) -> bool:
        """Delete the subscription of that id; False if it isn't the one."""
        if self.current is None or str(self.current.id) != identity:
            return False
        self.current = None
        return True
