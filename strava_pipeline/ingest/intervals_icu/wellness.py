"""Days and nights at intervals.icu: `GET /athlete/{id}/wellness`, a row a local day (its OpenAPI document)."""

from collections.abc import Mapping, Sequence
from typing import Any

from strava_pipeline.core.json_values import Json
from strava_pipeline.core.providers import UnreadableRowError
from strava_pipeline.core.wellness import days_of, read_kept

FIELDS = {
    "resting_heartrate": "restingHR",
    "steps": "steps",
    "weight_kg": "weight",
    "body_fat_percent": "bodyFat",
    "oxygen_percent": "spO2",
    "respiration": "respiration",
    "vo2max": "vo2max",
    "asleep_seconds": "sleepSecs",
    "sleep_score": "sleepScore",
    "hrv_rmssd": "hrv",
    "hrv_sdnn": "hrvSDNN",
    "sleeping_heartrate": "avgSleepingHR",
}
_CARRIED = {"tempWeight": "weight", "tempRestingHR": "restingHR"}  # true: of an earlier day, not measured on this one


def read_wellness(content: Any) -> Sequence[tuple[str, Json]]:
    """The days of a kept answer. Raises UnreadableRowError."""
    kept = read_kept(content)
    if fault := wrong_days(kept.content):
        raise UnreadableRowError(fault)
    return days_of(kept, ((str(row.get("id")), _numbers(row)) for row in kept.content))


def wrong_days(content: Any) -> str | None:
    """The fault of an answer that should be a list of days, or None."""
    is_list = isinstance(content, list) and all(isinstance(row, dict) for row in content)
    return None if is_list else "it is no list of days"


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    carried = {name for flag, name in _CARRIED.items() if row.get(flag)}
    return {name: row.get(own) for name, own in FIELDS.items() if own not in carried}
