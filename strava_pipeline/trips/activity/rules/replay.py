"""An algorithm's decisions on past trips with sets of thresholds, compared with the stored decisions and with people's labels.

A label must not depend on metrics or rules. A replay is a sweep of one set, the baseline. Of each trip one small record
is kept; its points are dropped with its batch. The syntax of sets (`--set`, `--grid`) is here, too, because a set is
named by the typed text.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Any

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.json_values import json_bytes, number_text
from strava_pipeline.trips.activity.rules.bundle import (
    MISSING_START_END,
    NOT_BIKE,
    RIDE_NOT_DETECTED,
    Bundle,
    entry_comment,
    submitted_at,
)
from strava_pipeline.trips.activity.rules.text import NOTHING, aligned, cut, one_line
from strava_pipeline.trips.activity.rules.thresholds import Thresholds
from strava_pipeline.trips.activity.rules.verdict import Algorithm, Decision, Verdict

STATUSES: Mapping[str, Verdict] = {"accepted": Verdict.ACCEPTED, "rejected": Verdict.REJECTED}
"""The verdict of each stored status; every other status needs review. A source with other names has its own map."""


PENDING = frozenset({"pending", "needs_review"})
"""Statuses of trips without a decision at the source."""


class Label(StrEnum):
    """The truth about a trip."""

    RIDE = "ride"
    NOT_RIDE = "not_ride"


class Outcome(StrEnum):
    """A new verdict compared with the old one: for a labelled trip better, same or worse, for another same or changed."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    CHANGED = "changed"


_REVIEWS = {"approved": Label.RIDE, "rejected": Label.NOT_RIDE}
_COMMENTS = {NOT_BIKE: Label.NOT_RIDE, RIDE_NOT_DETECTED: Label.RIDE, MISSING_START_END: Label.RIDE}


def truth(bundle: Bundle) -> tuple[Label, str] | tuple[None, None]:
    """The label and its source: the reviewer's decision, or else the latest feedback with a meaningful comment."""
    if bundle.review_status in _REVIEWS:
        return _REVIEWS[bundle.review_status], "review"
    telling = [
        (submitted_at(entry), label)
        for entry in bundle.feedback
        if (label := _COMMENTS.get(entry_comment(entry) or "")) is not None
    ]
    latest = max((at for at, _ in telling), default=None)
    labels = [label for at, label in telling if at == latest]
    return (labels[-1], "feedback") if labels else (None, None)


def stored_verdict(bundle: Bundle, statuses: Mapping[str, Verdict] = STATUSES) -> Verdict:
    """The source's own decision on a trip."""
    return statuses.get(bundle.status or "", Verdict.NEEDS_REVIEW)


def outcome(old: Verdict, new: Verdict, label: Label | None) -> Outcome:
    """Whether the new verdict is nearer to the label than the old one; without a label, whether it differs."""
    if label is None:
        return Outcome.SAME if new == old else Outcome.CHANGED
    gained = _score(new, label) - _score(old, label)
    return Outcome.BETTER if gained > 0 else Outcome.WORSE if gained < 0 else Outcome.SAME


def _score(verdict: Verdict, label: Label) -> float:
    if verdict not in (Verdict.ACCEPTED, Verdict.REJECTED):
        return 0.5
    return float((verdict is Verdict.ACCEPTED) == (label is Label.RIDE))


@dataclass(frozen=True, slots=True)
class ReplayedTrip:
    """One trip: the stored verdict, the new one with its reasons, and which one is nearer to the label."""

    external_id: str
    old: Verdict
    new: Verdict
    reasons: tuple[str, ...]
    label: Label | None
    label_source: str | None
    outcome: Outcome

    def as_json(self) -> dict[str, Any]:
        """The trip in a replay."""
        return {
            "externalId": self.external_id,
            "old": self.old.value,
            "new": self.new.value,
            "label": self.label and self.label.value,
            "label_source": self.label_source,
            "outcome": self.outcome.value,
            "reasons": list(self.reasons),
        }


def replayed(bundle: Bundle, decision: Decision, statuses: Mapping[str, Verdict] = STATUSES) -> ReplayedTrip:
    """One trip's decision, compared with the source's decision and with the label."""
    old, (label, source) = stored_verdict(bundle, statuses), truth(bundle)
    compared = outcome(old, decision.verdict, label)
    return ReplayedTrip(bundle.external_id, old, decision.verdict, decision.reasons, label, source, compared)


@dataclass(frozen=True, slots=True)
class DecidedBatch:
    """The decisions on one batch: for each of the thresholds a record per trip, and a digest of each trip."""

    sets: list[list[ReplayedTrip]]
    digests: list[bytes]


def digest(bundle: Bundle) -> bytes:
    """A digest that doesn't depend on the key that opened the trip."""
    held = bundle.as_json()
    held["decryption"].pop("keyIndex")
    return hashlib.sha256(json_bytes(held)).digest()


_CELLS = {
    (Label.RIDE, Verdict.ACCEPTED): "TP",
    (Label.NOT_RIDE, Verdict.ACCEPTED): "FP",
    (Label.NOT_RIDE, Verdict.REJECTED): "TN",
    (Label.RIDE, Verdict.REJECTED): "FN",
}
_COUNTED = (*_CELLS.values(), "review_ride", "review_not_ride", *(outcome.value for outcome in Outcome))


def scores(counts: Mapping[str, int]) -> dict[str, float | None]:
    """Precision, recall and their harmonic mean; None for a share of nothing."""
    precision, recall = (_share(counts["TP"], counts[others]) for others in ("FP", "FN"))
    both = (precision or 0) + (recall or 0)
    f1 = None if precision is None or recall is None or not both else 2 * precision * recall / both
    return {"precision": precision, "recall": recall, "f1": f1}


def _share(of: int, others: int) -> float | None:
    return of / (of + others) if of + others else None


Groups = Mapping[tuple[Verdict, Verdict, Label | None], int]
"""Numbers of trips by stored verdict, new verdict and label: all that totals depend on."""


def counts_of(groups: Groups) -> dict[str, int]:
    """The cells of the confusion over labelled trips, and the outcomes over all."""
    counts = dict.fromkeys(_COUNTED, 0)
    for (old, new, label), trips in groups.items():
        counts[outcome(old, new, label).value] += trips
        if label is not None:
            counts[_CELLS.get((label, new), f"review_{label.value}")] += trips
    return counts


def totals_of(groups: Groups) -> dict[str, Any]:
    """Numbers of trips, labels, old and new verdicts, outcomes; the confusion and its measures."""
    counts, old, new = counts_of(groups), Counter[Verdict](), Counter[Verdict]()
    for (before, after, _), trips in groups.items():
        old[before] += trips
        new[after] += trips
    return {
        "trips": old.total(),
        "labelled": sum(trips for (*_, label), trips in groups.items() if label is not None),
        "old": {verdict.value: old[verdict] for verdict in Verdict},
        "new": {verdict.value: new[verdict] for verdict in Verdict},
        **counts,
        **scores(counts),
    }


def hash_of(digests: Iterable[bytes | bytearray]) -> str:
    """The hash of trips, from their digests in the order of the trips: two results with one hash are of the same trips."""
    whole = hashlib.sha256()
    for each in digests:
        whole.update(each)
    return f"sha256:{whole.hexdigest()}"


BASELINE = "baseline"


class Sweep:
    """An algorithm with sets of thresholds by name, the baseline first, over batches of trips; `statuses` as in STATUSES.

    `counts`: by set, the cells of the confusion over labelled trips and the outcomes over all. `trips`: by the
    baseline. `moved`: by set, the trips on which it and the baseline decide differently.
    """

    def __init__(
        self, algorithm: Algorithm, sets: Mapping[str, Thresholds], statuses: Mapping[str, Verdict] = STATUSES
    ) -> None:
        self.algorithm, self.sets, self.statuses = algorithm, sets, statuses
        self._groups = {name: Counter[tuple[Verdict, Verdict, Label | None]]() for name in sets}
        self.moved: dict[str, list[dict[str, str | None]]] = {name: [] for name in sets}
        self.trips: list[ReplayedTrip] = []
        self._digests = bytearray()

    def decide(self, bundles: Sequence[Bundle]) -> DecidedBatch:
        """Decide on a batch with every set: the part that needs the points."""
        decided = [
            [replayed(bundle, decision, self.statuses) for bundle, decision in zip(bundles, decisions, strict=True)]
            for decisions in self.algorithm.decide_all(bundles, [*self.sets.values()])
        ]
        return DecidedBatch(decided, [digest(bundle) for bundle in bundles])

    def add(self, bundles: Sequence[Bundle]) -> None:
        """Decide on the next trips and count them."""
        self.count(self.decide(bundles))

    def count(self, batch: DecidedBatch) -> None:
        """Count the next trips, decided elsewhere."""
        self._digests += b"".join(batch.digests)
        self.trips += batch.sets[0]
        for name, trips in zip(self.sets, batch.sets, strict=True):
            self._groups[name].update((trip.old, trip.new, trip.label) for trip in trips)
            for trip, before in zip(trips, batch.sets[0], strict=True):
                label = trip.label and trip.label.value
                if trip.new != before.new:
                    verdicts = {"baseline": before.new.value, "new": trip.new.value}
                    self.moved[name].append({"externalId": trip.external_id, **verdicts, "label": label})

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """By set, `counts_of` its trips."""
        return {name: counts_of(groups) for name, groups in self._groups.items()}

    @property
    def thresholds(self) -> Thresholds:
        """The baseline."""
        return next(iter(self.sets.values()))

    @property
    def input_hash(self) -> str:
        """The hash of all trips, in their order."""
        return hash_of([self._digests])

    @property
    def ranking(self) -> list[str]:
        """The names of the sets, best first: fewer trips worse than stored, then more better ones, then by name."""
        counts = self.counts
        return sorted(self.sets, key=lambda name: (counts[name]["worse"], -counts[name]["better"], name))

    def totals(self) -> dict[str, Any]:
        """`totals_of` the trips by the baseline."""
        return totals_of(next(iter(self._groups.values())))

    def replay_json(self) -> dict[str, Any]:
        """Every trip by the baseline; for the same trips always the same."""
        found = {"totals": self.totals(), "trips": [trip.as_json() for trip in self.trips]}
        return {"format": "activity-trip-replay/1", **self._described(), **found}

    def sweep_json(self) -> dict[str, Any]:
        """The totals of each set, each part by the set's name; for the same trips always the same."""
        return {
            "format": "activity-trip-sweep/1",
            **self._described(),
            "sets": {name: chosen.difference(self.thresholds) for name, chosen in self.sets.items()},
            "confusion": self.counts,
            "scores": {name: scores(counts) for name, counts in self.counts.items()},
            "ranking": self.ranking,
            "moved": self.moved,
        }

    def _described(self) -> dict[str, Any]:
        return {
            "algorithm": self.algorithm.full_name,
            "thresholds_version": self.thresholds.version,
            "thresholds": dict(self.thresholds.values),
            "input_hash": self.input_hash,
        }


def threshold_sets(
    baseline: Thresholds, sets: Sequence[str] = (), grids: Sequence[str] = (), *, cartesian: bool = False
) -> dict[str, Thresholds]:
    """The baseline; a set per `name=key=value[,key=value]`; and per value of each grid `key=a,b,c`, or per combination of them.

    Raises MisuseError for unreadable text, an unknown key, a name given twice.

        # the names: baseline, strict, max_avg_speed_kmh=30, max_avg_speed_kmh=32
        threshold_sets(thresholds(), ["strict=max_avg_speed_kmh=30"], ["max_avg_speed_kmh=30,32"])
    """
    axes: dict[str, dict[float, None]] = {}
    for text in grids:
        key, _, values = text.partition("=")
        axes.setdefault(key.strip(), {}).update(dict.fromkeys(_number(value, text) for value in values.split(",")))
    if cartesian:
        chosen = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    else:
        chosen = [{key: value} for key, values in axes.items() for value in values]
    named = [*map(_named_set, sets), *((_name(changes), changes) for changes in chosen)]
    found = {BASELINE: baseline}
    for name, changes in named:
        if name in found:
            raise MisuseError(f"two sets are called {name}: give each a name of its own")
        found[name] = baseline.with_values(changes)
    return found


def _named_set(text: str) -> tuple[str, dict[str, float]]:
    name, _, rest = text.partition("=")
    pairs = [part.partition("=") for part in rest.split(",")]
    changes = {key.strip(): _number(value, text) for key, equals, value in pairs if equals}
    if not name.strip() or len(changes) != len(pairs):
        raise MisuseError(f"{text!r} is no set: write name=key=value[,key=value], each key once")
    return name.strip(), changes


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise MisuseError(f"{whole!r}: {text.strip() or 'nothing'} is no number") from None


def _name(changes: Mapping[str, float]) -> str:
    return ",".join(f"{key}={number_text(value)}" for key, value in changes.items())


SHOWN = 50  # trips of a list; all of them are in the JSON
_HEAD = ("set", "worse", "better", "same", "changed", "TP", "FN", "FP", "TN", "review", "precision", "recall", "F1")


def sweep_text(sweep: Sweep) -> str:
    """A line per set, best first; then the trips whose result differs from the stored one, and those that a set moves."""
    counts = sweep.counts
    rows = [(cut(name, 34), *_numbers(counts[name])) for name in sweep.ranking]
    order = (Outcome.WORSE, Outcome.BETTER, Outcome.CHANGED)
    others = [trip for wanted in order for trip in sweep.trips if trip.outcome is wanted]
    lines = [
        f"{sweep.algorithm.full_name} with the thresholds {sweep.thresholds.version}, {len(sweep.trips)} trips",
        sweep.input_hash,
        "",
        *aligned([_HEAD, *rows], right=set(range(1, len(_HEAD))), indent=""),
        *_listed("Other verdicts than stored", [_moved_row(trip) for trip in others]),
    ]
    for name in sweep.ranking:
        moved = [
            (one_line(str(trip["externalId"])), f"{trip['baseline']} → {trip['new']}", trip["label"] or NOTHING)
            for trip in sweep.moved[name]
        ]
        lines += _listed(f"{name}: {len(moved)} change sides", moved) if name != BASELINE else []
    return "\n".join(lines) + "\n"


def _numbers(counts: Mapping[str, int]) -> list[str]:
    review = counts["review_ride"] + counts["review_not_ride"]
    shown = [str(counts[name]) for name in _HEAD[1:9]]
    return [*shown, str(review), *(NOTHING if score is None else f"{score:.3f}" for score in scores(counts).values())]


def _moved_row(trip: ReplayedTrip) -> tuple[str, ...]:
    verdicts, label = f"{trip.old.value} → {trip.new.value}", trip.label or NOTHING
    return one_line(trip.external_id), trip.outcome.value, verdicts, label, ", ".join(trip.reasons) or NOTHING


def _listed(title: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    more = len(rows) - SHOWN
    return ["", title, *aligned(rows[:SHOWN]), *([f"  … and {more} more: --format json shows all"] if more > 0 else [])]
