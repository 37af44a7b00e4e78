"""Replay: what an algorithm decides of known trips beside what was decided then, batch by batch.

What is kept of a trip is one small record; its points go with its batch.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


class Replay:
    """One algorithm with one set of thresholds over batches of trips; `statuses` as in labels.STATUSES."""

    def __init__(
        self, algorithm: Algorithm, thresholds: Thresholds, statuses: Mapping[str, Verdict] = STATUSES
    ) -> None:
        self.algorithm = algorithm
        self.thresholds = thresholds
        self.trips: list[Replayed] = []
        self.confusion = Confusion()
        self._statuses = statuses

    def add(self, bundles: Sequence[Bundle]) -> list[Replayed]:
        """Decides of the next trips, counts them and gives what came out."""
        (decisions,) = self.algorithm.decide_all(bundles, [self.thresholds])
        added = [self._beside(bundle, decision) for bundle, decision in zip(bundles, decisions, strict=True)]
        for trip in added:
            self.confusion.add(trip.new, trip.truth.label if trip.truth else None, trip.outcome)
        self.trips.extend(added)
        return added

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
            "totals": self.totals(),
            "trips": [trip.as_json() for trip in self.trips],
        }

    def _beside(self, bundle: Bundle, decision: Decision) -> Replayed:
        """The decision beside what the source decided and what people said."""
        old, told = stored_verdict(bundle, self._statuses), truth(bundle)
        came = outcome(old, decision.verdict, told.label if told else None)
        return Replayed(bundle.external_id, old, decision.verdict, decision.reasons, told, came)


def _counted(verdicts: Sequence[Verdict]) -> dict[str, int]:
    counts = Counter(verdicts)
    return {verdict.value: counts[verdict] for verdict in Verdict}
