"""From bundles to diagnoses: measured, judged, explained, compared with labels; as JSON, and as rows of the tables of trips.

The JSON is written by `diagnose --format json` and shown by the reports; its missing-ride section orders the phone's
records of a missing ride. Neither JSON nor rows contain positions, device identifiers or free text. How rows are merged
is trips/activity/keeping.py's.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl

from strava_pipeline.core.json_values import finite_number, format_instant, json_bytes, parse_instant
from strava_pipeline.core.rows import frame
from strava_pipeline.trips.activity.rules.bundle import Bundle, entry_comment, exported
from strava_pipeline.trips.activity.rules.explanation import Flip, flip_text, nearest_flip
from strava_pipeline.trips.activity.rules.metrics import metrics_rows
from strava_pipeline.trips.activity.rules.replay import STATUSES, ReplayedTrip, replayed
from strava_pipeline.trips.activity.rules.text import REDACTED, code, safe_text, safe_value, shown_code, version
from strava_pipeline.trips.activity.rules.thresholds import Thresholds
from strava_pipeline.trips.activity.rules.verdict import Decision, Verdict, judge
from strava_pipeline.trips.activity.tables import METRICS, TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A trip, its decision, and its JSON diagnosis."""

    bundle: Bundle
    decision: Decision
    diagnosis: Mapping[str, Any]
    thresholds: Thresholds

    @property
    def flip(self) -> str:
        """The sentence about the change that would flip the verdict."""
        return flip_text(self.decision, nearest_flip(self.decision, self.thresholds), self.thresholds)


def diagnose(
    bundles: Sequence[Bundle],
    thresholds: Thresholds,
    routes: Mapping[str, float] | None = None,
    statuses: Mapping[str, Verdict] = STATUSES,
) -> list[Diagnosed]:
    """A diagnosis per bundle, in their order; `routes`: metres by a router, by external id."""
    rows = metrics_rows(bundles, thresholds, routes)
    return [_diagnosed(bundle, row, thresholds, statuses) for bundle, row in zip(bundles, rows, strict=True)]


def _diagnosed(
    bundle: Bundle, metrics: Mapping[str, Any], thresholds: Thresholds, statuses: Mapping[str, Verdict]
) -> Diagnosed:
    decision = judge(bundle.decryption.locations, metrics, thresholds)
    flip = nearest_flip(decision, thresholds)
    diagnosis = trip_diagnosis(bundle, metrics, decision, flip, replayed(bundle, decision, statuses))
    return Diagnosed(bundle, decision, diagnosis, thresholds)


FORMAT = "activity-trip-diagnosis/1"


def trip_diagnosis(
    bundle: Bundle, metrics: Mapping[str, Any], decision: Decision, flip: Flip | None, beside: ReplayedTrip
) -> dict[str, Any]:
    """One trip of the diagnosis, its keys in the order in which they are written."""
    states = exported(bundle.decryption)
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
        "label": beside.label and beside.label.value,
        "label_source": beside.label_source,
        "outcome_vs_stored": beside.outcome.value,
        "key_index": key_index,
        "has_diagnostic": missing is not None,
        "missing_ride": missing,
    }


def _safe_mix(mix: Mapping[str, float]) -> dict[str, float]:
    """Shares by name. A phone chooses its activities' names freely: names that are equal once positions are removed are
    added up.
    """
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
    """The missing-ride section, or None without a diagnostic in any feedback.

    `summary`: counts, and the errors and warnings, errors first; `logs`: every line by its time, lines without one
    last; `since_previous_s`: from the line before, `gap`: more than 60 s. `shapes`: values of unknown form, as their
    types.
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
    """The type of a value, which is shown instead of the value."""
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
    """`error` or `warning`, under any of the phone's names; None for other lines."""
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


TRIPS = "trips"  # the source of these rows, as `strava` is of activities


def year_of(row: Mapping[str, Any]) -> int | None:
    """The year in UTC of a trip's start, else of its creation; None without either."""
    candidates = (_instant(row.get("start_time")), _instant(row.get("created_at")))
    return next((moment.year for moment in candidates if moment is not None), None)


def index_rows(rows: Sequence[Mapping[str, Any]], bundles: Sequence[Bundle], partitions: list[int]) -> pl.DataFrame:
    """Trips for `trip_index`; `rows`: their id, CODES and creation as in the source."""
    extras = [extra if isinstance(extra, Mapping) else {} for extra in (bundle.extra_properties for bundle in bundles)]
    reported = [bundle.summary for bundle in bundles]
    return frame(
        {
            "external_id": [bundle.external_id for bundle in bundles],
            "source": [TRIPS] * len(rows),
            "year": partitions,
            "trip_id": [str(row["id"]) for row in rows],
            "distance_m": [finite_number(each.distance_meters) for each in reported],
            "started_at": [_instant(each.start_time) for each in reported],
            "ended_at": [_instant(each.end_time) for each in reported],
            "duration_s": [finite_number(each.duration_seconds) for each in reported],
            "location_count": [_whole(each.location_count) for each in reported],
            "created_at": [_instant(row["created_at"]) for row in rows],
            **{name: [shown_code(row[name]) for row in rows] for name in CODES},
            "algorithm_version": [_version(extra.get("algorithm_version")) for extra in extras],
            "recording_trigger": [shown_code(extra.get("recording_trigger")) for extra in extras],
        },
        TRIP_INDEX,
    )


CODES = ("platform", "status", "review_status", "rejection_reason", "activity_type")


def diagnostics_rows(diagnosed: Sequence[Diagnosed], partitions: list[int], thresholds_version: str) -> pl.DataFrame:
    """Trips with their objects of the JSON diagnosis, for `trip_diagnostics`."""
    bundles = [trip.bundle for trip in diagnosed]
    found = [trip.diagnosis for trip in diagnosed]
    values: dict[str, list[Any]] = {
        "external_id": [bundle.external_id for bundle in bundles],
        "source": [TRIPS] * len(bundles),
        "year": partitions,
        "locations_state": [bundle.decryption.locations.value for bundle in bundles],
        "activity_distribution_state": [bundle.decryption.activity_distribution.value for bundle in bundles],
        "feedback_state": [bundle.decryption.feedback.value for bundle in bundles],
        "key_index": [bundle.decryption.key_index for bundle in bundles],
        "thresholds_version": [thresholds_version] * len(bundles),
        "primary_reason": [diagnosis["primary"] for diagnosis in found],
        "nearest_flip": [_json(diagnosis["nearest_flip"]) for diagnosis in found],
        "comments": [_comments(bundle) for bundle in bundles],
        **{name: [diagnosis[name] for diagnosis in found] for name in _DIAGNOSIS_KEYS},
        **{column.name: [diagnosis["metrics"][column.name] for diagnosis in found] for column in METRICS},
    }
    values["activity_mix"] = [_json(_codes_only(diagnosis["metrics"]["activity_mix"])) for diagnosis in found]
    return frame(values, TRIP_DIAGNOSTICS)


_DIAGNOSIS_KEYS = ("verdict", "reasons", "label", "label_source", "outcome_vs_stored", "has_diagnostic")


def replay_row(algorithm: str, thresholds_version: str, input_hash: str, totals: Mapping[str, Any]) -> pl.DataFrame:
    """The totals of one version of an algorithm over all trips, for `trip_replay`."""
    values = {column: [totals[name]] for column, name in _TOTALS.items()}
    identity = {"algorithm": [algorithm], "thresholds_version": [thresholds_version], "input_hash": [input_hash]}
    return frame({**identity, "source": [TRIPS], **values}, TRIP_REPLAY)


_TOTALS = {
    **{name: name for name in ("trips", "labelled", "better", "same", "worse", "changed")},
    **{name: name for name in ("precision", "recall", "f1")},
    "rides_accepted": "TP",
    "rides_rejected": "FN",
    "others_accepted": "FP",
    "others_rejected": "TN",
    "rides_in_review": "review_ride",
    "others_in_review": "review_not_ride",
}


def _instant(value: Any) -> datetime | None:
    seconds = parse_instant(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _whole(value: Any) -> int | None:
    number = finite_number(value)
    return None if number is None or abs(number) >= 2**63 else int(number)


def _version(value: Any) -> str | None:
    return version(value) or shown_code(value)


def _comments(bundle: Bundle) -> list[str]:
    codes = (code(entry_comment(entry)) for entry in bundle.feedback)
    return [found for found in codes if found is not None]


def _codes_only(mix: Mapping[str, float]) -> dict[str, float]:
    return {name: share for name, share in sorted(mix.items()) if code(name) is not None}


def _json(value: Any) -> str | None:
    return None if value is None else json_bytes(value).decode()
