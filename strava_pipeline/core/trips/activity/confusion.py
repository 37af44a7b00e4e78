"""Verdicts against labels, counted: who was taken for what, and how good that is."""

from strava_pipeline.core.trips.activity.decision import Verdict
from strava_pipeline.core.trips.activity.labels import Label, Outcome

_CELLS = {
    (Label.RIDE, Verdict.ACCEPTED): "TP",
    (Label.NOT_RIDE, Verdict.ACCEPTED): "FP",
    (Label.NOT_RIDE, Verdict.REJECTED): "TN",
    (Label.RIDE, Verdict.REJECTED): "FN",
}
_NAMES = (*_CELLS.values(), "review_ride", "review_not_ride", *(outcome.value for outcome in Outcome))


class Confusion:
    """Counts over trips, one `add` each: the cells over labelled ones, the outcomes over all."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_NAMES, 0)

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def add(self, verdict: Verdict, label: Label | None, outcome: Outcome) -> None:
        """Counts one trip."""
        self._counts[outcome.value] += 1
        if label is not None:
            self._counts[_CELLS.get((label, verdict), f"review_{label.value}")] += 1

    @property
    def precision(self) -> float | None:
        """Of the accepted, the share of rides; None where none was accepted."""
        return _share(self["TP"], self["FP"])

    @property
    def recall(self) -> float | None:
        """Of the rides decided, the share accepted; None where none was decided."""
        return _share(self["TP"], self["FN"])

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; None where one is None or both are 0."""
        precision, recall = self.precision, self.recall
        if precision is None or recall is None or precision + recall == 0:
            return None
        return 2 * precision * recall / (precision + recall)

    def as_json(self) -> dict[str, int]:
        """The counts."""
        return dict(self._counts)

    def scores(self) -> dict[str, float | None]:
        """The three measures."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}


def _share(of: int, others: int) -> float | None:
    return of / (of + others) if of + others else None
