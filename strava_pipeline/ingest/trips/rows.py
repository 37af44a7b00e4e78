"""From a row of the source, its encrypted columns opened, to the bundle. Types of databases end here."""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from strava_pipeline.core.trips.activity.bundle import Bundle, Decryption, Summary
from strava_pipeline.core.trips.values import normal_instant
from strava_pipeline.ingest.trips.decrypt import Column, parse
from strava_pipeline.ingest.trips.table import FEEDBACK, LOCATIONS, MIX


def bundle(row: Mapping[str, Any], opened: Mapping[str, Column]) -> Bundle:
    """The bundle of a row."""
    locations, mix, feedback = opened[LOCATIONS], opened[MIX], opened[FEEDBACK]
    return Bundle(
        external_id=name_of(row),
        platform=_text(row["platform"]),
        status=_text(row["status"]),
        review_status=_text(row["review_status"]),
        rejection_reason=_text(row["rejection_reason"]),
        summary=Summary(
            number(row["distance_meters"]),
            normal_instant(row["start_time"]),
            normal_instant(row["end_time"]),
            number(row["duration_seconds"]),
            number(row["location_count"]),
            _text(row["activity_type"]),
        ),
        extra_properties=properties(row["extra_properties"]),
        activity_distribution=mix.value,
        locations=locations.value,
        feedback=feedback.value,
        decryption=Decryption(locations.state, mix.state, feedback.state, locations.key_index),
    )


def name_of(row: Mapping[str, Any]) -> str:
    """A trip's external id; one without goes by its id, so that it can be named."""
    return _text(row["external_id"]) or str(row["id"])


def plain_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """The plain columns as JSON can hold them."""
    return {name: _plain(name, value) for name, value in row.items()}


def number(value: Any) -> Any:
    """A number as JSON has it; None for NaN and the infinities. What is no number stays what it is: evidence."""
    if isinstance(value, Decimal):
        value = value if not value.is_finite() else int(value) if _whole(value) else float(value)
    if isinstance(value, float | Decimal):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, int | float) else _text(value)


def properties(value: Any) -> Any:
    """`extra_properties`, which is JSON text or came parsed; None where it can't be parsed."""
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if not isinstance(value, bytes):
        return value
    try:
        return parse(value)
    except ValueError:
        return None


def _whole(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= 0


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _plain(name: str, value: Any) -> Any:
    if name.endswith("_time") or name == "created_at":
        return normal_instant(value)
    return properties(value) if name == "extra_properties" else number(value)
