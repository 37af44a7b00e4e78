"""Values as people read them: numbers with units, aligned columns, codes, and text without positions or identities.

A code is a short name that a program chose, such as `too_short`; other text is free and may contain anything. Positions
and device identities are removed by the name of a key, and by the look of a text or number; when in doubt they are
removed, because the export has the original.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from textwrap import wrap
from typing import Any

NOTHING = "–"
_PERCENT = "%"


def unit_of(metric: str) -> str:
    """The unit in which a metric is shown: percent for shares, none for counts."""
    if metric.endswith(("_share", "_mismatch")) or metric.startswith("activity_mix."):
        return _PERCENT
    return next((unit for ending, unit in (("_kmh", "km/h"), ("_m", "m"), ("_s", "s")) if metric.endswith(ending)), "")


def quantity(value: float | None, unit: str = "") -> str:
    """`38.2 km/h`, `12.5 %`, `1.75 km`, `5 min 10 s`, `40`."""
    if value is None:
        return NOTHING
    if unit == "m" and abs(value) >= 1000:
        return f"{value / 1000:.2f} km"
    if unit == "s":
        return duration(value)
    return _with_unit(value, unit, 0 if unit == "" or (unit == "m" and abs(value) >= 100) else 1)


def round_length(metres: float) -> str:
    """A length of few digits: `0.5 m`, `200 m`, `5 km`."""
    return f"{metres:g} m" if metres < 1000 else f"{metres / 1000:g} km"


def limit_text(limit: float, unit: str) -> str:
    """A limit with no more decimals than necessary: `35 km/h`, `5 %`."""
    return f"{_scaled(limit, unit):g} {unit}".rstrip()


def beside_limit(value: float | None, limit: float, unit: str) -> str:
    """A value in its limit's unit, with enough decimals to differ from it visibly, if it differs."""
    if value is None:
        return NOTHING
    same = [
        places for places in range(7) if f"{_scaled(value, unit):.{places}f}" == f"{_scaled(limit, unit):.{places}f}"
    ]
    fewest = 0 if unit in ("", "s") else 1
    return _with_unit(value, unit, fewest if value == limit else max(fewest, len(same) % 7))


def duration(seconds: float) -> str:
    """`12.3 s`, `5 min 10 s`, `1 h 02 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds != int(seconds) else f"{int(seconds)} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _with_unit(value: float, unit: str, places: int) -> str:
    return f"{_scaled(value, unit):.{places}f} {unit}".rstrip()


def _scaled(value: float, unit: str) -> float:
    return value * 100 if unit == _PERCENT else value


WIDTH = 100
INDENT = "  "
_WIDEST = 34  # of every column but the last


def aligned(rows: Sequence[tuple[str, ...]], *, right: Collection[int] = (), indent: str = INDENT) -> list[str]:
    """Rows in aligned columns; the last column wraps onto the lines below."""
    count = max(map(len, rows), default=0)
    cells = [tuple(cut(cell, _WIDEST) if place < count - 1 else cell for place, cell in enumerate(row)) for row in rows]
    widths = [max((len(row[place]) for row in cells if place < len(row)), default=0) for place in range(count)]
    lines = []
    for row in cells:
        shown = [
            cell.rjust(widths[place]) if place in right else cell.ljust(widths[place]) for place, cell in enumerate(row)
        ]
        start = indent + "".join(cell + "  " for cell in shown[:-1])
        last = row[-1] if count - 1 not in right else shown[-1]
        pieces = wrap(
            last, max(WIDTH - len(start), 20), drop_whitespace=count - 1 not in right, break_on_hyphens=False
        ) or [""]
        lines += [f"{start}{pieces[0]}".rstrip(), *(" " * len(start) + piece for piece in pieces[1:])]
    return lines


def cut(cell: str, width: int) -> str:
    """A cell that is too wide, cut with an ellipsis."""
    return cell if len(cell) <= width else cell[: width - 1] + "…"


FREE_TEXT = "(free text)"
_CODE = re.compile(r"(?=.{1,40}$)[A-Za-z]+(?:[._-][A-Za-z]+)*\d{0,2}")
# two decimals: no degree
_VERSION = re.compile(r"v?\d{1,4}(?:\.\d{1,2}|(?:\.\d{1,4}){2,3})?(?:[-+][A-Za-z]{1,10}\.?\d{0,3})?")


def code(value: Any) -> str | None:
    """The value if it is a code, or None."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else None


def version(value: Any) -> str | None:
    """The value if it is a version such as `0.7.0`, or None."""
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else None


def shown_code(value: Any) -> str | None:
    """A code unchanged; for other text only that there is some. None if absent."""
    if not isinstance(value, str) or not value.strip():
        return None
    return code(value) or FREE_TEXT


REDACTED = "<redacted>"

_PLACE = re.compile(r"lat|lon|lng|coord|location(s)?$|address|position|gps|geo|^[xy]$|easting|northing", re.IGNORECASE)
_WRITTEN_PLACE = re.compile(r"address", re.IGNORECASE)
_IDENTITY = re.compile(
    r"device_?(id|name)|^device$|host_?name|^host$|^ip|_ip$|iccid|^phone$|^user$|vendor_?id|android_?id|advertis|idf[av]$|udid|uuid|guid|serial|imei|imsi|meid|msisdn|install(ation)?_?id|fingerprint|ssid"
    r"|token|secret|passw|api_?key|e_?mail|phone_?n|user_?(id|name)",
    re.IGNORECASE,
)
_IN_TEXT = re.compile(
    r"""
    \b(?:lat|lon|lng)\w*\W{0,6}[-+−]?\d+(?:[.,]\d+)?              # lat=48, "longitude": -2.5, lat_e6=48858370
    | \b[xy]\s*[=:]\s*[-+−]?\d+[.,]\d+                             # x=2.29
    | \b\d{1,2}\s\d{1,2}\s\d{1,2}(?:\.\d+)?\s?[NSEWO]\b           # 48 51 24 N
    | \b(?:\d{1,3}\.){3}\d{1,3}\b                                  # an address on a network
    | \b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,}\b           # an Android id
    | \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b               # a UUID
    | \b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b                            # a network card's address
    | \b\d{15}\b                                                    # an IMEI
    | [^\s@<>"']+@[^\s@<>"']+\.[a-z]{2,}                            # a mail address
    | \b(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{32,}=*                     # a token, a hash
    | (?<!\d)(?<!\d\.)[-+−]?\d{1,3}\.\d+\s*[,;:/|\s]\s*[-+−]?\d{1,3}\.\d+(?!\d|\.\d)   # 48.85, 2.29
    | \d{1,3}(?:\.\d+)?\s*[°º](?!\s*[CF]\b)(?:\s*[\d.]+\s*['′’])?(?:\s*[\d.]+\s*(?:"|″|”|''))?(?:\s*[NSEWO]\b)?   # 48°51'24" N
    """,
    re.IGNORECASE | re.VERBOSE,
)
_DECIMAL = re.compile(
    r"""
    (?<!\d)(?<!\d\.)(?<!\d:\d\d:)            # not the end of another number, of a version, of a time
    [-+−]?(\d{1,3})(?:\.(\d{3,})|,(\d{4,}))
    (?!\d|\.\d)
    (?=(\s?(?:ms|s|min|h|m|km|m/s|km/h|%)(?!\w))?)
    """,
    re.VERBOSE,
)


def safe_value(key: str, value: Any) -> Any:
    """A value in a safe form, by its key; nested ones completely, every level by its own keys."""
    nested = isinstance(value, Mapping | list | tuple)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or isinstance(value, bool):
        return value
    if _IDENTITY.search(key) or (_PLACE.search(key) and (nested or number or _is_written_place(key, value))):
        return REDACTED
    if isinstance(value, Mapping):
        return {safe_text(str(name)): safe_value(str(name), inner) for name, inner in value.items()}
    if nested:
        return [safe_value(key, inner) for inner in value]
    return _safe_number(value) if number else safe_text(str(value))


def safe_text(text: str) -> str:
    """Text on one line, without parts that look like a position or an identity."""
    return _DECIMAL.sub(_without_coordinate, _IN_TEXT.sub(REDACTED, one_line(text)))


def one_line(text: str) -> str:
    """Text without control sequences for a terminal."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"


def _is_written_place(key: str, value: str) -> bool:
    """Whether the text under a place's key is an address or a number, and not a word such as "denied"."""
    return bool(_WRITTEN_PLACE.search(key)) or not any(char.isalpha() for char in value)


def _safe_number(value: float) -> Any:
    """A number in a safe form: a place's degrees have four decimals and more; up to 1 it is rather a level or a share,
    shown with two.
    """
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if value != value or abs(value) == float("inf"):
        return str(value)
    if abs(value) > 180 or round(value, 3) == value:
        return value
    return round(value, 2) if abs(value) <= 1 else REDACTED


def _without_coordinate(found: re.Match[str]) -> str:
    whole, decimals, comma_decimals, unit = found.groups()
    if int(whole) > 180 or (unit and not comma_decimals and len(decimals) == 3):  # "took 12.345 s"
        return found[0]
    return REDACTED
