"""Rows of the tables `trip_index`, `trip_diagnostics` and `trip_replay`: what may be kept of activity trips.

Metrics, verdicts and codes; no positions, no device's detail, no free text. How rows are merged is lake/trips.py's.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from strava_pipeline.core.json_text import json_bytes
from strava_pipeline.core.rows import frame
from strava_pipeline.core.tables.trips import METRICS, TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY
from strava_pipeline.core.trips.activity.bundle import Bundle, entry_comment
from strava_pipeline.core.trips.activity.text import code, shown_code, version
from strava_pipeline.core.trips.values import finite_number, parse_instant
from strava_pipeline.core.years import YearRange

TRIPS = "trips"  # the source of these rows, as `strava` is of activities


def partition_of(row: Mapping[str, Any], years: YearRange) -> int:
    """The partition of a trip: the year in UTC of its start, else of its creation; the newest without either."""
    candidates = (_instant(row.get("start_time")), _instant(row.get("created_at")))
    moment = next((moment for moment in candidates if moment is not None), None)
    return years.newest if moment is None else years.clamp(moment.year)


def index_rows(rows: Sequence[Mapping[str, Any]], years: YearRange) -> pl.DataFrame:
    """The plain columns of trips as the source has them, each with its `external_id`, for `trip_index`."""
    extras = [extra if isinstance(extra, Mapping) else {} for extra in (row["extra_properties"] for row in rows)]
    return frame(
        {
            "external_id": [row["external_id"] for row in rows],
            "source": [TRIPS] * len(rows),
            "year": [partition_of(row, years) for row in rows],
            "trip_id": [str(row["id"]) for row in rows],
            "distance_m": [finite_number(row["distance_meters"]) for row in rows],
            "started_at": [_instant(row["start_time"]) for row in rows],
            "ended_at": [_instant(row["end_time"]) for row in rows],
            "duration_s": [finite_number(row["duration_seconds"]) for row in rows],
            "location_count": [_whole(row["location_count"]) for row in rows],
            "created_at": [_instant(row["created_at"]) for row in rows],
            **{name: [shown_code(row[name]) for row in rows] for name in _CODES},
            "algorithm_version": [_version(extra.get("algorithm_version")) for extra in extras],
            "recording_trigger": [shown_code(extra.get("recording_trigger")) for extra in extras],
        },
        TRIP_INDEX,
    )


_CODES = ("platform", "status", "review_status", "rejection_reason", "activity_type")


def diagnostics_rows(
    diagnosed: Sequence[tuple[Bundle, Mapping[str, Any]]], partitions: Mapping[str, int], thresholds_version: str
) -> pl.DataFrame:
    """Trips with their objects of the JSON diagnosis, for `trip_diagnostics`; `partitions` by external id.

    One without a partition got its external id since these were listed: the next look has it.
    """
    diagnosed = [trip for trip in diagnosed if trip[0].external_id in partitions]
    bundles = [bundle for bundle, _ in diagnosed]
    found = [diagnosis for _, diagnosis in diagnosed]
    values: dict[str, list[Any]] = {
        "external_id": [bundle.external_id for bundle in bundles],
        "source": [TRIPS] * len(bundles),
        "year": [partitions[bundle.external_id] for bundle in bundles],
        "locations_state": [bundle.decryption.locations.value for bundle in bundles],
        "activity_distribution_state": [bundle.decryption.activity_distribution.value for bundle in bundles],
        "feedback_state": [bundle.decryption.feedback.value for bundle in bundles],
        "key_index": [bundle.decryption.key_index for bundle in bundles],
        "thresholds_version": [thresholds_version] * len(bundles),
        "primary_reason": [diagnosis["primary"] for diagnosis in found],
        "nearest_flip": [_json(diagnosis["nearest_flip"]) for diagnosis in found],
        "comments": [_comments(bundle) for bundle in bundles],
        **{name: [diagnosis[name] for diagnosis in found] for name in _DIAGNOSIS_KEYS},
        **{column.name: [diagnosis["metrics"][column.name] for diagnosis in found] for column in METRICS},
    }
    values["activity_mix"] = [_json(_codes_only(diagnosis["metrics"]["activity_mix"])) for diagnosis in found]
    return frame(values, TRIP_DIAGNOSTICS)


_DIAGNOSIS_KEYS = ("verdict", "reasons", "label", "label_source", "outcome_vs_stored", "has_diagnostic")


def replay_row(algorithm: str, thresholds_version: str, input_hash: str, totals: Mapping[str, Any]) -> pl.DataFrame:
    """What one version of an algorithm came to over all trips, for `trip_replay`."""
    values = {column: [totals[name]] for column, name in _TOTALS.items()}
    identity = {"algorithm": [algorithm], "thresholds_version": [thresholds_version], "input_hash": [input_hash]}
    return frame({**identity, "source": [TRIPS], **values}, TRIP_REPLAY)


_TOTALS = {
    **{name: name for name in ("trips", "labelled", "better", "same", "worse", "changed")},
    **{name: name for name in ("precision", "recall", "f1")},
    "rides_accepted": "TP",
    "rides_rejected": "FN",
    "others_accepted": "FP",
    "others_rejected": "TN",
    "rides_in_review": "review_ride",
    "others_in_review": "review_not_ride",
}


def _instant(value: Any) -> datetime | None:
    seconds = parse_instant(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _whole(value: Any) -> int | None:
    number = finite_number(value)
    return None if number is None or abs(number) >= 2**63 else int(number)


def _version(value: Any) -> str | None:
    return version(value) or shown_code(value)


def _comments(bundle: Bundle) -> list[str]:
    codes = (code(entry_comment(entry)) for entry in bundle.feedback)
    return [found for found in codes if found is not None]


def _codes_only(mix: Mapping[str, float]) -> dict[str, float]:
    return {name: share for name, share in sorted(mix.items()) if code(name) is not None}


def _json(value: Any) -> str | None:
    return None if value is None else json_bytes(value).decode()
