"""One encrypted column of one trip: what it holds, and which of the five states that is.

Failure is a state here, never an exception; what is said of it, and to whom, is read.py's.
"""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from strava_pipeline.core.trips.activity.bundle import State
from strava_pipeline.ingest.trips.fernet import opened
from strava_pipeline.ingest.trips.table import MIX

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class Column(NamedTuple):
    """`value` is never None but for an activity_distribution that could not be read."""

    value: Any
    state: State
    key_index: int | None = None


def read_column(name: str, content: Any, keys: "Sequence[Fernet]") -> Column:
    """What the column `name` holds, of its content as the source gives it (text, bytes, None; anything else is no token).

    Empty is empty in either form: a program that writes `[]` for an empty object, or the other way round, lost nothing.
    """
    token = _bytes(content)
    if token is None:
        return Column(_nothing(name, State.ABSENT), State.ABSENT)
    found = opened(token, keys)
    if found is None:
        return Column(_nothing(name, State.UNDECRYPTABLE), State.UNDECRYPTABLE)
    try:
        value = parse(found.content)
    except ValueError:
        return Column(_nothing(name, State.MALFORMED), State.MALFORMED, found.key_index)
    if value is None or value == [] or value == {}:
        return Column(_nothing(name, State.EMPTY), State.EMPTY, found.key_index)
    if not isinstance(value, dict if name == MIX else list):
        return Column(_nothing(name, State.MALFORMED), State.MALFORMED, found.key_index)
    return Column(value, State.OK, found.key_index)


def parse(content: bytes) -> Any:
    """JSON, with three leniencies, so that one bad value doesn't hide a trip. Raises ValueError for what is none.

    NaN and the infinities inside it, which JSON doesn't have but programs write, become null: neither is a number
    here, and an export can hold null. Half a surrogate pair becomes U+FFFD. A number beyond a double becomes null.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _lenient(content)


def _lenient(content: bytes) -> Any:
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=_null, parse_float=_finite, parse_int=_whole)
        text = json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if value is None:  # not "null", which orjson reads
        raise ValueError("no JSON")
    return orjson.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def _null(_: str) -> None:
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> float | None:
    """A whole number as long as JSON's readers take it (64 bits); beyond, the nearest double, as orjson has it."""
    number = _finite(text)
    return number if number is None or abs(number) >= 2**63 else int(text)


def _bytes(content: Any) -> bytes | None:
    """None: there is nothing. What is neither text nor bytes is no token, as `b"-"` is none."""
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
    """What stands for a column that gave no value."""
    if name != MIX:
        return []
    return {} if state in (State.ABSENT, State.EMPTY) else None
