"""What an algorithm decides of a trip, and what a person or program is told of it: small frozen records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What becomes of a trip."""

    ACCEPTED = "accepted"
    NEEDS_REVIEW = "needs_review"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Decision:
    """`reasons` are codes in the order of the rules, the first one `primary`; `metrics` the names of metrics.py."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def primary(self) -> str | None:
        return self.reasons[0] if self.reasons else None
