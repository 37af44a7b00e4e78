"""The report of trips as text: the first three lines answer "why", then come the reasons, then every table.

At most 100 columns, no colour. What is told stands in sections.py, reasons.py and missing_ride_told.py; drawings in sketch.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.columns import WIDTH, columns, cut
from strava_pipeline.core.trips.activity.missing_ride_told import log_rows, log_summary, phone_told
from strava_pipeline.core.trips.activity.quantities import NOTHING, told
from strava_pipeline.core.trips.activity.reasons import VERDICTS, Reason, limit_words, reasons
from strava_pipeline.core.trips.activity.redaction import one_line
from strava_pipeline.core.trips.activity.sections import Section, known_metrics, sections
from strava_pipeline.core.trips.activity.thresholds import Thresholds

_INDENT = "  "


def trip_report(bundle: Bundle, diagnosis: Mapping[str, Any], thresholds: Thresholds, flip: str) -> str:
    """All that is told of one trip. `diagnosis`: its object of the JSON diagnosis; `flip`: the sentence of flip.py."""
    missing = diagnosis["missing_ride"]
    limits = _limits(reasons(diagnosis, thresholds), thresholds)
    parts = [explanation(diagnosis, thresholds, flip), limits, *map(_table, sections(bundle, diagnosis))]
    if missing is not None:
        parts += [_table(phone_told(missing)), _table(log_summary(missing)), _log(missing)]
    return "\n\n".join(part for part in parts if part) + "\n"


def explanation(diagnosis: Mapping[str, Any], thresholds: Thresholds, flip: str) -> str:
    """The verdict, the reasons and what would flip it, alone."""
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
            *columns([_reason_row(*row) for row in enumerate(found, 1)]),
        ]
    return "\n".join(lines)


def verdict_line(diagnosis: Mapping[str, Any]) -> str:
    """The verdict with the codes of its reasons."""
    verdict = VERDICTS.get(diagnosis["verdict"], diagnosis["verdict"]).upper()
    return f"{verdict} ({', '.join(diagnosis['reasons'])})" if diagnosis["reasons"] else verdict


def why(found: Sequence[Reason]) -> str:
    """One sentence: what the first reason means, with its number."""
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
        "\n".join([*columns([head, *rows], right={4}, indent=""), "", *_totals([found for _, found in trips])]) + "\n"
    )


def _overview_row(bundle: Bundle, diagnosis: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        cut(one_line(diagnosis["externalId"]), 17),
        (bundle.summary.start_time or NOTHING)[:10],
        VERDICTS.get(diagnosis["verdict"], diagnosis["verdict"]),
        diagnosis["primary"] or NOTHING,
        told(known_metrics(diagnosis).get("haversine_m"), "m"),
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
    return columns(lines, indent="")


def _reason_row(number: int, reason: Reason) -> tuple[str, ...]:
    return (str(number), reason.severity, reason.code, reason.comparison or NOTHING, reason.means)


def _limits(found: Sequence[Reason], thresholds: Thresholds) -> str:
    """Where the limits of these reasons come from."""
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
    return "\n".join([section.title, *columns(rows, right=numeric)])


def _log(missing: Mapping[str, Any]) -> str:
    rows = [
        (row["at"], row["since"], row["mark"], row["level"], row["event"], row["message"]) for row in log_rows(missing)
    ]
    return "\n".join(["Missing ride: log", *columns(rows)]) if rows else ""
