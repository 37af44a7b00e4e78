"""The rules, as a table, the verdict they give, and the versions of the algorithms that decide on trips.

An algorithm is a pure function of a bundle and thresholds; an old version stays callable, so that any two can be
compared. The limits are data (thresholds.py). A trip's distance from another verdict is explanation.py's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.trips.activity.rules.bundle import Bundle, State
from strava_pipeline.trips.activity.rules.metrics import metrics_of, metrics_rows
from strava_pipeline.trips.activity.rules.thresholds import Thresholds


class Verdict(StrEnum):
    """The decision about a trip."""

    ACCEPTED = "accepted"
    NEEDS_REVIEW = "needs_review"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Decision:
    """`reasons` are codes in the order of the rules, the first one `primary`; `metrics` the names of metrics.py."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def primary(self) -> str | None:
        return self.reasons[0] if self.reasons else None


MIN_CYCLING = "min_cycling_ratio"
_UNREADABLE = {State.UNDECRYPTABLE: "locations_undecryptable", State.MALFORMED: "locations_malformed"}
_NOTHING_THERE = frozenset({State.ABSENT, State.EMPTY})


class Severity(StrEnum):
    """The effect of a rule that hits."""

    UNKNOWN = "unknown"
    REJECT = "reject"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. It hits if its metric lies strictly beyond its threshold (`comparison`), both rounded to 6 decimals.

    A rule without a comparison depends on the state of `locations`. One with `activities` adds up their shares in
    activity_mix, and hits only if cycling's is below min_cycling_ratio.
    """

    number: int
    code: str
    severity: Severity
    metric: str | None = None
    comparison: str = ""
    threshold: str | None = None
    activities: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether one metric against one limit decides it."""
        return self.comparison != "" and not self.activities

    def value(self, metrics: Mapping[str, Any]) -> float | None:
        """The compared value, rounded, or None if the rule can't hit."""
        if self.activities:
            mix = metrics["activity_mix"]
            return round(sum(mix.get(name, 0.0) for name in self.activities), 6) if mix else None
        value = metrics[self.metric] if self.metric is not None else None
        return None if value is None else round(value, 6)

    def hits(self, metrics: Mapping[str, Any], thresholds: Thresholds) -> bool:
        """Whether the metrics lie beyond its limit."""
        value = self.value(metrics)
        if value is None or self.threshold is None:
            return False
        limit = round(thresholds[self.threshold], 6)
        if not (value > limit if self.comparison == ">" else value < limit):
            return False
        return not self.activities or round(metrics["activity_mix"].get("cycling", 0.0), 6) < thresholds[MIN_CYCLING]


def rules() -> tuple[Rule, ...]:
    """All rules, in the order in which reports list them; rules 0 and 1 depend on the state of `locations`."""
    return _RULES


def judge(locations: State, metrics: Mapping[str, Any], thresholds: Thresholds) -> Decision:
    """The verdict on a trip whose locations were read with this state and have these metrics."""
    if locations in _UNREADABLE:
        return Decision(Verdict.UNKNOWN, (_UNREADABLE[locations],), metrics)
    hit = [rule for rule in _COMPARED if rule.hits(metrics, thresholds)]
    if locations in _NOTHING_THERE:
        hit.insert(0, _NO_LOCATIONS)
    return Decision(_verdict(hit), tuple(rule.code for rule in hit), metrics)


def _verdict(hit: list[Rule]) -> Verdict:
    if any(rule.severity is Severity.REJECT for rule in hit):
        return Verdict.REJECTED
    return Verdict.NEEDS_REVIEW if hit else Verdict.ACCEPTED


_REJECT, _FLAG = Severity.REJECT, Severity.FLAG
_NO_LOCATIONS = Rule(1, "no_locations", _REJECT)
_COMPARED = (
    Rule(2, "too_few_points", _REJECT, "points_used", "<", "min_points"),
    Rule(3, "too_short_distance", _REJECT, "haversine_m", "<", "min_distance_m"),
    Rule(4, "too_short_duration", _REJECT, "duration_s", "<", "min_duration_s"),
    Rule(5, "poor_accuracy", _REJECT, "accuracy_p50_m", ">", "max_accuracy_p50_m"),
    Rule(6, "teleports", _REJECT, "teleport_share", ">", "max_teleport_share"),
    Rule(7, "gaps", _REJECT, "gap_share", ">", "max_gap_share"),
    Rule(8, "unrealistic_avg_speed", _REJECT, "avg_speed_kmh", ">", "max_avg_speed_kmh"),
    Rule(9, "vehicle_speed", _REJECT, "speed_p95_kmh", ">", "max_p95_speed_kmh"),
    Rule(10, "too_slow", _REJECT, "moving_avg_speed_kmh", "<", "min_moving_speed_kmh"),
    Rule(11, "automotive_activity", _REJECT, "activity_mix", ">", "max_automotive_ratio", ("automotive",)),
    Rule(12, "foot_activity", _REJECT, "activity_mix", ">", "max_foot_ratio", ("walking", "running")),
    Rule(13, "distance_mismatch", _FLAG, "distance_mismatch", ">", "max_distance_mismatch"),
    Rule(14, "mostly_stationary", _FLAG, "stationary_share", ">", "max_stationary_share"),
    Rule(15, "clipped_start", _FLAG, "clip_start_s", ">", "max_clip_s"),
    Rule(16, "clipped_end", _FLAG, "clip_end_s", ">", "max_clip_s"),
)
_RULES = (*(Rule(0, code, Severity.UNKNOWN) for code in _UNREADABLE.values()), _NO_LOCATIONS, *_COMPARED)


Decide = Callable[[Bundle, Thresholds], Decision]


@dataclass(frozen=True, slots=True)
class Halves:
    """The same decision in two steps, for speed: many trips measured at once, each then judged by state and metrics."""

    measure: Callable[[Sequence[Bundle], Thresholds], list[dict[str, Any]]]
    judge: Callable[[State, Mapping[str, Any], Thresholds], Decision]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One version of an algorithm. `decide` defines it; `halves`, if present, must give the same result."""

    name: str
    version: str
    decide: Decide
    halves: Halves | None = None

    @property
    def full_name(self) -> str:
        """The name of its thresholds: `cycling-2026.1`."""
        return f"{self.name}-{self.version}"

    def decide_all(self, bundles: Sequence[Bundle], sets: Sequence[Thresholds]) -> list[list[Decision]]:
        """For each of the thresholds, a decision per bundle. Metrics are computed once for all thresholds that share them."""
        if self.halves is None:
            return [[self.decide(bundle, chosen) for bundle in bundles] for chosen in sets]
        measured: dict[tuple[float, ...], list[dict[str, Any]]] = {}
        decided = []
        for chosen in sets:
            if chosen.inside_metrics not in measured:
                measured[chosen.inside_metrics] = self.halves.measure(bundles, chosen)
            rows = zip(bundles, measured[chosen.inside_metrics], strict=True)
            decided.append([self.halves.judge(bundle.decryption.locations, row, chosen) for bundle, row in rows])
        return decided


def cycling_2026_1(bundle: Bundle, thresholds: Thresholds) -> Decision:
    """The metrics against the limits, rule by rule."""
    return judge(bundle.decryption.locations, metrics_of(bundle, thresholds), thresholds)


ALGORITHMS = (Algorithm("cycling", "2026.1", cycling_2026_1, Halves(metrics_rows, judge)),)
"""Every version, oldest first; each exists once, whatever the algorithm's name."""


def find_algorithm(version: str) -> Algorithm:
    """An algorithm by its version, or by its full name. Raises MisuseError, which names the existing ones."""
    for found in ALGORITHMS:
        if version in (found.version, found.full_name):
            return found
    names = ", ".join(found.full_name for found in ALGORITHMS)
    raise MisuseError(f"{version} is no version of an algorithm. There are: {names}")
