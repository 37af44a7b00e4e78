"""Each rule beside its limit, and what it means in words. Whether a rule hits is verdict.py's; here it is only told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.trips.activity.decision import Verdict
from strava_pipeline.core.trips.activity.quantities import beside_limit, limit_told, unit_of
from strava_pipeline.core.trips.activity.thresholds import Thresholds, described

REJECT, FLAG, UNKNOWN = "reject", "flag", "unknown"
VERDICTS = {
    "accepted": "accepted",
    "needs_review": "needs review",
    "rejected": "rejected",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """`metric` and `limit` (the key of the threshold) are None where a rule has no number."""

    code: str
    severity: str
    means: str
    metric: str | None = None
    limit: str | None = None


RULES = (
    Rule(
        "locations_undecryptable", UNKNOWN, "none of the keys opens the locations, so nothing can be said of this trip"
    ),
    Rule("locations_malformed", UNKNOWN, "the locations were decrypted, but are no list of points"),
    Rule("no_locations", REJECT, "not one location was recorded"),
    Rule("too_few_points", REJECT, "too few points to tell a speed", "points_used", "min_points"),
    Rule("too_short_distance", REJECT, "hardly moved, too short for a trip", "haversine_m", "min_distance_m"),
    Rule("too_short_duration", REJECT, "over too soon to tell how it was travelled", "duration_s", "min_duration_s"),
    Rule(
        "poor_accuracy",
        REJECT,
        "half of the positions are less accurate than this",
        "accuracy_p50_m",
        "max_accuracy_p50_m",
    ),
    Rule("teleports", REJECT, "the track jumps, in steps that nobody can ride", "teleport_share", "max_teleport_share"),
    Rule("gaps", REJECT, "this much of the trip was not recorded", "gap_share", "max_gap_share"),
    Rule("unrealistic_avg_speed", REJECT, "faster on average than bicycles are", "avg_speed_kmh", "max_avg_speed_kmh"),
    Rule("vehicle_speed", REJECT, "a twentieth of the time at a vehicle's speed", "speed_p95_kmh", "max_p95_speed_kmh"),
    Rule("too_slow", REJECT, "slower while moving than any bicycle", "moving_avg_speed_kmh", "min_moving_speed_kmh"),
    Rule(
        "automotive_activity",
        REJECT,
        "the phone saw a car, and too little cycling",
        "activity_mix.automotive",
        "max_automotive_ratio",
    ),
    Rule(
        "foot_activity",
        REJECT,
        "the phone saw walking or running, and too little cycling",
        "activity_mix.foot",
        "max_foot_ratio",
    ),
    Rule(
        "distance_mismatch",
        FLAG,
        "the reported distance is not the track's",
        "distance_mismatch",
        "max_distance_mismatch",
    ),
    Rule(
        "mostly_stationary",
        FLAG,
        "stood still for this much of the recorded time",
        "stationary_share",
        "max_stationary_share",
    ),
    Rule("clipped_start", FLAG, "the track begins this long after the trip", "clip_start_s", "max_clip_s"),
    Rule("clipped_end", FLAG, "the track ends this long before the trip", "clip_end_s", "max_clip_s"),
)
_BY_CODE = {rule.code: rule for rule in RULES}


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule at one trip: what it means, and its numbers bare and as text; `limit_key` names the threshold.

    A rule without a number has neither metric nor limit. `lower`: it hits what lies below its limit.
    """

    code: str
    severity: str
    means: str
    hit: bool
    metric: str | None = None
    limit_key: str | None = None
    value: float | None = None
    limit: float | None = None
    lower: bool = False
    value_told: str = ""
    limit_told: str = ""

    @property
    def comparison(self) -> str:
        """`38.2 km/h > 35 km/h`; empty for a rule without a number."""
        if self.limit is None or self.value is None:
            return self.value_told
        beyond = round(self.value, 6) - round(self.limit, 6)  # as rules compare
        return f"{self.value_told} {'>' if beyond > 0 else '<' if beyond < 0 else '='} {self.limit_told}"


def reasons(diagnosis: Mapping[str, Any], thresholds: Thresholds) -> list[Reason]:
    """The rules that hit, in their order; a code that is of another version is told by its name alone."""
    found = [_BY_CODE.get(code) or Rule(code, REJECT, "") for code in diagnosis["reasons"]]
    return [_reason(rule, True, diagnosis["metrics"], thresholds) for rule in found]


def rules_with_numbers(diagnosis: Mapping[str, Any], thresholds: Thresholds) -> list[Reason]:
    """Every rule that compares numbers, hit or not; none for a trip that was not judged."""
    if diagnosis["verdict"] == Verdict.UNKNOWN:
        return []
    hit = set(diagnosis["reasons"])
    return [_reason(rule, rule.code in hit, diagnosis["metrics"], thresholds) for rule in RULES if rule.limit]


def limit_words(thresholds: Thresholds, key: str) -> str:
    """Why a limit is what it is, and where that comes from."""
    entry = described(thresholds.version.partition("+")[0])[key]
    return f"{entry['reason']} ({entry['source']})"


def _reason(rule: Rule, hit: bool, metrics: Mapping[str, Any], thresholds: Thresholds) -> Reason:
    metric, key = rule.metric, rule.limit
    if metric is None or key is None:
        return Reason(rule.code, rule.severity, rule.means, hit)
    value, limit, unit = _value(metric, metrics), thresholds[key], unit_of(metric)
    return Reason(
        rule.code,
        rule.severity,
        rule.means,
        hit,
        metric,
        key,
        value,
        limit,
        key.startswith("min_"),
        beside_limit(value, limit, unit),
        limit_told(limit, unit),
    )


def _value(metric: str, metrics: Mapping[str, Any]) -> float | None:
    if not metric.startswith("activity_mix."):
        value = metrics.get(metric)
        return value if isinstance(value, int | float) else None
    mix = metrics.get("activity_mix") or {}
    kinds = ("walking", "running") if metric.endswith("foot") else ("automotive",)
    return sum(mix.get(kind) or 0 for kind in kinds) if mix else None
