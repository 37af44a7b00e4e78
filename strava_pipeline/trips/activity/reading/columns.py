"""One row of the source: its encrypted columns decrypted, each in one of five states, and the bundle that the row becomes.

A failure is a state here, never an exception; read.py logs it. No type of a database goes further than here.
"""

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from strava_pipeline.core.json_values import normal_instant
from strava_pipeline.trips.activity.reading.keys import decrypt
from strava_pipeline.trips.activity.reading.source import FEEDBACK, LOCATIONS, MIX
from strava_pipeline.trips.activity.rules.bundle import Bundle, Decryption, State, Summary

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Column(NamedTuple):
    """A decrypted column. `value` is None only for an unreadable activity_distribution."""

    value: Any
    state: State
    key_index: int | None = None


def read_column(name: str, content: Any, keys: "Sequence[Fernet]") -> Column:
    """Decrypt and parse the column `name`. `content` is text, bytes or None; anything else isn't a token.

    `[]` and `{}` both mean empty, as some programs write one for the other.
    """
    token = token_bytes(content)
    if token is None:
        return Column(_nothing(name, State.ABSENT), State.ABSENT)
    decrypted = decrypt(token, keys)
    if decrypted is None:
        return Column(_nothing(name, State.UNDECRYPTABLE), State.UNDECRYPTABLE)
    try:
        value = parse(decrypted.content)
    except ValueError:
        return Column(_nothing(name, State.MALFORMED), State.MALFORMED, decrypted.key_index)
    if value is None or value == [] or value == {}:
        return Column(_nothing(name, State.EMPTY), State.EMPTY, decrypted.key_index)
    if not isinstance(value, dict if name == MIX else list):
        return Column(_nothing(name, State.MALFORMED), State.MALFORMED, decrypted.key_index)
    return Column(value, State.OK, decrypted.key_index)


def parse(content: bytes) -> Any:
    """Parse JSON, with three leniencies, so that one bad value doesn't hide a trip. Raises ValueError for anything else.

    NaN and the infinities, which JSON lacks but programs write, become null, which an export can contain. Half a
    surrogate pair becomes U+FFFD. A number beyond a double becomes null.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _lenient(content)


def _lenient(content: bytes) -> Any:
    try:
        value = json.loads(
            content.decode("utf-8"), parse_constant=_constant, parse_float=_finite, parse_int=_whole_number
        )
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if value is None:  # not "null", which orjson reads
        raise ValueError("no JSON")
    return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _constant(_: str) -> None:
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole_number(text: str) -> float | None:
    """A whole number within the 64 bits that readers of JSON accept; beyond, the nearest double, as in orjson."""
    number = _finite(text)
    return number if number is None or abs(number) >= 2**63 else int(text)


def token_bytes(content: Any) -> bytes | None:
    """The content as bytes, or None if absent. Values that are neither text nor bytes become `b"-"`, which isn't a token."""
    if content is None:
        return None
    if isinstance(content, str):
        content = content.encode("utf-8", "replace")
    elif isinstance(content, bytearray | memoryview):
        content = bytes(content)
    elif not isinstance(content, bytes):
        return b"-"
    return content or None


def _nothing(name: str, state: State) -> Any:
    """The value of an empty or unreadable column."""
    if name != MIX:
        return []
    return {} if state in (State.ABSENT, State.EMPTY) else None


def bundle_of(row: Mapping[str, Any], columns: Mapping[str, Column]) -> Bundle:
    """The bundle of a row and its decrypted columns, by name."""
    locations, mix, feedback = columns[LOCATIONS], columns[MIX], columns[FEEDBACK]
    return Bundle(
        external_id=trip_name(row),
        platform=_text(row["platform"]),
        status=_text(row["status"]),
        review_status=_text(row["review_status"]),
        rejection_reason=_text(row["rejection_reason"]),
        summary=Summary(
            number(row["distance_meters"]),
            normal_instant(row["start_time"]),
            normal_instant(row["end_time"]),
            number(row["duration_seconds"]),
            number(row["location_count"]),
            _text(row["activity_type"]),
        ),
        extra_properties=properties(row["extra_properties"]),
        activity_distribution=mix.value,
        locations=locations.value,
        feedback=feedback.value,
        decryption=Decryption(locations.state, mix.state, feedback.state, locations.key_index),
    )


def trip_name(row: Mapping[str, Any]) -> str:
    """A trip's external id, or else its id, so that the trip can be named."""
    return _text(row["external_id"]) or str(row["id"])


def plain_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """The plain columns as values of JSON."""
    return {name: _plain(name, value) for name, value in row.items()}


def number(value: Any) -> Any:
    """A number as in JSON; None for NaN and the infinities. Other values stay unchanged: they are evidence."""
    if isinstance(value, Decimal):
        value = value if not value.is_finite() else int(value) if _is_whole(value) else float(value)
    if isinstance(value, float | Decimal):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, int | float) else _text(value)


def properties(value: Any) -> Any:
    """`extra_properties`, which is JSON text or already parsed; None if unparsable."""
    if isinstance(value, str):
        value = value.encode("utf-8", "replace")
    if not isinstance(value, bytes):
        return value
    try:
        return parse(value)
    except ValueError:
        return None


def _is_whole(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= 0


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _plain(name: str, value: Any) -> Any:
    if name.endswith("_time") or name == "created_at":
        return normal_instant(value)
    return properties(value) if name == "extra_properties" else number(value)
