"""The JSON diagnosis: what `diagnose --format json` writes, and what the reports are made of. No positions, no feedback."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from strava_pipeline.core.json_text import json_text
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.decision import Decision
from strava_pipeline.core.trips.activity.missing_ride import missing_ride

FORMAT = "activity-trip-diagnosis/1"


def trip_diagnosis(
    bundle: Bundle,
    metrics: Mapping[str, Any],
    decision: Decision,
    flip: Mapping[str, Any] | None,
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
        "metrics": {**metrics, "activity_mix": dict(sorted((metrics.get("activity_mix") or {}).items()))},
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
        "primary": decision.primary,
        "nearest_flip": flip,
        "label": label,
        "label_source": label_source,
        "outcome_vs_stored": outcome,
        "key_index": key_index,
        "has_diagnostic": missing is not None,
        "missing_ride": missing,
    }


def diagnosis(
    trips: Iterable[Mapping[str, Any]],
    thresholds_version: str,
    *,
    keys_used: Mapping[str, int],
    counts: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole: `trips` of `trip_diagnosis`, in the order of the selection; `counts`: per column and state."""
    return {
        "format": FORMAT,
        "thresholds_version": thresholds_version,
        "keys_used": dict(sorted(keys_used.items(), key=lambda used: int(used[0]))),
        "counts": dict(counts),
        "trips": list(trips),
    }


def diagnosis_json(whole: Mapping[str, Any]) -> bytes:
    """A diagnosis as bytes, the same ones for the same trips. NaN, which JSON has no word for, is null."""
    try:
        return orjson.dumps(whole, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half a surrogate pair in an id, a number beyond 64 bits
        return json_text(whole).encode() + b"\n"
