"""Sweep: many sets of thresholds over the same trips, each against the labels, ranked.

How sets are typed (`--set`, `--grid`) stands here too, for a set is known by what was typed. What one set decides is replay.py's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.trips.activity.algorithms import Algorithm
from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.confusion import Confusion
from strava_pipeline.core.trips.activity.decision import Verdict
from strava_pipeline.core.trips.activity.labels import STATUSES, Label
from strava_pipeline.core.trips.activity.replay import Decided, InputHash, decided
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.values import number_text

FORMAT = "activity-trip-sweep/1"
BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class ThresholdSet:
    """A name and what is set otherwise than in the baseline."""

    name: str
    thresholds: Thresholds
    changes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Moved:
    """A trip on which a set decides otherwise than the baseline."""

    external_id: str
    baseline: Verdict
    new: Verdict
    label: Label | None

    def as_json(self) -> dict[str, Any]:
        """The trip as a sweep tells it."""
        return {
            "externalId": self.external_id,
            "baseline": self.baseline.value,
            "new": self.new.value,
            "label": self.label.value if self.label else None,
        }


@dataclass(slots=True)
class SetResult:
    """What one set came to over the trips added so far."""

    made: ThresholdSet
    confusion: Confusion = field(default_factory=Confusion)
    moved: list[Moved] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The set's name."""
        return self.made.name


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
    made = [ThresholdSet(BASELINE, baseline, {})]
    for name, changes in named:
        if any(name == other.name for other in made):
            raise MisuseError(f"two sets are called {name}: give each a name of its own")
        made.append(ThresholdSet(name, baseline.with_values(changes), changes))
    return made


class Sweep:
    """An algorithm with each of the sets (the baseline first) over batches of trips."""

    def __init__(
        self, algorithm: Algorithm, sets: Sequence[ThresholdSet], statuses: Mapping[str, Verdict] = STATUSES
    ) -> None:
        self.algorithm = algorithm
        self.input_hash = InputHash()
        self._results = [SetResult(made) for made in sets]
        self.statuses = statuses

    @property
    def thresholds(self) -> list[Thresholds]:
        """Of every set, the baseline's first."""
        return [result.made.thresholds for result in self._results]

    def add(self, bundles: Sequence[Bundle]) -> None:
        """Decides of the next trips with every set and counts them."""
        self.take(decided(self.algorithm, self.thresholds, bundles, self.statuses))

    def take(self, batch: Decided) -> None:
        """Counts the next trips, decided elsewhere."""
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
        baseline = self._results[0].made.thresholds
        return {
            "format": FORMAT,
            "algorithm": self.algorithm.full_name,
            "thresholds_version": baseline.version,
            "thresholds": dict(baseline.values),
            "input_hash": str(self.input_hash),
            "sets": {result.name: dict(result.made.changes) for result in self._results},
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
