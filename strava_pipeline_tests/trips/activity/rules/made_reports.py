"""Trips made up for the reports: a ride at a known place and speed, and its object of the JSON diagnosis."""

import math
from collections.abc import Sequence
from typing import Any

from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State, Summary
from strava_pipeline.trips.activity.rules.diagnosis import trip_diagnosis
from strava_pipeline.trips.activity.rules.replay import Label, Outcome, ReplayedTrip
from strava_pipeline.trips.activity.rules.verdict import Decision, Verdict

START = 1_767_571_200  # 2026-01-05T00:00:00Z
LATITUDE, LONGITUDE = 48.853712, 2.348219
DEGREE_M = 6_371_008.8 * math.pi / 180
FLIP = "rejected because avg_speed 38.2 km/h > 35 (cycling-2026.1); would not be rejected at ≤ 35.0 (−8.4 %)"


def point(
    elapsed_s: float, north_m: float = 0.0, east_m: float = 0.0, speed: Any = 5.0, accuracy: Any = 6.0
) -> dict[str, Any]:
    """A location so many seconds after the start and metres from the first place."""
    return {
        "latitude": LATITUDE + north_m / DEGREE_M,
        "longitude": LONGITUDE + east_m / (DEGREE_M * math.cos(math.radians(LATITUDE))),
        "speed": speed,
        "horizontal_accuracy": accuracy,
        "timestamp": START + elapsed_s,
        "activity": "cycling",
    }


def ride(
    name: str = "T1",
    locations: Sequence[Any] | None = None,
    diagnostic: Any = None,
    decryption: Decryption | None = None,
    **more: Any,
) -> Bundle:
    """A trip of a minute and a half, unless told otherwise: straight to the north at 5 m/s."""
    points = [point(second, second * 5) for second in range(0, 100, 10)] if locations is None else list(locations)
    entry = {
        "submitted_at": "2026-01-06T08:00:00Z",
        "comment": "ride_not_detected",
        "payload": {"diagnostic": diagnostic},
    }
    made = {
        "platform": "ios",
        "status": "accepted",
        "review_status": "pending",
        "summary": Summary(450.0, "2026-01-05T00:00:00Z", "2026-01-05T00:01:30Z", 90, len(points), "cycling"),
        "extra_properties": {"algorithm_version": "0.7.0", "recording_trigger": "motion"},
        "feedback": [] if diagnostic is None else [entry],
        "decryption": decryption or Decryption(State.OK, State.EMPTY, State.OK if diagnostic else State.ABSENT, 0),
    }
    return Bundle(external_id=name, locations=points, **(made | more))


METRICS: dict[str, Any] = {
    "points_raw": 10, "points_invalid": 0, "points_used": 10, "unsorted_timestamps": 0, "duplicate_timestamps": 0,
    "duration_s": 90.0, "duration_reported_s": 90, "haversine_m": 450.0, "haversine_raw_m": 450.0,
    "distance_reported_m": 450.0, "distance_mismatch": 0.0, "net_displacement_m": 450.0, "straightness": 1.0,
    "avg_speed_kmh": 18.0, "moving_s": 90.0, "moving_avg_speed_kmh": 18.0, "stationary_share": 0.0,
    "teleports": 0, "teleport_share": 0.0, "gaps": 0, "gap_total_s": 0.0, "gap_max_s": 10.0, "gap_share": 0.0,
    "speed_device_p50_kmh": 18.0, "speed_device_p85_kmh": 18.0, "speed_device_p95_kmh": 18.0, "speed_device_max_kmh": 18.0,
    "speed_displacement_p50_kmh": 18.0, "speed_displacement_p85_kmh": 18.0, "speed_displacement_p95_kmh": 18.0,
    "speed_displacement_max_kmh": 18.0, "device_speed_share": 1.0, "speed_source": "device", "speed_p95_kmh": 18.0,
    "accuracy_p50_m": 6.0, "accuracy_p95_m": 6.0, "accuracy_poor_share": 0.0, "jitter_p50_m": 0.0, "jitter_p95_m": 0.0,
    "activity_mix": {"walking": 0.1, "cycling": 0.9}, "activity_source": "points",
    "clip_start_s": 0.0, "clip_end_s": 0.0, "location_count_mismatch": False,
}  # fmt: skip
COUNTS = [
    "points_raw",
    "points_invalid",
    "points_used",
    "unsorted_timestamps",
    "duplicate_timestamps",
    "teleports",
    "gaps",
]
NO_METRICS: dict[str, Any] = {name: 0 if name in COUNTS else None for name in METRICS} | {
    "duration_s": 0.0,
    "haversine_m": 0.0,
}


def beside(label: str | None = None, source: str | None = None, outcome: str = "same") -> ReplayedTrip:
    """The comparison of a trip's decision with the stored one and with its label."""
    new = Verdict.ACCEPTED
    return ReplayedTrip("T", new, new, (), label and Label(label), source, Outcome(outcome))


def diagnosed(bundle: Bundle, verdict: str = "accepted", reasons: Sequence[str] = (), **metrics: Any) -> dict[str, Any]:
    """The trip's object of the diagnosis; METRICS with other values for some."""
    decision = Decision(Verdict(verdict), tuple(reasons))
    return trip_diagnosis(bundle, METRICS | metrics, decision, None, beside())


def without_points(bundle: Bundle, verdict: str, reasons: Sequence[str]) -> dict[str, Any]:
    """The object of a trip without a usable point."""
    return trip_diagnosis(
        bundle, NO_METRICS, Decision(Verdict(verdict), tuple(reasons)), None, beside(outcome="changed")
    )
