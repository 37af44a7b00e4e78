"""The tables of a trip's report, in the text report and on the page.

No positions. The missing-ride section is diagnosis.py's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strava_pipeline.core.json_values import format_instant
from strava_pipeline.trips.activity.rules.bundle import Bundle, State, entry_comment, submitted_at
from strava_pipeline.trips.activity.rules.diagnosis import severity
from strava_pipeline.trips.activity.rules.text import (
    NOTHING,
    duration,
    one_line,
    quantity,
    safe_text,
    shown_code,
    unit_of,
)
from strava_pipeline.trips.activity.rules.verdict import Verdict

LABELS = {"ride": "a ride", "not_ride": "no ride", None: "none: neither a review nor a feedback says what it was"}
OUTCOMES = {
    "better": "better than the stored verdict",
    "same": "same as the stored verdict",
    "worse": "worse than the stored verdict",
    "changed": "changed, without a label that would tell which one is right",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A table. With `headings`, the columns after the first hold numbers."""

    title: str
    rows: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...] = ()


def sections(bundle: Bundle, diagnosis: Mapping[str, Any]) -> list[Section]:
    """All tables of one trip, in the order of reading; without those of a missing ride."""
    metrics = readable_metrics(diagnosis)
    return [
        _trip(bundle),
        _label(bundle, diagnosis),
        _distances(metrics),
        _speeds(metrics),
        _noise(metrics),
        _movement(metrics),
        _mix(metrics),
        _clipping(metrics),
        _decryption(diagnosis),
        _feedback(bundle),
    ]


def shown(value: Any) -> str:
    """A value of the source in a safe form: one line, no positions, yes and no for booleans."""
    if value is None or value == "":
        return NOTHING
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else safe_text(str(value))


def readable_metrics(diagnosis: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metrics for people: if the points can't be read, every metric of points is missing, including their number."""
    metrics: Mapping[str, Any] = diagnosis["metrics"]
    if diagnosis["verdict"] != Verdict.UNKNOWN:
        return metrics
    return {name: value if name in _WITHOUT_POINTS else None for name, value in metrics.items()}


_WITHOUT_POINTS = frozenset({"distance_reported_m", "duration_reported_s", "activity_mix", "activity_source"})


def metric(metrics: Mapping[str, Any], name: str) -> str:
    """A metric with its unit."""
    return quantity(metrics.get(name), unit_of(name))


def _trip(bundle: Bundle) -> Section:
    extra = bundle.extra_properties if isinstance(bundle.extra_properties, Mapping) else {}
    rows = (
        ("external id", one_line(bundle.external_id)),
        ("platform", shown(shown_code(bundle.platform))),
        ("algorithm version", shown(extra.get("algorithm_version"))),
        ("recording trigger", shown(extra.get("recording_trigger"))),
        ("activity type", shown(shown_code(bundle.summary.activity_type))),
        ("started", shown(bundle.summary.start_time)),
        ("ended", shown(bundle.summary.end_time)),
    )
    return Section("Trip", rows)


def _label(bundle: Bundle, diagnosis: Mapping[str, Any]) -> Section:
    label, source = diagnosis["label"], diagnosis["label_source"]
    outcome = diagnosis["outcome_vs_stored"]
    rows = (
        ("status", shown(shown_code(bundle.status))),
        ("review", shown(shown_code(bundle.review_status))),
        ("rejection reason", shown(shown_code(bundle.rejection_reason))),
        ("label", LABELS.get(label, shown(label)) + (f", says the {source}" if source else "")),
        ("our verdict is", OUTCOMES.get(outcome, shown(outcome))),
    )
    return Section("Stored", rows)


def _distances(metrics: Mapping[str, Any]) -> Section:
    mismatch = metrics.get("distance_mismatch")
    rows: list[tuple[str, ...]] = [
        ("reported by the phone", metric(metrics, "distance_reported_m"), metric(metrics, "duration_reported_s")),
        ("along the track", metric(metrics, "haversine_m"), metric(metrics, "duration_s")),
        ("along the track, with jumps", metric(metrics, "haversine_raw_m"), ""),
        ("while moving", "", metric(metrics, "moving_s")),
        ("straight from start to end", metric(metrics, "net_displacement_m"), ""),
        ("reported differs from track by", quantity(mismatch, "%"), ""),
    ]
    if metrics.get("distance_route_m") is not None:
        ratio = metrics.get("route_ratio")
        rows.append(("by road, as routed", metric(metrics, "distance_route_m"), ""))
        rows.append(("track to route", NOTHING if ratio is None else f"{ratio:.2f} : 1", ""))
    return Section("Distances and durations", tuple(rows), ("", "distance", "duration"))


def _speeds(metrics: Mapping[str, Any]) -> Section:
    rows: list[tuple[str, ...]] = [
        (name, metric(metrics, f"speed_device_{key}_kmh"), metric(metrics, f"speed_displacement_{key}_kmh"))
        for key, name in (("p50", "median"), ("p85", "85 % below"), ("p95", "95 % below"), ("max", "highest"))
    ]
    rows.append(("average", "", metric(metrics, "avg_speed_kmh")))
    rows.append(("average while moving", "", metric(metrics, "moving_avg_speed_kmh")))
    rows.append(("points with a speed", metric(metrics, "device_speed_share"), ""))
    source = metrics.get("speed_source")
    rows.append(("speed source", *("yes" if source == name else "" for name in ("device", "displacement"))))
    return Section("Speeds", tuple(rows), ("", "device", "displacement"))


def _noise(metrics: Mapping[str, Any]) -> Section:
    rows = (
        ("points recorded", metric(metrics, "points_raw")),
        ("points used", metric(metrics, "points_used")),
        ("invalid points", metric(metrics, "points_invalid")),
        ("duplicate timestamps", metric(metrics, "duplicate_timestamps")),
        ("unsorted timestamps", metric(metrics, "unsorted_timestamps")),
        ("location count mismatch", shown(metrics.get("location_count_mismatch"))),
        ("accuracy", f"{metric(metrics, 'accuracy_p50_m')} median, {metric(metrics, 'accuracy_p95_m')} for 95 %"),
        ("poor accuracy", f"{metric(metrics, 'accuracy_poor_share')} of points"),
        ("jitter", f"{metric(metrics, 'jitter_p50_m')} median, {metric(metrics, 'jitter_p95_m')} for 95 %"),
        (
            "gaps",
            f"{metric(metrics, 'gaps')}, {metric(metrics, 'gap_total_s')}, {metric(metrics, 'gap_share')} of the duration",
        ),
        ("longest step", metric(metrics, "gap_max_s")),
        ("teleports", f"{metric(metrics, 'teleports')}, {metric(metrics, 'teleport_share')} of steps"),
    )
    return Section("Noise", rows)


def _movement(metrics: Mapping[str, Any]) -> Section:
    rows = (
        ("stationary", f"{metric(metrics, 'stationary_share')} of the recorded time"),
        ("straightness", NOTHING if metrics.get("straightness") is None else f"{metrics['straightness']:.2f} of 1"),
    )
    return Section("Movement", rows)


def _mix(metrics: Mapping[str, Any]) -> Section:
    mix, source = metrics.get("activity_mix") or {}, metrics.get("activity_source")
    held = sorted(mix.items(), key=lambda kind: (-kind[1] if isinstance(kind[1], int | float) else 0, kind[0]))
    rows = [(safe_text(str(kind)), _mix_share(share)) for kind, share in held]
    source = {"stored": "the stored distribution", "points": "the points' own", None: NOTHING}.get(
        source, shown(source)
    )
    return Section("Activity mix", (*rows, ("told by", source)))


def _mix_share(share: Any) -> str:
    """A share in percent; a stored number that isn't a share, such as 80 for 80 %, unchanged."""
    if not isinstance(share, int | float):
        return NOTHING
    return quantity(share, "%") if 0 <= share <= 1 else f"{share:g} (as stored; a share is from 0 to 1)"


def _clipping(metrics: Mapping[str, Any]) -> Section:
    rows = (
        ("before the first point", metric(metrics, "clip_start_s")),
        ("after the last point", metric(metrics, "clip_end_s")),
    )
    return Section("Clipping", rows)


def _decryption(diagnosis: Mapping[str, Any]) -> Section:
    index = diagnosis["key_index"]
    key = NOTHING if index is None else "0 (the newest)" if index == 0 else str(index)
    names = {"locations": "locations", "activityDistribution": "activity distribution", "feedback": "feedback"}
    rows = [(names.get(column, column), shown(state)) for column, state in diagnosis["decryption"].items()]
    return Section("Decryption", (*rows, ("key that opened the locations", key)))


def _feedback(bundle: Bundle) -> Section:
    if bundle.decryption.feedback in (State.UNDECRYPTABLE, State.MALFORMED):
        return Section("Feedback", (("not readable", bundle.decryption.feedback.value),))
    entries = sorted(bundle.feedback, key=submitted_at)
    rows = [
        (format_instant(submitted_at(entry)) or "no date", shown(shown_code(entry_comment(entry)))) for entry in entries
    ]
    return Section("Feedback", tuple(rows) or (("none", NOTHING),))


def pause_text(line: Mapping[str, Any]) -> str:
    """The time since the previous line of a log."""
    since = line["since_previous_s"]
    return "" if since is None else f"+{duration(since)}"


def phone_section(missing: Mapping[str, Any]) -> Section:
    """The phone's report about itself: permissions, power, versions, and everything else."""
    rows = [(f"permission: {name}", shown(value)) for name, value in (missing["permissions"] or {}).items()]
    rows.append(("low-power mode", shown(missing["low_power_mode"])))
    rows += [(name, shown(value)) for kind in ("versions", "other", "shapes") for name, value in missing[kind].items()]
    return Section("Missing ride", tuple(rows))


def log_section(missing: Mapping[str, Any]) -> Section:
    """The amount of log lines, then errors and warnings, errors first."""
    summary = missing["summary"]
    longest = summary["longest_gap_s"]
    rows = [
        ("lines", f"{summary['lines']}, of these errors {summary['errors']}, warnings {summary['warnings']}"),
        (
            "silences",
            f"{summary['gaps']} of more than 60 s" + (f", the longest {duration(longest)}" if longest else ""),
        ),
    ]
    rows += [
        (line["level"] or NOTHING, " – ".join(filter(None, (line["event"], line["message"], line["at"]))))
        for line in summary["worst"]
    ]
    return Section("Missing ride: summary of the log", tuple(rows))


def log_rows(missing: Mapping[str, Any]) -> list[dict[str, str]]:
    """The log, a row a line: time, time since the previous one, mark, level, event, message with further fields, severity."""
    return [
        {
            "at": line["at"] or "no time",
            "since": pause_text(line),
            "mark": "SILENCE" if line["gap"] else "",
            "level": line["level"] or NOTHING,
            "event": line["event"] or NOTHING,
            "message": " ".join(
                [line["message"] or "", *(f"{name}={value}" for name, value in line["other"].items())]
            ).strip()
            or NOTHING,
            "severity": severity(line) or "",
        }
        for line in missing["logs"]
    ]
