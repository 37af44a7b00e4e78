"""What a replay and a sweep came to, as text: how many changed for better or worse, against what people said, and which."""

from collections.abc import Sequence

from strava_pipeline.core.trips.activity.columns import columns, cut
from strava_pipeline.core.trips.activity.confusion import Confusion
from strava_pipeline.core.trips.activity.labels import Label, Outcome
from strava_pipeline.core.trips.activity.quantities import NOTHING
from strava_pipeline.core.trips.activity.redaction import one_line
from strava_pipeline.core.trips.activity.replay import Replay, Replayed
from strava_pipeline.core.trips.activity.sweep import BASELINE, Sweep

SHOWN = 50  # trips of a list; all of them are in the JSON
_ORDER = (Outcome.WORSE, Outcome.BETTER, Outcome.CHANGED)


def replay_text(replay: Replay) -> str:
    """The totals, the confusion, and the trips that came out otherwise: the worse ones first."""
    totals = replay.totals()
    lines = [
        f"{replay.algorithm.full_name} with the thresholds {replay.thresholds.version}, {totals['trips']} trips",
        f"{replay.input_hash}",
        "",
        *columns(
            [(outcome.value, str(replay.confusion[outcome.value]), _MEANS[outcome]) for outcome in Outcome], right={1}
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
        *columns([head, *rows], right=set(range(1, len(head))), indent=""),
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


_MEANS = {
    Outcome.BETTER: "nearer to what people said than the stored verdict",
    Outcome.SAME: "as near, or nobody said anything and the verdict is the stored one",
    Outcome.WORSE: "farther from it",
    Outcome.CHANGED: "nobody said anything, and the verdict is another",
}


def _place(trip: Replayed) -> int:
    return _ORDER.index(trip.outcome)


def _moved(trips: Sequence[Replayed]) -> list[str]:
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
        *columns([("", "trip", "verdict", "label", "reasons"), *rows]),
        *_rest(len(trips)),
    ]


def _rest(count: int) -> list[str]:
    return [f"  … and {count - SHOWN} more: --format json tells all"] if count > SHOWN else []


def _confusion(confusion: Confusion) -> list[str]:
    rows = [
        ("", "accepted", "rejected", "neither"),
        ("rides", str(confusion["TP"]), str(confusion["FN"]), str(confusion["review_ride"])),
        ("not rides", str(confusion["FP"]), str(confusion["TN"]), str(confusion["review_not_ride"])),
    ]
    precision, recall, f1 = _scores(confusion)
    return [*columns(rows, right={1, 2, 3}), f"  precision {precision}, recall {recall}, F1 {f1}"]


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
