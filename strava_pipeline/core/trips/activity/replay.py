"""Replay: what an algorithm decides of known trips beside what was decided then, batch by batch.

What is kept of a trip is one small record; its points go with its batch.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.json_text import json_bytes
from strava_pipeline.core.trips.activity.algorithms import Algorithm
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.confusion import Confusion
from strava_pipeline.core.trips.activity.decision import Decision, Verdict
from strava_pipeline.core.trips.activity.labels import STATUSES, Outcome, Truth, outcome, stored_verdict, truth
from strava_pipeline.core.trips.activity.thresholds import Thresholds

FORMAT = "activity-trip-replay/1"


@dataclass(frozen=True, slots=True)
class Replayed:
    """One trip: the stored verdict, the new one with its reasons, and which the label is nearer to."""

    external_id: str
    old: Verdict
    new: Verdict
    reasons: tuple[str, ...]
    truth: Truth | None
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """The trip as a replay tells it."""
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
class Decided:
    """What came of one batch: for each of the thresholds a record per trip, and a digest of each trip that went in."""

    sets: list[list[Replayed]]
    digests: list[bytes]


def decided(
    algorithm: Algorithm,
    sets: Sequence[Thresholds],
    bundles: Sequence[Bundle],
    statuses: Mapping[str, Verdict] = STATUSES,
) -> Decided:
    """The work of a replay or a sweep on one batch: all that needs the points."""
    known = [(stored_verdict(bundle, statuses), truth(bundle)) for bundle in bundles]
    return Decided(
        [
            [_beside(*trip) for trip in zip(bundles, decisions, known, strict=True)]
            for decisions in algorithm.decide_all(bundles, sets)
        ],
        [_digest(bundle) for bundle in bundles],
    )


def _digest(bundle: Bundle) -> bytes:
    """Which key opened a trip makes no other trip of it."""
    held = bundle.as_json()
    held["decryption"].pop("keyIndex")
    return hashlib.sha256(json_bytes(held)).digest()


class InputHash:
    """Of all trips that went in, in their order: two results with the same one are of the same trips."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, digests: Sequence[bytes]) -> None:
        """The next trips."""
        self._hash.update(b"".join(digests))

    def __str__(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class Replay:
    """One algorithm with one set of thresholds over batches of trips; `statuses` as in labels.STATUSES."""

    def __init__(
        self, algorithm: Algorithm, thresholds: Thresholds, statuses: Mapping[str, Verdict] = STATUSES
    ) -> None:
        self.algorithm = algorithm
        self.thresholds = thresholds
        self.trips: list[Replayed] = []
        self.confusion = Confusion()
        self.input_hash = InputHash()
        self.statuses = statuses

    def add(self, bundles: Sequence[Bundle]) -> None:
        """Decides of the next trips and counts them."""
        self.take(decided(self.algorithm, [self.thresholds], bundles, self.statuses))

    def take(self, batch: Decided) -> None:
        """Counts the next trips, decided elsewhere."""
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
            "old": _counted([trip.old for trip in self.trips]),
            "new": _counted([trip.new for trip in self.trips]),
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


def replayed(bundle: Bundle, decision: Decision, statuses: Mapping[str, Verdict] = STATUSES) -> Replayed:
    """One trip's decision beside what the source decided and what people said."""
    return _beside(bundle, decision, (stored_verdict(bundle, statuses), truth(bundle)))


def _beside(bundle: Bundle, decision: Decision, known: tuple[Verdict, Truth | None]) -> Replayed:
    old, told = known
    came = outcome(old, decision.verdict, told.label if told else None)
    return Replayed(bundle.external_id, old, decision.verdict, decision.reasons, told, came)


def _counted(verdicts: Sequence[Verdict]) -> dict[str, int]:
    counts = Counter(verdicts)
    return {verdict.value: counts[verdict] for verdict in Verdict}
