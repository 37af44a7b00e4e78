"""What people said of a trip (the label) and what the source decided, and whether another verdict would have been better.

No metrics and no rules: a label must not know what an algorithm thinks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from strava_pipeline.core.trips.activity.bundle import (
    MISSING_START_END,
    NOT_BIKE,
    RIDE_NOT_DETECTED,
    Bundle,
    entry_comment,
    submitted_at,
)
from strava_pipeline.core.trips.activity.decision import Verdict

STATUSES: Mapping[str, Verdict] = {"accepted": Verdict.ACCEPTED, "rejected": Verdict.REJECTED}
"""What a stored status means; every other needs review. A source with other names is read with a map of its own."""


PENDING = frozenset({"pending", "needs_review"})
"""Statuses of trips that the source itself has not decided of."""


class Label(StrEnum):
    """What the trip was."""

    RIDE = "ride"
    NOT_RIDE = "not_ride"


class Outcome(StrEnum):
    """A new verdict beside the old one: of a labelled trip better, same or worse, of another same or changed."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Truth:
    """A label and where it is from: `review` or `feedback`."""

    label: Label
    source: str


_REVIEWS = {"approved": Label.RIDE, "rejected": Label.NOT_RIDE}
_COMMENTS = {NOT_BIKE: Label.NOT_RIDE, RIDE_NOT_DETECTED: Label.RIDE, MISSING_START_END: Label.RIDE}


def truth(bundle: Bundle) -> Truth | None:
    """What a reviewer decided, else what the latest feedback that tells says; None: nobody told."""
    if bundle.review_status in _REVIEWS:
        return Truth(_REVIEWS[bundle.review_status], "review")
    latest, label = -float("inf"), None
    for entry in bundle.feedback:
        said = _COMMENTS.get(entry_comment(entry) or "")
        if said is not None and (submitted := submitted_at(entry)) >= latest:
            latest, label = submitted, said
    return None if label is None else Truth(label, "feedback")


def stored_verdict(bundle: Bundle, statuses: Mapping[str, Verdict] = STATUSES) -> Verdict:
    """What the source decided of a trip."""
    return statuses.get(bundle.status or "", Verdict.NEEDS_REVIEW)


def outcome(old: Verdict, new: Verdict, label: Label | None) -> Outcome:
    """Whether the new verdict is nearer to the label than the old one; without a label, whether it is another."""
    if label is None:
        return Outcome.SAME if new == old else Outcome.CHANGED
    gained = _score(new, label) - _score(old, label)
    if gained == 0:
        return Outcome.SAME
    return Outcome.BETTER if gained > 0 else Outcome.WORSE


def _score(verdict: Verdict, label: Label) -> float:
    if verdict not in (Verdict.ACCEPTED, Verdict.REJECTED):
        return 0.5
    return float((verdict is Verdict.ACCEPTED) == (label is Label.RIDE))
