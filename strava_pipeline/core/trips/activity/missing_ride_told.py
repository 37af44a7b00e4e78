"""The missing-ride section as tables of text, for the text report and the page. What it holds is missing_ride.py's."""

from collections.abc import Mapping
from typing import Any

from strava_pipeline.core.trips.activity.missing_ride import severity
from strava_pipeline.core.trips.activity.quantities import NOTHING, duration
from strava_pipeline.core.trips.activity.sections import Section, pause_told, shown


def phone_told(missing: Mapping[str, Any]) -> Section:
    """What the phone says of itself: permissions, power, versions, and whatever else."""
    rows = [(f"permission: {name}", shown(value)) for name, value in (missing["permissions"] or {}).items()]
    rows.append(("low-power mode", shown(missing["low_power_mode"])))
    rows += [(name, shown(value)) for kind in ("versions", "other", "shapes") for name, value in missing[kind].items()]
    return Section("Missing ride", tuple(rows))


def log_summary(missing: Mapping[str, Any]) -> Section:
    """How much there is to read, then errors and warnings, errors first."""
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
    """The log, a row a line: time, time since the previous one, mark, level, event, message with what else there is, severity."""
    return [
        {
            "at": line["at"] or "no time",
            "since": pause_told(line),
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
