"""The algorithms that decide of trips, by version. An old version stays callable, so that any two can be compared.

An algorithm is a pure function of a bundle and thresholds. What a version is made of stands in metrics.py and verdict.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.trips.activity.bundle import Bundle, State
from strava_pipeline.core.trips.activity.decision import Decision
from strava_pipeline.core.trips.activity.metrics import metrics_of, metrics_rows
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.verdict import judge

Decide = Callable[[Bundle, Thresholds], Decision]


@dataclass(frozen=True, slots=True)
class Halves:
    """The same decision in two steps, for speed: many trips measured at once, each then judged by state and metrics."""

    measure: Callable[[Sequence[Bundle], Thresholds], list[dict[str, Any]]]
    judge: Callable[[State, Mapping[str, Any], Thresholds], Decision]


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One version of an algorithm. `decide` is what it is; `halves`, where it has them, must come to the same."""

    name: str
    version: str
    decide: Decide
    halves: Halves | None = None

    @property
    def full_name(self) -> str:
        """As its thresholds are called: `cycling-2026.1`."""
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


class Registry:
    """Algorithms by version; no version is given twice, whatever the algorithm's name."""

    def __init__(self) -> None:
        self._known: dict[str, Algorithm] = {}

    def algorithm(self, name: str, version: str, *, halves: Halves | None = None) -> Callable[[Decide], Decide]:
        """Decorates the function that decides: `@algorithm("cycling", "2026.1")`."""

        def register(decide: Decide) -> Decide:
            if version in self._known:
                raise ValueError(
                    f"there is an algorithm of version {version} already: {self._known[version].full_name}"
                )
            self._known[version] = Algorithm(name, version, decide, halves)
            return decide

        return register

    def algorithms(self) -> list[Algorithm]:
        """All there are, in the order of their versions."""
        return [self._known[version] for version in sorted(self._known)]

    def find(self, version: str) -> Algorithm:
        """One by its version, or by its full name. Raises MisuseError, which names those there are."""
        for known in self._known.values():
            if version in (known.version, known.full_name):
                return known
        names = ", ".join(known.full_name for known in self.algorithms())
        raise MisuseError(f"{version} is no version of an algorithm. There are: {names}")


_REGISTRY = Registry()
algorithm, algorithms, find_algorithm = _REGISTRY.algorithm, _REGISTRY.algorithms, _REGISTRY.find


@algorithm("cycling", "2026.1", halves=Halves(metrics_rows, judge))
def cycling_2026_1(bundle: Bundle, thresholds: Thresholds) -> Decision:
    """The metrics against the limits, rule by rule."""
    return judge(bundle.decryption.locations, metrics_of(bundle, thresholds), thresholds)
