"""From bundles to diagnoses: measured, judged, explained, and set beside what people said. Pure, a batch at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.decision import Verdict
from strava_pipeline.core.trips.activity.diagnosis import trip_diagnosis
from strava_pipeline.core.trips.activity.flip import flip_text, nearest_flip
from strava_pipeline.core.trips.activity.labels import STATUSES
from strava_pipeline.core.trips.activity.metrics import metrics_rows
from strava_pipeline.core.trips.activity.replay import replayed
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.verdict import judge


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A trip, its object of the JSON diagnosis, and the sentence of what would flip its verdict."""

    bundle: Bundle
    told: Mapping[str, Any]
    flip: str


def diagnose(
    bundles: Sequence[Bundle],
    thresholds: Thresholds,
    routes: Mapping[str, float] | None = None,
    statuses: Mapping[str, Verdict] = STATUSES,
) -> list[Diagnosed]:
    """A diagnosis per bundle, in their order; `routes`: metres of a router, by external id."""
    rows = metrics_rows(bundles, thresholds, routes)
    return [_diagnosed(bundle, row, thresholds, statuses) for bundle, row in zip(bundles, rows, strict=True)]


def _diagnosed(
    bundle: Bundle, metrics: Mapping[str, Any], thresholds: Thresholds, statuses: Mapping[str, Verdict]
) -> Diagnosed:
    decision = judge(bundle.decryption.locations, metrics, thresholds)
    flip = nearest_flip(decision, thresholds)
    beside = replayed(bundle, decision, statuses)
    told = trip_diagnosis(
        bundle,
        metrics,
        decision,
        flip,
        beside.truth.label.value if beside.truth else None,
        beside.truth.source if beside.truth else None,
        beside.outcome.value,
    )
    return Diagnosed(bundle, told, flip_text(decision, flip, thresholds))
