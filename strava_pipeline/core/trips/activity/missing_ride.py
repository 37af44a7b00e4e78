"""The missing-ride section: what the phone told of a ride that it didn't record, or not whole, put in order.

Pure data as the JSON diagnosis holds it; no positions, no device identifiers (redaction.py). How it looks is report's and html's.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from strava_pipeline.core.trips.activity.bundle import Bundle
from strava_pipeline.core.trips.activity.redaction import REDACTED, safe_text, safe_value
from strava_pipeline.core.trips.values import format_instant, parse_instant

SILENCE_S = 60  # a longer pause between two lines is marked: the app was asleep, or killed
_LOW_POWER = frozenset({"lowpowermode", "islowpowermode", "lowpowermodeenabled", "islowpowermodeenabled", "lowpower"})
_TIME, _LEVEL, _EVENT, _MESSAGE = (
    ("timestamp", "time", "at", "ts"),
    ("level", "severity"),
    ("event", "name"),
    ("message", "msg"),
)
_TOLD = frozenset({*_TIME, *_LEVEL, *_EVENT, *_MESSAGE})
_WORSE = {
    "fatal": "error",
    "critical": "error",
    "error": "error",
    "err": "error",
    "warning": "warning",
    "warn": "warning",
}


def missing_ride(bundle: Bundle) -> dict[str, Any] | None:
    """The section; None where no feedback brought a diagnostic.

    `summary`: counts, and the errors and warnings, errors first; `logs`: every line by its time, lines without one last;
    `since_previous_s`: from the line before, `gap`: more than 60 s. `shapes`: what has no known form, as its type.
    """
    told = bundle.diagnostic
    if told is None:
        return None
    versions, other, shapes = {}, {}, {}
    for name, value in told.items():
        key, shown = safe_text(str(name)), safe_value(str(name), value)
        if name == "permissions" or _plain(name) in _LOW_POWER or (name == "logs" and isinstance(value, list)):
            continue
        if shown != REDACTED and isinstance(value, Mapping | list):
            shapes[key] = shape(value)
        elif "version" in _plain(name):
            versions[key] = shown
        else:
            other[key] = shown
    logs = _lines(told.get("logs"))
    return {
        "permissions": _permissions(told.get("permissions")),
        "low_power_mode": next((_scalar(told[key]) for key in told if _plain(key) in _LOW_POWER), None),
        "versions": versions,
        "other": other,
        "shapes": shapes,
        "summary": _summary(logs),
        "logs": logs,
    }


def shape(value: Any) -> str:
    """The type of what is not shown itself."""
    if isinstance(value, Mapping):
        return f"object of {len(value)}"
    return f"list of {len(value)}" if isinstance(value, list) else type(value).__name__


def _plain(name: Any) -> str:
    return str(name).lower().replace("_", "").replace("-", "")


def _scalar(value: Any) -> Any:
    return shape(value) if isinstance(value, Mapping | list) else safe_value("", value)


def _permissions(told: Any) -> dict[str, Any] | None:
    if told is None:
        return None
    if not isinstance(told, Mapping):
        return {"permissions": _scalar(told)}
    shown = {safe_text(str(name)): (value, safe_value(str(name), value)) for name, value in told.items()}
    nested = {name for name, (value, safe) in shown.items() if isinstance(value, Mapping | list) and safe != REDACTED}
    return {name: shape(value) if name in nested else safe for name, (value, safe) in shown.items()}


def _lines(told: Any) -> list[dict[str, Any]]:
    entries = [(_moment(entry), entry) for entry in told] if isinstance(told, list) else []
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
            safe_text(str(name)): safe_value(str(name), value) for name, value in fields.items() if name not in _TOLD
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
