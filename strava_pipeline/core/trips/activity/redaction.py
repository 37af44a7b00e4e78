"""What is taken out of a phone's own words before a person reads them: positions, and what identifies a device.

Two ways: by the name of a key, and by the look of a text or number. When in doubt it goes: the export holds the original.
"""

import re
from collections.abc import Mapping
from typing import Any

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
    """A value as it may be shown under its key; nested ones in full, every level by its own keys."""
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
    """Text on one line, without what looks like a position or an identity."""
    return _DECIMAL.sub(_without_coordinate, _IN_TEXT.sub(REDACTED, one_line(text)))


def one_line(text: str) -> str:
    """Text without anything that a terminal would obey."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else "\N{REPLACEMENT CHARACTER}"


def _is_written_place(key: str, value: str) -> bool:
    """Under a place's key a text is told when it's a word ("denied"), not when it's an address or holds digits alone."""
    return bool(_WRITTEN_PLACE.search(key)) or not any(char.isalpha() for char in value)


def _safe_number(value: float) -> Any:
    """Degrees of some place have four decimals and more; up to 1 it is rather a level or a share, told to two."""
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
