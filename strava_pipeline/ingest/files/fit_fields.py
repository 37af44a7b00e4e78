"""Which field of a FIT session, lap or length says what, by the names of our records. No time lines and no points.

Units are what fitdecode hands out, which are SI but for kcal; serial numbers and positions have no place here.
"""

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Any

TOTALS = {
    "elapsed_s": ("total_elapsed_time",),
    "moving_s": ("total_timer_time",),
    "distance_m": ("total_distance",),
    "ascent_m": ("total_ascent",),
    "descent_m": ("total_descent",),
    "calories": ("total_calories",),
}
MORE = {
    "avg_heartrate": ("avg_heart_rate",),
    "max_heartrate": ("max_heart_rate",),
    "min_heartrate": ("min_heart_rate",),
    "avg_speed": ("enhanced_avg_speed", "avg_speed"),
    "max_speed": ("enhanced_max_speed", "max_speed"),
    "avg_cadence": ("avg_cadence", "avg_running_cadence", "avg_swimming_cadence"),
    "max_cadence": ("max_cadence", "max_running_cadence"),
    "avg_watts": ("avg_power",),
    "max_watts": ("max_power",),
    "normalized_watts": ("normalized_power",),
    "avg_temperature": ("avg_temperature",),
    "max_temperature": ("max_temperature",),
    "avg_altitude": ("enhanced_avg_altitude", "avg_altitude"),
    "min_altitude": ("enhanced_min_altitude", "min_altitude"),
    "max_altitude": ("enhanced_max_altitude", "max_altitude"),
    "work_j": ("total_work",),
    "cycles": ("total_cycles", "total_strides", "total_strokes"),  # of a leg, a crank or an arm, by sport
    "pool_length_m": ("pool_length",),
    "lengths": ("num_lengths",),
    "active_lengths": ("num_active_lengths",),
    "training_effect": ("total_training_effect",),
}
WORDS = {
    "stroke": ("swim_stroke",),
    "trigger": ("lap_trigger",),
    "intensity": ("intensity",),
    "kind": ("length_type",),  # active, idle
}


def fields(session: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """What Recording has an attribute for, and what goes into its `summary`."""
    return _numbers(session, TOTALS), _numbers(session, MORE)


def piece(told: Mapping[str, Any], started_at: datetime | None) -> dict[str, Any]:
    """A lap, or a length of a pool."""
    return {"started_at": started_at, **_numbers(told, TOTALS | MORE), **_words(told)}


def creator(file_id: Mapping[str, Any]) -> str | None:
    """Manufacturer and model."""
    model = file_id.get("product_name") or file_id.get("garmin_product") or file_id.get("product")
    return " ".join(str(word) for word in (file_id.get("manufacturer"), model) if word is not None) or None


def _numbers(told: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, float]:
    found = {
        name: next((told[source] for source in sources if source in told), None) for name, sources in names.items()
    }
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float) and isfinite(value)}


def _words(told: Mapping[str, Any]) -> dict[str, str]:
    found = {
        name: next((told[source] for source in sources if source in told), None) for name, sources in WORDS.items()
    }
    return {name: str(value) for name, value in found.items() if value is not None}
