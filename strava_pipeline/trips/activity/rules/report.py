"""Reports of trips: of one trip as text or as a part of a page, and of many as one output (text, JSON or a page), part by part.

The first three lines of a text answer "why", then come the reasons, then every table; at most 100 columns, no colour. The page is
one HTML file without scripts that needs no network; its look is in page/, and everything is escaped on its way into it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from textwrap import wrap
from typing import Any

from strava_pipeline.core.json_values import json_bytes
from strava_pipeline.core.text import templates
from strava_pipeline.trips.activity.rules.bundle import Bundle
from strava_pipeline.trips.activity.rules.charts import (
    Chart,
    accuracy_chart,
    speed_chart,
    speed_histogram,
    speeds_by,
)
from strava_pipeline.trips.activity.rules.diagnosis import FORMAT, Diagnosed
from strava_pipeline.trips.activity.rules.explanation import VERDICTS, Reason, limit_words, reasons, rules_with_numbers
from strava_pipeline.trips.activity.rules.sections import (
    Section,
    log_rows,
    log_section,
    phone_section,
    readable_metrics,
    sections,
)
from strava_pipeline.trips.activity.rules.text import NOTHING, WIDTH, aligned, cut, one_line, quantity, unit_of
from strava_pipeline.trips.activity.rules.thresholds import Thresholds
from strava_pipeline.trips.activity.rules.track import drawn, sketch

_INDENT = "  "


def trip_report(bundle: Bundle, diagnosis: Mapping[str, Any], thresholds: Thresholds, flip: str) -> str:
    """The whole report of one trip. `diagnosis`: its JSON diagnosis; `flip`: the sentence of explanation.py."""
    missing = diagnosis["missing_ride"]
    limits = _limits(reasons(diagnosis, thresholds), thresholds)
    parts = [explanation(diagnosis, thresholds, flip), limits, *map(_table, sections(bundle, diagnosis))]
    if missing is not None:
        parts += [_table(phone_section(missing)), _table(log_section(missing)), _log(missing)]
    return "\n\n".join(part for part in parts if part) + "\n"


def explanation(diagnosis: Mapping[str, Any], thresholds: Thresholds, flip: str) -> str:
    """Only the verdict, the reasons and the change that would flip the verdict."""
    found = reasons(diagnosis, thresholds)
    lines = [
        *wrap(f"{one_line(diagnosis['externalId'])}: {verdict_line(diagnosis)}", WIDTH, subsequent_indent=_INDENT * 3),
        *_labelled("why", why(found)),
        *_labelled("flip", flip),
    ]
    if found:
        lines += [
            "",
            f"Reasons (thresholds {thresholds.version})",
            *aligned([_reason_row(*row) for row in enumerate(found, 1)]),
        ]
    return "\n".join(lines)


def verdict_line(diagnosis: Mapping[str, Any]) -> str:
    """The verdict with the codes of its reasons."""
    verdict = VERDICTS.get(diagnosis["verdict"], diagnosis["verdict"]).upper()
    return f"{verdict} ({', '.join(diagnosis['reasons'])})" if diagnosis["reasons"] else verdict


def why(found: Sequence[Reason]) -> str:
    """One sentence: the meaning of the first reason, with its number."""
    if not found:
        return "no rule hits"
    first, more = found[0], len(found) - 1
    number = f" ({first.metric} {first.comparison})" if first.comparison else ""
    return f"{first.means or first.code}{number}" + (f"; {more} more reason{'s' * (more > 1)}" if more else "")


def overview(trips: Sequence[tuple[Bundle, Mapping[str, Any]]]) -> str:
    """A line per trip, and the totals."""
    head = ("trip", "started", "verdict", "first reason", "distance", "label", "vs stored")
    rows = [_overview_row(bundle, diagnosis) for bundle, diagnosis in trips]
    return (
        "\n".join([*aligned([head, *rows], right={4}, indent=""), "", *_totals([found for _, found in trips])]) + "\n"
    )


def _overview_row(bundle: Bundle, diagnosis: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        cut(one_line(diagnosis["externalId"]), 17),
        (bundle.summary.start_time or NOTHING)[:10],
        VERDICTS.get(diagnosis["verdict"], diagnosis["verdict"]),
        diagnosis["primary"] or NOTHING,
        quantity(readable_metrics(diagnosis).get("haversine_m"), "m"),
        diagnosis["label"] or NOTHING,
        diagnosis["outcome_vs_stored"],
    )


def _totals(diagnoses: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = {
        "verdicts": Counter(VERDICTS.get(found["verdict"], found["verdict"]) for found in diagnoses),
        "first reasons": Counter(found["primary"] for found in diagnoses if found["primary"]),
        "vs stored": Counter(found["outcome_vs_stored"] for found in diagnoses),
        "labels": Counter(found["label"] or "none" for found in diagnoses),
        "locations": Counter(found["decryption"]["locations"] for found in diagnoses),
    }
    lines = [("trips", str(len(diagnoses)))]
    for name, counts in counted.items():
        ordered = sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))
        lines.append((name, ", ".join(f"{number} {what}" for what, number in ordered) or NOTHING))
    return aligned(lines, indent="")


def _reason_row(number: int, reason: Reason) -> tuple[str, ...]:
    return (str(number), reason.severity, reason.code, reason.comparison or NOTHING, reason.means)


def _limits(found: Sequence[Reason], thresholds: Thresholds) -> str:
    """The sources of these reasons' limits."""
    lines: list[str] = []
    for key in dict.fromkeys(reason.limit_key for reason in found if reason.limit_key):
        text = f"{key}: {limit_words(thresholds, key)}"
        lines += wrap(text, WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT * 2, break_on_hyphens=False)
    return "\n".join(["Why these limits", *lines]) if lines else ""


def _labelled(label: str, text: str) -> list[str]:
    indent = " " * 6
    return wrap(text, WIDTH, initial_indent=f"{label:<6}", subsequent_indent=indent, break_on_hyphens=False) or [label]


def _table(section: Section) -> str:
    numeric = set(range(1, len(section.headings)))
    rows = [section.headings, *section.rows] if section.headings else list(section.rows)
    return "\n".join([section.title, *aligned(rows, right=numeric)])


def _log(missing: Mapping[str, Any]) -> str:
    rows = [
        (row["at"], row["since"], row["mark"], row["level"], row["event"], row["message"]) for row in log_rows(missing)
    ]
    return "\n".join(["Missing ride: log", *aligned(rows)]) if rows else ""


_FACTS = (
    ("distance", "haversine_m"),
    ("duration", "duration_s"),
    ("average", "avg_speed_kmh"),
    ("95 % below", "speed_p95_kmh"),
    ("accuracy", "accuracy_p50_m"),
    ("points used", "points_used"),
)


def trips_page(trips: Sequence[tuple[Bundle, Mapping[str, Any], str]], thresholds: Thresholds) -> str:
    """The page of one trip or of many: each with its JSON diagnosis and the sentence about the change that would flip
    its verdict.
    """
    shown_trips = [_page_trip(*trip, thresholds) for trip in trips]
    verdicts = Counter(trip["verdict"] for trip in shown_trips)
    return (
        templates(__package__)
        .get_template("page.html")
        .render(
            trips=shown_trips,
            verdicts=[(verdict, verdicts[verdict]) for verdict in VERDICTS if verdicts[verdict]],
            verdict_names=VERDICTS,
            version=thresholds.version,
        )
    )


def _page_trip(bundle: Bundle, diagnosis: Mapping[str, Any], flip: str, thresholds: Thresholds) -> dict[str, Any]:
    metrics, missing = readable_metrics(diagnosis), diagnosis["missing_ride"]
    found = reasons(diagnosis, thresholds)
    return {
        "name": one_line(bundle.external_id),
        "on": (bundle.summary.start_time or NOTHING)[:10],
        "verdict": diagnosis["verdict"],
        "why": why(found),
        "flip": flip,
        "primary": diagnosis["primary"],
        "label": diagnosis["label"],
        "outcome": diagnosis["outcome_vs_stored"],
        "distance": quantity(metrics.get("haversine_m"), "m"),
        "facts": [(name, quantity(metrics.get(metric), unit_of(metric))) for name, metric in _FACTS],
        "reasons": [_page_reason(reason, thresholds) for reason in found],
        "rules": [_page_reason(rule, thresholds) for rule in rules_with_numbers(diagnosis, thresholds)],
        "charts": _charts(bundle, metrics, thresholds),
        "sections": sections(bundle, diagnosis),
        "missing": None
        if missing is None
        else {"sections": [phone_section(missing), log_section(missing)], "log": log_rows(missing)},
    }


def _page_reason(reason: Reason, thresholds: Thresholds) -> dict[str, Any]:
    """A rule with its bar: value and limit in percent of the bar's width."""
    shown: dict[str, Any] = {"reason": reason, "bar": None, "limit_words": ""}
    if reason.limit is not None and reason.limit_key is not None:
        shown["limit_words"] = limit_words(thresholds, reason.limit_key)
        if reason.value is not None:
            whole = max(reason.value, reason.limit) * 1.15 or 1.0
            shown["bar"] = (round(reason.value / whole * 100, 2), round(reason.limit / whole * 100, 2))
    return shown


def _charts(bundle: Bundle, metrics: Mapping[str, Any], thresholds: Thresholds) -> list[Chart]:
    """The charts; empty for a trip without a point."""
    track, steps = drawn(bundle, thresholds)
    if not track:
        return []
    limits = [
        (f"{name} {thresholds[key]:g}", thresholds[key])
        for name, key in (("average", "max_avg_speed_kmh"), ("95 %", "max_p95_speed_kmh"))
    ]
    source = metrics.get("speed_source") or "displacement"
    percentiles = [(name, metrics.get(f"speed_{source}_{name}_kmh")) for name in ("p50", "p85", "p95")]
    return [
        speed_chart(track, steps, limits),
        accuracy_chart(track, steps, thresholds["poor_accuracy_m"]),
        speed_histogram(speeds_by(source, track, steps), percentiles, source),
    ]


Batches = Iterable[Sequence[Diagnosed]]


def text_parts(batches: Batches, thresholds: Thresholds, *, sketched: bool = False) -> Iterator[bytes]:
    """A report per trip; after several, a line each and the totals."""
    trips: list[tuple[Bundle, Mapping[str, Any]]] = []
    for trip in (trip for batch in batches for trip in batch):
        parts = [trip_report(trip.bundle, trip.diagnosis, thresholds, trip.flip)]
        if sketched:
            parts.append(sketch(trip.bundle, thresholds))
        yield (("─" * WIDTH + "\n\n" if trips else "") + "\n".join(parts) + "\n").encode(errors="replace")
        # all points would fill the memory
        trips.append((replace(trip.bundle, locations=[], feedback=[]), trip.diagnosis))
    if len(trips) != 1:
        yield (("═" * WIDTH + "\n\n" if trips else "") + overview(trips)).encode(errors="replace")


def explanation_parts(batches: Batches, thresholds: Thresholds) -> Iterator[bytes]:
    """For each trip the verdict, the reasons and the change that would flip it."""
    for number, trip in enumerate(trip for batch in batches for trip in batch):
        text = explanation(trip.diagnosis, thresholds, trip.flip)
        yield f"{'' if number == 0 else chr(10)}{text}\n".encode(errors="replace")


def json_parts(
    batches: Batches,
    thresholds: Thresholds,
    tally: Callable[[], tuple[Mapping[str, int], Mapping[str, Any]]],
) -> Iterator[bytes]:
    """One JSON object. The tally (keys_used, counts) is complete only when all trips were read, so it comes last."""
    yield (
        b'{"format":' + json_bytes(FORMAT) + b',"thresholds_version":' + json_bytes(thresholds.version) + b',"trips":['
    )
    between = b"\n"
    for trip in (trip for batch in batches for trip in batch):
        yield between + json_bytes(trip.diagnosis)
        between = b",\n"
    keys_used, counts = tally()
    yield b'\n],"keys_used":' + json_bytes(keys_used) + b',"counts":' + json_bytes(counts) + b"}\n"


def page_parts(batches: Batches, thresholds: Thresholds) -> Iterator[bytes]:
    """One page of all trips."""
    trips = [(trip.bundle, trip.diagnosis, trip.flip) for batch in batches for trip in batch]
    yield trips_page(trips, thresholds).encode(errors="replace")
