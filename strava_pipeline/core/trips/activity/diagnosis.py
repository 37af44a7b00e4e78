"""From bundles to diagnoses: measured, judged, explained, set beside what people said; and the JSON diagnosis of a trip.

The JSON is what `diagnose --format json` writes, and what the reports show. The missing-ride section puts what the phone
recorded of a missing ride in order. No positions, no device identifiers, no feedback.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.explanation import Flip, flip_text, nearest_flip
from strava_pipeline.core.trips.activity.metrics import metrics_rows
from strava_pipeline.core.trips.activity.replay import STATUSES, replayed
from strava_pipeline.core.trips.activity.text import REDACTED, safe_text, safe_value
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.verdict import Decision, Verdict, judge
from strava_pipeline.core.trips.values import format_instant, parse_instant


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A trip, its JSON diagnosis, and the sentence that says what would flip its verdict."""

    bundle: Bundle
    diagnosis: Mapping[str, Any]
    flip: str


def diagnose(
    bundles: Sequence[Bundle],
    thresholds: Thresholds,
    routes: Mapping[str, float] | None = None,
    statuses: Mapping[str, Verdict] = STATUSES,
) -> list[Diagnosed]:
    """A diagnosis per bundle, in their order; `routes`: metres of a router, by external id."""
    rows = metrics_rows(bundles, thresholds, routes)
    return [_diagnosed(bundle, row, thresholds, statuses) for bundle, row in zip(bundles, rows, strict=True)]


def _diagnosed(
    bundle: Bundle, metrics: Mapping[str, Any], thresholds: Thresholds, statuses: Mapping[str, Verdict]
) -> Diagnosed:
    decision = judge(bundle.decryption.locations, metrics, thresholds)
    flip = nearest_flip(decision, thresholds)
    beside = replayed(bundle, decision, statuses)
    diagnosis = trip_diagnosis(
        bundle,
        metrics,
        decision,
        flip,
        beside.truth.label.value if beside.truth else None,
        beside.truth.source if beside.truth else None,
        beside.outcome.value,
    )
    return Diagnosed(bundle, diagnosis, flip_text(decision, flip, thresholds))


FORMAT = "activity-trip-diagnosis/1"


def trip_diagnosis(
    bundle: Bundle,
    metrics: Mapping[str, Any],
    decision: Decision,
    flip: Flip | None,
    label: str | None,
    label_source: str | None,
    outcome: str,
) -> dict[str, Any]:
    """One trip of the diagnosis, its keys in the order in which they are written."""
    states = bundle.decryption.as_json()
    key_index = states.pop("keyIndex")
    missing = missing_ride(bundle)
    return {
        "externalId": bundle.external_id,
        "decryption": states,
        "metrics": {**metrics, "activity_mix": _safe_mix(metrics.get("activity_mix") or {})},
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
        "primary": decision.primary,
        "nearest_flip": None if flip is None else flip.as_json(),
        "label": label,
        "label_source": label_source,
        "outcome_vs_stored": outcome,
        "key_index": key_index,
        "has_diagnostic": missing is not None,
        "missing_ride": missing,
    }


def _safe_mix(mix: Mapping[str, float]) -> dict[str, float]:
    """Shares by name. A phone names activities freely: names that are equal once positions are removed are added up."""
    shares: dict[str, float] = {}
    for name, share in sorted(mix.items()):
        shown = safe_text(name)
        shares[shown] = shares[shown] + share if shown in shares else share
    return shares


SILENCE_S = 60  # a longer pause between two lines is marked: the app was asleep, or killed
_LOW_POWER = frozenset({"lowpowermode", "islowpowermode", "lowpowermodeenabled", "islowpowermodeenabled", "lowpower"})
_TIME, _LEVEL, _EVENT, _MESSAGE = (
    ("timestamp", "time", "at", "ts"),
    ("level", "severity"),
    ("event", "name"),
    ("message", "msg"),
)
_KNOWN_FIELDS = frozenset({*_TIME, *_LEVEL, *_EVENT, *_MESSAGE})
_WORSE = {
    "fatal": "error",
    "critical": "error",
    "error": "error",
    "err": "error",
    "warning": "warning",
    "warn": "warning",
}


def missing_ride(bundle: Bundle) -> dict[str, Any] | None:
    """The section; None without a diagnostic in any feedback.

    `summary`: counts, and the errors and warnings, errors first; `logs`: every line by its time, lines without one last;
    `since_previous_s`: from the line before, `gap`: more than 60 s. `shapes`: what has no known form, as its type.
    """
    diagnostic = bundle.diagnostic
    if diagnostic is None:
        return None
    versions, other, shapes = {}, {}, {}
    for name, value in diagnostic.items():
        key, shown = safe_text(str(name)), safe_value(str(name), value)
        if name == "permissions" or _plain(name) in _LOW_POWER or (name == "logs" and isinstance(value, list)):
            continue
        if shown != REDACTED and isinstance(value, Mapping | list):
            shapes[key] = shape(value)
        elif "version" in _plain(name):
            versions[key] = shown
        else:
            other[key] = shown
    logs = _lines(diagnostic.get("logs"))
    return {
        "permissions": _permissions(diagnostic.get("permissions")),
        "low_power_mode": next((_scalar(diagnostic[key]) for key in diagnostic if _plain(key) in _LOW_POWER), None),
        "versions": versions,
        "other": other,
        "shapes": shapes,
        "summary": _summary(logs),
        "logs": logs,
    }


def shape(value: Any) -> str:
    """The type of a value that is not shown itself."""
    if isinstance(value, Mapping):
        return f"object of {len(value)}"
    return f"list of {len(value)}" if isinstance(value, list) else type(value).__name__


def _plain(name: Any) -> str:
    return str(name).lower().replace("_", "").replace("-", "")


def _scalar(value: Any) -> Any:
    return shape(value) if isinstance(value, Mapping | list) else safe_value("", value)


def _permissions(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return {"permissions": _scalar(given)}
    shown = {safe_text(str(name)): (value, safe_value(str(name), value)) for name, value in given.items()}
    nested = {name for name, (value, safe) in shown.items() if isinstance(value, Mapping | list) and safe != REDACTED}
    return {name: shape(value) if name in nested else safe for name, (value, safe) in shown.items()}


def _lines(given: Any) -> list[dict[str, Any]]:
    entries = [(_moment(entry), entry) for entry in given] if isinstance(given, list) else []
    entries.sort(key=lambda entry: float("inf") if entry[0] is None else entry[0])
    lines: list[dict[str, Any]] = []
    previous: float | None = None
    for at, entry in entries:
        since = None if at is None or previous is None else round(at - previous, 3)
        lines.append(_line(at, since, entry))
        previous = at  # lines without a time are the last
    return lines


def _line(at: float | None, since: float | None, entry: Any) -> dict[str, Any]:
    fields = entry if isinstance(entry, Mapping) else {"message": entry if isinstance(entry, str) else shape(entry)}
    return {
        "at": format_instant(at),
        "since_previous_s": since,
        "gap": since is not None and since > SILENCE_S,
        "level": _text(fields, _LEVEL),
        "event": _text(fields, _EVENT),
        "message": _text(fields, _MESSAGE),
        "other": {
            safe_text(str(name)): safe_value(str(name), value)
            for name, value in fields.items()
            if name not in _KNOWN_FIELDS
        },
    }


def _moment(entry: Any) -> float | None:
    if not isinstance(entry, Mapping):
        return None
    return next((at for at in (parse_instant(entry.get(name)) for name in _TIME) if at is not None), None)


def _text(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    found = next((fields[name] for name in names if fields.get(name) is not None), None)
    if found is None:
        return None
    return shape(found) if isinstance(found, Mapping | list) else safe_text(str(found))


def severity(line: Mapping[str, Any]) -> str | None:
    """`error` or `warning`, whatever the phone calls it; None for every other line."""
    return _WORSE.get((line["level"] or "").strip().lower())


def _summary(logs: list[dict[str, Any]]) -> dict[str, Any]:
    of = Counter(severity(line) for line in logs)
    times = [line["at"] for line in logs if line["at"] is not None]
    pauses = [line["since_previous_s"] for line in logs if line["gap"]]
    return {
        "lines": len(logs),
        "errors": of["error"],
        "warnings": of["warning"],
        "gaps": len(pauses),
        "longest_gap_s": max(pauses, default=None),
        "first_at": times[0] if times else None,
        "last_at": times[-1] if times else None,
        "worst": [
            {name: line[name] for name in ("at", "level", "event", "message")}
            for wanted in ("error", "warning")
            for line in logs
            if severity(line) == wanted
        ],
    }
