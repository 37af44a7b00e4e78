"""Sweep: many sets of thresholds over the same trips, each against the labels, ranked; and a replay or a sweep as text.

The syntax of sets (`--set`, `--grid`) is here, too, because a set is named by what was typed. What one set
decides is replay.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.json_values import number_text
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.replay import (
    STATUSES,
    Confusion,
    DecidedBatch,
    InputHash,
    Label,
    Outcome,
    Replay,
    ReplayedTrip,
    decide_batch,
)
from strava_pipeline.trips.activity.rules.text import NOTHING, aligned, cut, one_line
from strava_pipeline.trips.activity.rules.thresholds import Thresholds
from strava_pipeline.trips.activity.rules.verdict import Algorithm, Verdict

FORMAT = "activity-trip-sweep/1"
BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class ThresholdSet:
    """A name, and the values that differ from the baseline."""

    name: str
    thresholds: Thresholds
    changes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Moved:
    """A trip on which a set and the baseline decide differently."""

    external_id: str
    baseline: Verdict
    new: Verdict
    label: Label | None

    def as_json(self) -> dict[str, Any]:
        """The trip in a sweep."""
        return {
            "externalId": self.external_id,
            "baseline": self.baseline.value,
            "new": self.new.value,
            "label": self.label.value if self.label else None,
        }


@dataclass(slots=True)
class SetResult:
    """The counts of one set over the trips added so far."""

    set: ThresholdSet
    confusion: Confusion = field(default_factory=Confusion)
    moved: list[Moved] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The set's name."""
        return self.set.name


def threshold_sets(
    baseline: Thresholds, sets: Sequence[str] = (), grids: Sequence[str] = (), *, cartesian: bool = False
) -> list[ThresholdSet]:
    """The baseline; a set per `name=key=value[,key=value]`; and per value of each grid `key=a,b,c`, or per combination of them.

    Raises MisuseError for what can't be read, a key that is none, a name given twice.
    """
    typed = [_named_set(text) for text in sets]
    axes: dict[str, list[float]] = {}
    for text in grids:
        key, values = _grid(text)
        axes.setdefault(key, []).extend(value for value in values if value not in axes.get(key, []))
    if cartesian:
        chosen = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    else:
        chosen = [{key: value} for key, values in axes.items() for value in values]
    named = [*typed, *((_name(changes), changes) for changes in chosen)]
    found = [ThresholdSet(BASELINE, baseline, {})]
    for name, changes in named:
        if any(name == other.name for other in found):
            raise MisuseError(f"two sets are called {name}: give each a name of its own")
        found.append(ThresholdSet(name, baseline.with_values(changes), changes))
    return found


class Sweep:
    """An algorithm with each of the sets (the baseline first) over batches of trips."""

    def __init__(
        self, algorithm: Algorithm, sets: Sequence[ThresholdSet], statuses: Mapping[str, Verdict] = STATUSES
    ) -> None:
        self.algorithm = algorithm
        self.input_hash = InputHash()
        self._results = [SetResult(chosen) for chosen in sets]
        self.statuses = statuses

    @property
    def thresholds(self) -> list[Thresholds]:
        """Of every set, the baseline's first."""
        return [result.set.thresholds for result in self._results]

    def add(self, bundles: Sequence[Bundle]) -> None:
        """Decide on the next trips with every set and count them."""
        self.count(decide_batch(self.algorithm, self.thresholds, bundles, self.statuses))

    def count(self, batch: DecidedBatch) -> None:
        """Count the next trips, decided elsewhere."""
        self.input_hash.add(batch.digests)
        for result, trips in zip(self._results, batch.sets, strict=True):
            for trip, before in zip(trips, batch.sets[0], strict=True):
                label = trip.truth.label if trip.truth else None
                result.confusion.add(trip.new, label, trip.outcome)
                if trip.new != before.new:
                    result.moved.append(Moved(trip.external_id, before.new, trip.new, label))

    def results(self) -> list[SetResult]:
        """Every set, best first: fewer trips worse than stored, then more better ones, then by name."""
        return sorted(self._results, key=lambda it: (it.confusion["worse"], -it.confusion["better"], it.name))

    def as_json(self) -> dict[str, Any]:
        """The whole sweep, each part by the set's name; for the same trips always the same."""
        baseline = self._results[0].set.thresholds
        return {
            "format": FORMAT,
            "algorithm": self.algorithm.full_name,
            "thresholds_version": baseline.version,
            "thresholds": dict(baseline.values),
            "input_hash": str(self.input_hash),
            "sets": {result.name: dict(result.set.changes) for result in self._results},
            "confusion": {result.name: result.confusion.as_json() for result in self._results},
            "scores": {result.name: result.confusion.scores() for result in self._results},
            "ranking": [result.name for result in self.results()],
            "moved": {result.name: [trip.as_json() for trip in result.moved] for result in self._results},
        }


def _named_set(text: str) -> tuple[str, dict[str, float]]:
    name, _, rest = text.partition("=")
    changes: dict[str, float] = {}
    for part in rest.split(","):
        key, equals, value = part.partition("=")
        if not (name.strip() and equals) or key.strip() in changes:
            raise MisuseError(f"{text!r} is no set: write name=key=value[,key=value], each key once")
        changes[key.strip()] = _number(value, text)
    return name.strip(), changes


def _grid(text: str) -> tuple[str, list[float]]:
    key, _, values = text.partition("=")
    if not (key.strip() and values.strip()):
        raise MisuseError(f"{text!r} is no grid: write key=a,b,c")
    return key.strip(), [_number(value, text) for value in values.split(",")]


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise MisuseError(f"{whole!r}: {text.strip() or 'nothing'} is no number") from None


def _name(changes: Mapping[str, float]) -> str:
    return ",".join(f"{key}={number_text(value)}" for key, value in changes.items())


SHOWN = 50  # trips of a list; all of them are in the JSON
_ORDER = (Outcome.WORSE, Outcome.BETTER, Outcome.CHANGED)


def replay_text(replay: Replay) -> str:
    """The totals, the confusion, and the trips that came out otherwise: the worse ones first."""
    totals = replay.totals()
    lines = [
        f"{replay.algorithm.full_name} with the thresholds {replay.thresholds.version}, {totals['trips']} trips",
        f"{replay.input_hash}",
        "",
        *aligned(
            [(outcome.value, str(replay.confusion[outcome.value]), _OUTCOME_MEANS[outcome]) for outcome in Outcome],
            right={1},
        ),
        "",
        f"Of {totals['labelled']} trips that people said something of:",
        *_confusion(replay.confusion),
    ]
    moved = sorted((trip for trip in replay.trips if trip.outcome is not Outcome.SAME), key=_place)
    return "\n".join([*lines, *_moved(moved)]) + "\n"


def sweep_text(sweep: Sweep) -> str:
    """A line per set, best first, and the trips that change sides against the baseline."""
    head = ("set", "worse", "better", "same", "changed", "TP", "FN", "FP", "TN", "review", "precision", "recall", "F1")
    found = sweep.results()
    rows = [(cut(result.name, 34), *_counts(result.confusion), *_scores(result.confusion)) for result in found]
    lines = [
        f"{sweep.algorithm.full_name} with {len(found)} sets, the best first",
        f"{sweep.input_hash}",
        "",
        *aligned([head, *rows], right=set(range(1, len(head))), indent=""),
    ]
    for result in found:
        if result.name != BASELINE:
            trips = [
                f"{one_line(it.external_id)} {it.baseline.value} → {it.new.value}{_label(it.label)}"
                for it in result.moved
            ]
            lines += [
                "",
                f"{result.name}: {len(trips)} change sides",
                *(f"  {text}" for text in trips[:SHOWN]),
                *_rest(len(trips)),
            ]
    return "\n".join(lines) + "\n"


_OUTCOME_MEANS = {
    Outcome.BETTER: "nearer to what people said than the stored verdict",
    Outcome.SAME: "as near, or nobody said anything and the verdict is the stored one",
    Outcome.WORSE: "farther from it",
    Outcome.CHANGED: "nobody said anything, and the verdict is another",
}


def _place(trip: ReplayedTrip) -> int:
    return _ORDER.index(trip.outcome)


def _moved(trips: Sequence[ReplayedTrip]) -> list[str]:
    if not trips:
        return []
    rows = [
        (
            trip.outcome.value,
            one_line(trip.external_id),
            f"{trip.old.value} → {trip.new.value}",
            trip.truth.label.value if trip.truth else NOTHING,
            ", ".join(trip.reasons) or NOTHING,
        )
        for trip in trips[:SHOWN]
    ]
    return [
        "",
        "Other verdicts than stored",
        *aligned([("", "trip", "verdict", "label", "reasons"), *rows]),
        *_rest(len(trips)),
    ]


def _rest(count: int) -> list[str]:
    return [f"  … and {count - SHOWN} more: --format json shows all"] if count > SHOWN else []


def _confusion(confusion: Confusion) -> list[str]:
    rows = [
        ("", "accepted", "rejected", "neither"),
        ("rides", str(confusion["TP"]), str(confusion["FN"]), str(confusion["review_ride"])),
        ("not rides", str(confusion["FP"]), str(confusion["TN"]), str(confusion["review_not_ride"])),
    ]
    precision, recall, f1 = _scores(confusion)
    return [*aligned(rows, right={1, 2, 3}), f"  precision {precision}, recall {recall}, F1 {f1}"]


def _counts(confusion: Confusion) -> list[str]:
    review = confusion["review_ride"] + confusion["review_not_ride"]
    return [str(confusion[name]) for name in ("worse", "better", "same", "changed", "TP", "FN", "FP", "TN")] + [
        str(review)
    ]


def _scores(confusion: Confusion) -> list[str]:
    return [
        NOTHING if score is None else f"{score:.3f}" for score in (confusion.precision, confusion.recall, confusion.f1)
    ]


def _label(label: Label | None) -> str:
    return f" ({label.value})" if label else ""
