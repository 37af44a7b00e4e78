"""Why a trip has its verdict: each rule with its limit in words, and the smallest change that would flip the verdict.

Whether a rule hits is verdict.py's; there are no rules here. Only a rule that compares one number with one limit can be
flipped by one number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from strava_pipeline.core.json_values import number_text
from strava_pipeline.trips.activity.rules.text import beside_limit, limit_text, unit_of
from strava_pipeline.trips.activity.rules.thresholds import Thresholds, described
from strava_pipeline.trips.activity.rules.verdict import Decision, Rule, Severity, Verdict, rules

REJECTED, NOT_REJECTED = "rejected", "not_rejected"
_RULES_BY_CODE = {rule.code: rule for rule in rules()}
_FLIPPABLE = [rule for rule in rules() if rule.numeric and rule.severity is Severity.REJECT]
_WITHIN = {">": "≤", "<": "≥"}
_UNITS = (("_kmh", "km/h"), ("_m", "m"), ("_s", "s"))


class Change(NamedTuple):
    """One number moved to the other side of its limit; `relative_change` in parts of the limit, None if that is 0."""

    rule: str
    metric: str
    value: float
    threshold: float
    relative_change: float | None


@dataclass(frozen=True, slots=True)
class Flip:
    """`to` is `rejected` (one change is enough) or `not_rejected` (all of them are needed)."""

    to: str
    changes: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """The flip in a diagnosis."""
        return {"to": self.to, "changes": [change._asdict() for change in self.changes]}


def nearest_flip(decision: Decision, thresholds: Thresholds) -> Flip | None:
    """The smallest change that would have made a rejected trip not rejected, or the other way; None if no number would."""
    if decision.verdict is Verdict.UNKNOWN:
        return None
    if decision.verdict is Verdict.REJECTED:
        hit = [rule for code in decision.reasons if (rule := _RULES_BY_CODE[code]).severity is Severity.REJECT]
        if not all(rule.numeric for rule in hit):
            return None
        found = [_change(rule, decision.metrics, thresholds) for rule in hit]
        return Flip(NOT_REJECTED, tuple(change for change in found if change))
    changes = [change for rule in _FLIPPABLE if (change := _change(rule, decision.metrics, thresholds))]
    nearest = min(changes, key=_distance, default=None)
    return None if nearest is None else Flip(REJECTED, (nearest,))


def flip_text(decision: Decision, flip: Flip | None, thresholds: Thresholds) -> str:
    """The verdict, its numbers and the change that would flip it, in one sentence.

    `rejected because avg_speed 38.2 km/h > 35 (cycling-2026.1); would not be rejected at ≤ 35.0 (−8.4 %)`
    """
    sentence = f"{decision.verdict.value.replace('_', ' ')}{_because(decision, thresholds)} ({thresholds.version})"
    if decision.verdict is Verdict.UNKNOWN:
        return f"{sentence}; there is nothing to judge"
    if flip is None:
        return f"{sentence}; no single number would change that"
    would = "would be rejected at" if flip.to == REJECTED else "would not be rejected at"
    named = flip.to == REJECTED or len(flip.changes) > 1
    return f"{sentence}; {would} {' and '.join(_target(change, flip.to, named=named) for change in flip.changes)}"


def _change(rule: Rule, metrics: Mapping[str, Any], thresholds: Thresholds) -> Change | None:
    value = rule.value(metrics)
    if value is None or rule.metric is None or rule.threshold is None:
        return None
    limit = thresholds[rule.threshold]
    return Change(rule.code, rule.metric, value, limit, abs(value - limit) / abs(limit) if limit else None)


def _distance(change: Change) -> float:
    return float("inf") if change.relative_change is None else change.relative_change


def _because(decision: Decision, thresholds: Thresholds) -> str:
    """The reasons: for a rejected trip those that reject it, with their numbers; for one to review its flags."""
    shown = [_RULES_BY_CODE[code] for code in decision.reasons]
    if decision.verdict is Verdict.REJECTED:
        shown = [rule for rule in shown if rule.severity is Severity.REJECT]
    return (
        " because " + " and ".join(_reason_text(rule, decision.metrics, thresholds) for rule in shown) if shown else ""
    )


def _reason_text(rule: Rule, metrics: Mapping[str, Any], thresholds: Thresholds) -> str:
    value = rule.value(metrics)
    if value is None or rule.threshold is None or rule.metric is None:
        return rule.code
    limit = thresholds[rule.threshold]
    name, unit = _name_and_unit(rule)
    return f"{name} {_value_text(value, limit, unit)} {rule.comparison} {number_text(limit)}"


def _target(change: Change, to: str, *, named: bool) -> str:
    """The number's target, and the distance in parts of the present value: `≤ 35.0 (−8.4 %)`."""
    rule = _RULES_BY_CODE[change.rule]
    name, unit = _name_and_unit(rule)
    limit = f"{change.threshold:.1f}" if unit and change.threshold.is_integer() else number_text(change.threshold)
    side = f"{rule.comparison if to == REJECTED else _WITHIN[rule.comparison]} {limit}"
    far = []
    if to == REJECTED:
        far.append(f"now {_value_text(change.value, change.threshold, unit).removesuffix(unit).strip()}")
    if change.value:
        percent = (change.threshold - change.value) / abs(change.value) * 100
        far.append("less than 0.1 %" if abs(percent) < 0.05 else f"{percent:+.1f} %".replace("-", "−"))
    there = f"{name} {side} {unit}".rstrip() if named else side
    return f"{there} ({', '.join(far)})" if far else there


def _value_text(value: float, limit: float, unit: str) -> str:
    """The value with its unit, with enough decimals to distinguish it from the limit."""
    decimals = 1 if unit else 3
    text = number_text(value) if isinstance(value, int) else f"{value:.{decimals}f}"
    while float(text) == limit != value and decimals < 6:
        decimals += 1
        text = f"{value:.{decimals}f}"
    return f"{text} {unit}".rstrip()


def _name_and_unit(rule: Rule) -> tuple[str, str]:
    metric = rule.metric or rule.code
    for suffix, unit in _UNITS:
        if metric.endswith(suffix):
            return metric.removesuffix(suffix), unit
    return "+".join(rule.activities) or metric, ""


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


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule for one trip: its meaning, and its numbers bare and as text; `limit_key` names the threshold.

    A rule without a number has neither metric nor limit. `lower`: it hits values below its limit.
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
    value_text: str = ""
    limit_text: str = ""

    @property
    def comparison(self) -> str:
        """`38.2 km/h > 35 km/h`; empty for a rule without a number."""
        if self.limit is None or self.value is None:
            return self.value_text
        beyond = round(self.value, 6) - round(self.limit, 6)  # as rules compare
        return f"{self.value_text} {'>' if beyond > 0 else '<' if beyond < 0 else '='} {self.limit_text}"


def reasons(diagnosis: Mapping[str, Any], thresholds: Thresholds) -> list[Reason]:
    """The rules that hit, in their order; a code of another version is shown only by its name."""
    return [_reason(code, True, diagnosis["metrics"], thresholds) for code in diagnosis["reasons"]]


def rules_with_numbers(diagnosis: Mapping[str, Any], thresholds: Thresholds) -> list[Reason]:
    """Every rule that compares numbers, hit or not; empty for a trip that was not judged."""
    if diagnosis["verdict"] == Verdict.UNKNOWN:
        return []
    hit = set(diagnosis["reasons"])
    return [
        _reason(rule.code, rule.code in hit, diagnosis["metrics"], thresholds) for rule in rules() if rule.threshold
    ]


def limit_words(thresholds: Thresholds, key: str) -> str:
    """The reason and the source of a limit."""
    entry = described(thresholds.version.partition("+")[0])[key]
    return f"{entry['reason']} ({entry['source']})"


def _reason(code: str, hit: bool, metrics: Mapping[str, Any], thresholds: Thresholds) -> Reason:
    rule = _RULES_BY_CODE.get(code)
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
        limit_text(limit, unit),
    )
