"""The page: trips as one HTML file that needs nothing else, no script, no network. What it looks like stands in page/.

Everything is escaped on its way into the page, whatever a trip is named.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from strava_pipeline.core.text import templates
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.charts import (
    accuracy_chart,
    class_names,
    speed_chart,
    speed_histogram,
    speeds_by,
)
from strava_pipeline.core.trips.activity.metres import drawn
from strava_pipeline.core.trips.activity.missing_ride_told import log_rows, log_summary, phone_told
from strava_pipeline.core.trips.activity.quantities import NOTHING, told, unit_of
from strava_pipeline.core.trips.activity.reasons import VERDICTS, Reason, limit_words, reasons, rules_with_numbers
from strava_pipeline.core.trips.activity.redaction import one_line
from strava_pipeline.core.trips.activity.report import why
from strava_pipeline.core.trips.activity.sections import known_metrics, sections
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.track_chart import track_chart

_FACTS = (
    ("distance", "haversine_m"),
    ("duration", "duration_s"),
    ("average", "avg_speed_kmh"),
    ("95 % below", "speed_p95_kmh"),
    ("accuracy", "accuracy_p50_m"),
    ("points used", "points_used"),
)


def trips_page(trips: Sequence[tuple[Bundle, Mapping[str, Any], str]], thresholds: Thresholds) -> str:
    """The page of one trip or of many: each with its object of the JSON diagnosis and the sentence of what would flip it."""
    told_trips = [_trip(*trip, thresholds) for trip in trips]
    verdicts = Counter(trip["verdict"] for trip in told_trips)
    return (
        templates(__package__)
        .get_template("page.html")
        .render(
            trips=told_trips,
            verdicts=[(verdict, verdicts[verdict]) for verdict in VERDICTS if verdicts[verdict]],
            verdict_names=VERDICTS,
            version=thresholds.version,
        )
    )


def _trip(bundle: Bundle, diagnosis: Mapping[str, Any], flip: str, thresholds: Thresholds) -> dict[str, Any]:
    metrics, missing = known_metrics(diagnosis), diagnosis["missing_ride"]
    found = reasons(diagnosis, thresholds)
    return {
        "name": one_line(bundle.external_id),
        "on": (bundle.summary.start_time or NOTHING)[:10],
        "verdict": diagnosis["verdict"],
        "why": why(found),
        "flip": flip,
        "primary": diagnosis["primary"],
        "label": diagnosis["label"],
        "outcome": diagnosis["outcome_vs_stored"],
        "distance": told(metrics.get("haversine_m"), "m"),
        "facts": [(name, told(metrics.get(metric), unit_of(metric))) for name, metric in _FACTS],
        "reasons": [_reason(reason, thresholds) for reason in found],
        "rules": [_reason(rule, thresholds) for rule in rules_with_numbers(diagnosis, thresholds)],
        "charts": _charts(bundle, metrics, thresholds),
        "sections": sections(bundle, diagnosis),
        "missing": None
        if missing is None
        else {"sections": [phone_told(missing), log_summary(missing)], "log": log_rows(missing)},
    }


def _reason(reason: Reason, thresholds: Thresholds) -> dict[str, Any]:
    """A rule with its bar: how far value and limit reach, in percent of the bar's width."""
    shown: dict[str, Any] = {"reason": reason, "bar": None, "limit_words": ""}
    if reason.limit is not None and reason.limit_key is not None:
        shown["limit_words"] = limit_words(thresholds, reason.limit_key)
        if reason.value is not None:
            whole = max(reason.value, reason.limit) * 1.15 or 1.0
            shown["bar"] = (round(reason.value / whole * 100, 2), round(reason.limit / whole * 100, 2))
    return shown


def _charts(bundle: Bundle, metrics: Mapping[str, Any], thresholds: Thresholds) -> dict[str, Any] | None:
    """None for a trip without a point."""
    track, steps = drawn(bundle, thresholds)
    if not track:
        return None
    limits = [
        (f"{name} {thresholds[key]:g}", thresholds[key])
        for name, key in (("average", "max_avg_speed_kmh"), ("95 %", "max_p95_speed_kmh"))
    ]
    source = metrics.get("speed_source") or "displacement"
    percentiles = [(name, metrics.get(f"speed_{source}_{name}_kmh")) for name in ("p50", "p85", "p95")]
    return {
        "graphs": [
            speed_chart(track, steps, limits),
            accuracy_chart(track, steps, thresholds["poor_accuracy_m"]),
            speed_histogram(speeds_by(source, track, steps), percentiles, source),
        ],
        "track": track_chart(track, steps),
        "classes": class_names(),
    }
