"""Replay: an algorithm's decisions on past trips, compared with the stored decisions and with what people said.

A label is what people said; it must not depend on metrics or rules. The confusion counts verdicts against labels. One small
record of each trip is kept; its points are dropped with its batch.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.trips.activity.rules.bundle import (
    MISSING_START_END,
    NOT_BIKE,
    RIDE_NOT_DETECTED,
    Bundle,
    entry_comment,
    submitted_at,
)
from strava_pipeline.trips.activity.rules.thresholds import Thresholds
from strava_pipeline.trips.activity.rules.verdict import Algorithm, Decision, Verdict

STATUSES: Mapping[str, Verdict] = {"accepted": Verdict.ACCEPTED, "rejected": Verdict.REJECTED}
"""The verdict of each stored status; every other status needs review. A source with other names has a map of its own."""


PENDING = frozenset({"pending", "needs_review"})
"""Statuses of trips that the source has not decided on."""


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
    """A label and its source: `review` or `feedback`."""

    label: Label
    source: str


_REVIEWS = {"approved": Label.RIDE, "rejected": Label.NOT_RIDE}
_COMMENTS = {NOT_BIKE: Label.NOT_RIDE, RIDE_NOT_DETECTED: Label.RIDE, MISSING_START_END: Label.RIDE}


def truth(bundle: Bundle) -> Truth | None:
    """The label by the reviewer's decision, else by the latest feedback with a telling comment; None without either."""
    if bundle.review_status in _REVIEWS:
        return Truth(_REVIEWS[bundle.review_status], "review")
    latest, label = -float("inf"), None
    for entry in bundle.feedback:
        commented = _COMMENTS.get(entry_comment(entry) or "")
        if commented is not None and (submitted := submitted_at(entry)) >= latest:
            latest, label = submitted, commented
    return None if label is None else Truth(label, "feedback")


def stored_verdict(bundle: Bundle, statuses: Mapping[str, Verdict] = STATUSES) -> Verdict:
    """The source's own decision on a trip."""
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


_CELLS = {
    (Label.RIDE, Verdict.ACCEPTED): "TP",
    (Label.NOT_RIDE, Verdict.ACCEPTED): "FP",
    (Label.NOT_RIDE, Verdict.REJECTED): "TN",
    (Label.RIDE, Verdict.REJECTED): "FN",
}
_NAMES = (*_CELLS.values(), "review_ride", "review_not_ride", *(outcome.value for outcome in Outcome))


class Confusion:
    """Counts over trips, one `add` each: the cells over labelled ones, the outcomes over all."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_NAMES, 0)

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def add(self, verdict: Verdict, label: Label | None, outcome: Outcome) -> None:
        """Count one trip."""
        self._counts[outcome.value] += 1
        if label is not None:
            self._counts[_CELLS.get((label, verdict), f"review_{label.value}")] += 1

    @property
    def precision(self) -> float | None:
        """Of the accepted, the share of rides; None where none was accepted."""
        return _share(self["TP"], self["FP"])

    @property
    def recall(self) -> float | None:
        """Of the rides decided, the share accepted; None where none was decided."""
        return _share(self["TP"], self["FN"])

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; None where one is None or both are 0."""
        precision, recall = self.precision, self.recall
        if precision is None or recall is None or precision + recall == 0:
            return None
        return 2 * precision * recall / (precision + recall)

    def as_json(self) -> dict[str, int]:
        """The counts."""
        return dict(self._counts)

    def scores(self) -> dict[str, float | None]:
        """The three measures."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def _share(of: int, others: int) -> float | None:
    return of / (of + others) if of + others else None


FORMAT = "activity-trip-replay/1"


@dataclass(frozen=True, slots=True)
class ReplayedTrip:
    """One trip: the stored verdict, the new one with its reasons, and which the label is nearer to."""

    external_id: str
    old: Verdict
    new: Verdict
    reasons: tuple[str, ...]
    truth: Truth | None
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """The trip in a replay."""
        return {
            "externalId": self.external_id,
            "old": self.old.value,
            "new": self.new.value,
            "label": self.truth.label.value if self.truth else None,
            "label_source": self.truth.source if self.truth else None,
            "outcome": self.outcome.value,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class DecidedBatch:
    """The decisions on one batch: for each of the thresholds a record per trip, and a digest of each trip."""

    sets: list[list[ReplayedTrip]]
    digests: list[bytes]


def decide_batch(
    algorithm: Algorithm,
    sets: Sequence[Thresholds],
    bundles: Sequence[Bundle],
    statuses: Mapping[str, Verdict] = STATUSES,
) -> DecidedBatch:
    """Decide on one batch for a replay or a sweep: the part that needs the points."""
    stored = [(stored_verdict(bundle, statuses), truth(bundle)) for bundle in bundles]
    return DecidedBatch(
        [
            [_compared(*trip) for trip in zip(bundles, decisions, stored, strict=True)]
            for decisions in algorithm.decide_all(bundles, sets)
        ],
        [_digest(bundle) for bundle in bundles],
    )


def _digest(bundle: Bundle) -> bytes:
    """The same for a trip whichever key opened it."""
    held = bundle.as_json()
    held["decryption"].pop("keyIndex")
    return hashlib.sha256(json_bytes(held)).digest()


class InputHash:
    """The hash of all trips, in their order: two results with one hash are of the same trips."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, digests: Sequence[bytes]) -> None:
        """The next trips."""
        self._hash.update(b"".join(digests))

    def __str__(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class Replay:
    """One algorithm with one set of thresholds over batches of trips; `statuses` as in STATUSES."""

    def __init__(
        self, algorithm: Algorithm, thresholds: Thresholds, statuses: Mapping[str, Verdict] = STATUSES
    ) -> None:
        self.algorithm = algorithm
        self.thresholds = thresholds
        self.trips: list[ReplayedTrip] = []
        self.confusion = Confusion()
        self.input_hash = InputHash()
        self.statuses = statuses

    def add(self, bundles: Sequence[Bundle]) -> None:
        """Decide on the next trips and count them."""
        self.count(decide_batch(self.algorithm, [self.thresholds], bundles, self.statuses))

    def count(self, batch: DecidedBatch) -> None:
        """Count the next trips, decided elsewhere."""
        (added,) = batch.sets
        self.input_hash.add(batch.digests)
        for trip in added:
            self.confusion.add(trip.new, trip.truth.label if trip.truth else None, trip.outcome)
        self.trips.extend(added)

    def totals(self) -> dict[str, Any]:
        """How many trips, labels, old and new verdicts, outcomes; the confusion and its measures."""
        return {
            "trips": len(self.trips),
            "labelled": sum(trip.truth is not None for trip in self.trips),
            "old": _verdict_counts([trip.old for trip in self.trips]),
            "new": _verdict_counts([trip.new for trip in self.trips]),
            **self.confusion.as_json(),
            **self.confusion.scores(),
        }

    def as_json(self) -> dict[str, Any]:
        """The whole replay; for the same trips always the same."""
        return {
            "format": FORMAT,
            "algorithm": self.algorithm.full_name,
            "thresholds_version": self.thresholds.version,
            "thresholds": dict(self.thresholds.values),
            "input_hash": str(self.input_hash),
            "totals": self.totals(),
            "trips": [trip.as_json() for trip in self.trips],
        }


def replayed(bundle: Bundle, decision: Decision, statuses: Mapping[str, Verdict] = STATUSES) -> ReplayedTrip:
    """One trip's decision, compared with the source's decision and with what people said."""
    return _compared(bundle, decision, (stored_verdict(bundle, statuses), truth(bundle)))


def _compared(bundle: Bundle, decision: Decision, stored: tuple[Verdict, Truth | None]) -> ReplayedTrip:
    old, label = stored
    compared = outcome(old, decision.verdict, label.label if label else None)
    return ReplayedTrip(bundle.external_id, old, decision.verdict, decision.reasons, label, compared)


def _verdict_counts(verdicts: Sequence[Verdict]) -> dict[str, int]:
    counts = Counter(verdicts)
    return {verdict.value: counts[verdict] for verdict in Verdict}
