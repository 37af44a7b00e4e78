"""Each rule beside its limit, and what it means in words. Whether a rule hits is verdict.py's; here it is only told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.trips.activity.decision import Verdict
from strava_pipeline.core.trips.activity.quantities import beside_limit, limit_told, unit_of
from strava_pipeline.core.trips.activity.thresholds import Thresholds, described
from strava_pipeline.core.trips.activity.verdict import Severity, rules

VERDICTS = {
    "accepted": "accepted",
    "needs_review": "needs review",
    "rejected": "rejected",
    "unknown": "unknown",
}


MEANS = {
    "locations_undecryptable": "none of the keys opens the locations, so nothing can be said of this trip",
    "locations_malformed": "the locations were decrypted, but are no list of points",
    "no_locations": "not one location was recorded",
    "too_few_points": "too few points to tell a speed",
    "too_short_distance": "hardly moved, too short for a trip",
    "too_short_duration": "over too soon to tell how it was travelled",
    "poor_accuracy": "half of the positions are less accurate than this",
    "teleports": "the track jumps, in steps that nobody can ride",
    "gaps": "this much of the trip was not recorded",
    "unrealistic_avg_speed": "faster on average than bicycles are",
    "vehicle_speed": "a twentieth of the time at a vehicle's speed",
    "too_slow": "slower while moving than any bicycle",
    "automotive_activity": "the phone saw a car, and too little cycling",
    "foot_activity": "the phone saw walking or running, and too little cycling",
    "distance_mismatch": "the reported distance is not the track's",
    "mostly_stationary": "stood still for this much of the recorded time",
    "clipped_start": "the track begins this long after the trip",
    "clipped_end": "the track ends this long before the trip",
}
_BY_CODE = {rule.code: rule for rule in rules()}


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
    return [_reason(code, True, diagnosis["metrics"], thresholds) for code in diagnosis["reasons"]]


def rules_with_numbers(diagnosis: Mapping[str, Any], thresholds: Thresholds) -> list[Reason]:
    """Every rule that compares numbers, hit or not; none for a trip that was not judged."""
    if diagnosis["verdict"] == Verdict.UNKNOWN:
        return []
    hit = set(diagnosis["reasons"])
    return [
        _reason(rule.code, rule.code in hit, diagnosis["metrics"], thresholds) for rule in rules() if rule.threshold
    ]


def limit_words(thresholds: Thresholds, key: str) -> str:
    """Why a limit is what it is, and where that comes from."""
    entry = described(thresholds.version.partition("+")[0])[key]
    return f"{entry['reason']} ({entry['source']})"


def _reason(code: str, hit: bool, metrics: Mapping[str, Any], thresholds: Thresholds) -> Reason:
    rule = _BY_CODE.get(code)
    if rule is None:
        return Reason(code, Severity.REJECT, "", hit)
    if rule.metric is None or rule.threshold is None:
        return Reason(code, rule.severity, MEANS[code], hit)
    value, limit = rule.value(metrics), thresholds[rule.threshold]
    metric = f"{rule.metric}.{'+'.join(rule.activities)}" if rule.activities else rule.metric
    unit = unit_of(metric)
    return Reason(
        code,
        rule.severity,
        MEANS[code],
        hit,
        metric,
        rule.threshold,
        value,
        limit,
        rule.comparison == "<",
        beside_limit(value, limit, unit),
        limit_told(limit, unit),
    )
