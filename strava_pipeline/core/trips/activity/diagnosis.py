"""The JSON diagnosis of one trip: what `diagnose --format json` writes, and what the reports are made of. No positions, no
feedback. Many trips as one output are reports.py's.
"""

from collections.abc import Mapping
from typing import Any

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.decision import Decision
from strava_pipeline.core.trips.activity.flip import Flip
from strava_pipeline.core.trips.activity.missing_ride import missing_ride
from strava_pipeline.core.trips.activity.redaction import safe_text

FORMAT = "activity-trip-diagnosis/1"


def trip_diagnosis(
    bundle: Bundle,
    metrics: Mapping[str, Any],
    decision: Decision,
    flip: Flip | None,
    label: str | None,
    label_source: str | None,
    outcome: str,
) -> dict[str, Any]:
    """One trip of the diagnosis, its keys in the order in which they are written."""
    states = bundle.decryption.as_json()
    key_index = states.pop("keyIndex")
    missing = missing_ride(bundle)
    return {
        "externalId": bundle.external_id,
        "decryption": states,
        "metrics": {**metrics, "activity_mix": _safe_mix(metrics.get("activity_mix") or {})},
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
        "primary": decision.primary,
        "nearest_flip": None if flip is None else flip.as_json(),
        "label": label,
        "label_source": label_source,
        "outcome_vs_stored": outcome,
        "key_index": key_index,
        "has_diagnostic": missing is not None,
        "missing_ride": missing,
    }


def _safe_mix(mix: Mapping[str, float]) -> dict[str, float]:
    """By name; what a phone calls an activity is text of its own. Names that look alike without a place are one."""
    told: dict[str, float] = {}
    for name, share in sorted(mix.items()):
        shown = safe_text(name)
        told[shown] = told[shown] + share if shown in told else share
    return told
