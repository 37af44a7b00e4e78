"""Faults that a test orders: what goes wrong, for which calls, how often.

The plan only; gate.py and trouble.py make them happen.
"""

import math
from dataclasses import dataclass, field
from typing import Any

from strava_pipeline.emulator.errors import OrderError
from strava_pipeline.emulator.wire import Json

KINDS = frozenset({"status", "html", "truncate", "reset", "slow", "empty", "body", "raw", "short_page", "date"})
DEFAULT_STATUS = {"status": 500, "html": 502}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of trouble. `processed`: a reset comes after the work was done, so that only the answer is lost.

    `date`: the answer is right but for its Date header, which is `seconds` ahead, or `body`.
    `raw`: `body` is the whole answer as it goes over the wire, status line and headers included, a character a byte.
    """

    path: str
    kind: str
    status: int
    body: Any = None
    seconds: float = 2.0
    times: float = 1
    after: int = 0
    query: dict[str, str] = field(default_factory=dict)
    processed: bool = False
    mid_body: bool = False
    rows: int | None = None

    @classmethod
    def from_order(cls, order: Json) -> "Fault":
        """From the JSON of POST /_emulator/faults; raises OrderError."""
        path, kind = order.get("path"), order.get("kind")
        if not isinstance(path, str) or not path.startswith("/"):
            raise OrderError("A fault needs a path, as in /activities/123 or /oauth/token.")
        if kind not in KINDS:
            raise OrderError(f"Unknown kind {kind!r}: one of {', '.join(sorted(KINDS))}.")
        if kind == "raw" and not isinstance(order.get("body"), str):
            raise OrderError("A raw answer needs a body: all of it, from the status line on.")
        unknown = set(order) - set(cls.__dataclass_fields__)
        if unknown:
            raise OrderError(f"Unknown fields {', '.join(sorted(unknown))}.")
        try:
            times = float(order.get("times", 1))
            return cls(
                path=path.removeprefix("/api/v3") or "/",
                kind=kind,
                status=int(order.get("status", DEFAULT_STATUS.get(kind, 200))),
                body=order.get("body"),
                seconds=float(order.get("seconds", 2.0)),
                times=math.inf if times < 0 else times,
                after=int(order.get("after", 0)),
                query={str(key): str(value) for key, value in order.get("query", {}).items()},
                processed=bool(order.get("processed", False)),
                mid_body=bool(order.get("mid_body", False)),
                rows=None if order.get("rows") is None else int(order["rows"]),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise OrderError(f"The fault can't be read: {error}.") from error

    def matches(self, path: str, query: dict[str, str]) -> bool:
        """A prefix of whole path parts: /activities/12 does not match /activities/123."""
        prefix = self.path if self.path.endswith("/") else self.path + "/"
        return (path + "/").startswith(prefix) and all(query.get(key) == value for key, value in self.query.items())


class FaultPlan:
    """The faults still to come, in the order in which they were ordered; a call meets the first that matches."""

    def __init__(self) -> None:
        self._pending: list[tuple[Fault, list[float]]] = []

    def order(self, fault: Fault) -> None:
        """Add one."""
        self._pending.append((fault, [fault.after, fault.times]))

    def clear(self) -> None:
        """No more trouble."""
        self._pending.clear()

    def take(self, path: str, query: dict[str, str]) -> Fault | None:
        """The fault that this call meets, counted off."""
        for fault, left in self._pending:
            if not fault.matches(path, query):
                continue
            if left[0] > 0:
                left[0] -= 1
                continue
            left[1] -= 1
            if left[1] <= 0:
                self._pending = [(other, rest) for other, rest in self._pending if rest is not left]
            return fault
        return None
