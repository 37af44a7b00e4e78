"""The explainer: what would have had to be otherwise for another verdict, as records and as one sentence.

Only rules that compare one number with one limit (verdict.py) can be flipped by one. No rules of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.trips.activity.decision import Decision, Verdict
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.verdict import Rule, Severity, rules
from strava_pipeline.core.trips.values import number_text

REJECTED, NOT_REJECTED = "rejected", "not_rejected"
_BY_CODE = {rule.code: rule for rule in rules()}
_FLIPPABLE = [rule for rule in rules() if rule.numeric and rule.severity is Severity.REJECT]
_WITHIN = {">": "≤", "<": "≥"}
_UNITS = (("_kmh", "km/h"), ("_m", "m"), ("_s", "s"))


@dataclass(frozen=True, slots=True)
class Change:
    """One number on the other side of its limit; `relative_change` in parts of the limit, None where that is 0."""

    rule: str
    metric: str
    value: float
    threshold: float
    relative_change: float | None

    def as_json(self) -> dict[str, Any]:
        """The change as a diagnosis tells it."""
        return {
            "rule": self.rule,
            "metric": self.metric,
            "value": self.value,
            "threshold": self.threshold,
            "relative_change": self.relative_change,
        }


@dataclass(frozen=True, slots=True)
class Flip:
    """`to` is `rejected` (one change would do) or `not_rejected` (it takes all of them)."""

    to: str
    changes: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """The flip as a diagnosis tells it."""
        return {"to": self.to, "changes": [change.as_json() for change in self.changes]}


def nearest_flip(decision: Decision, thresholds: Thresholds) -> Flip | None:
    """The least that would have made a rejected trip not rejected, or the other way; None where no number would."""
    if decision.verdict is Verdict.UNKNOWN:
        return None
    if decision.verdict is Verdict.REJECTED:
        hit = [rule for code in decision.reasons if (rule := _BY_CODE[code]).severity is Severity.REJECT]
        if not all(rule.numeric for rule in hit):
            return None
        found = [_change(rule, decision.metrics, thresholds) for rule in hit]
        return Flip(NOT_REJECTED, tuple(change for change in found if change))
    changes = [change for rule in _FLIPPABLE if (change := _change(rule, decision.metrics, thresholds))]
    nearest = min(changes, key=_distance, default=None)
    return None if nearest is None else Flip(REJECTED, (nearest,))


def flip_text(decision: Decision, flip: Flip | None, thresholds: Thresholds) -> str:
    """The verdict, the numbers behind it and what would flip it, in one sentence.

    `rejected because avg_speed 38.2 km/h > 35 (cycling-2026.1); would not be rejected at ≤ 35.0 (−8.4 %)`
    """
    said = f"{decision.verdict.value.replace('_', ' ')}{_because(decision, thresholds)} ({thresholds.version})"
    if decision.verdict is Verdict.UNKNOWN:
        return f"{said}; there is nothing to judge"
    if flip is None:
        return f"{said}; no single number would change that"
    would = "would be rejected at" if flip.to == REJECTED else "would not be rejected at"
    named = flip.to == REJECTED or len(flip.changes) > 1
    return f"{said}; {would} {' and '.join(_target(change, flip.to, named=named) for change in flip.changes)}"


def _change(rule: Rule, metrics: Mapping[str, Any], thresholds: Thresholds) -> Change | None:
    value = rule.value(metrics)
    if value is None or rule.metric is None or rule.threshold is None:
        return None
    limit = thresholds[rule.threshold]
    return Change(rule.code, rule.metric, value, limit, abs(value - limit) / abs(limit) if limit else None)


def _distance(change: Change) -> float:
    return float("inf") if change.relative_change is None else change.relative_change


def _because(decision: Decision, thresholds: Thresholds) -> str:
    """The reasons: of a rejected trip those that reject it, with their numbers; of one to review its flags."""
    told = [_BY_CODE[code] for code in decision.reasons]
    if decision.verdict is Verdict.REJECTED:
        told = [rule for rule in told if rule.severity is Severity.REJECT]
    return " because " + " and ".join(_reason(rule, decision.metrics, thresholds) for rule in told) if told else ""


def _reason(rule: Rule, metrics: Mapping[str, Any], thresholds: Thresholds) -> str:
    value = rule.value(metrics)
    if value is None or rule.threshold is None or rule.metric is None:
        return rule.code
    limit = thresholds[rule.threshold]
    name, unit = _name_and_unit(rule)
    return f"{name} {_told(value, limit, unit)} {rule.comparison} {number_text(limit)}"


def _target(change: Change, to: str, *, named: bool) -> str:
    """Where the number would have to be, and how far that is in parts of what it is: `≤ 35.0 (−8.4 %)`."""
    rule = _BY_CODE[change.rule]
    name, unit = _name_and_unit(rule)
    limit = f"{change.threshold:.1f}" if unit and change.threshold.is_integer() else number_text(change.threshold)
    side = f"{rule.comparison if to == REJECTED else _WITHIN[rule.comparison]} {limit}"
    far = []
    if to == REJECTED:
        far.append(f"now {_told(change.value, change.threshold, unit).removesuffix(unit).strip()}")
    if change.value:
        percent = (change.threshold - change.value) / abs(change.value) * 100
        far.append("less than 0.1 %" if abs(percent) < 0.05 else f"{percent:+.1f} %".replace("-", "−"))
    there = f"{name} {side} {unit}".rstrip() if named else side
    return f"{there} ({', '.join(far)})" if far else there


def _told(value: float, limit: float, unit: str) -> str:
    """The value with its unit, with as many decimals as it takes to tell it from the limit."""
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
