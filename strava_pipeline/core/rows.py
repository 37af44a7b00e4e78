"""From a provider's JSON objects to typed columns, by the catalogue. Pure: no files, no frames beyond the result.

Nothing is lost on the way: a field without a column, and a value that does not fit its column, stay in `extra` as
JSON at the field's own place and are counted. Absent and null both become NULL, never false or 0.
The work is done column by column in list comprehensions: the JSON objects are Python's already, and this is the
only loop over them.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl

from strava_pipeline.core.tables.model import Column, Kind, Table

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Typed values by column name, all of one length, and what did not fit: counts by field name."""

    values: dict[str, list[Any]]
    unknown: Counter[str] = field(default_factory=Counter)
    misfits: Counter[str] = field(default_factory=Counter)


def typed_rows(objects: Sequence[Json], table: Table) -> Rows:
    """Read every sourced column of `table` (and `extra`) from `objects`, in order."""
    values: dict[str, list[Any]] = {}
    misfits: Counter[str] = Counter()
    kept: dict[int, list[tuple[tuple[str, ...], Any]]] = {}
    for column in table.sourced:
        raw = _raw(objects, column)
        typed = _typed(raw, column.kind)
        if _MISFIT in typed:
            for place, value in enumerate(typed):
                if value is _MISFIT:
                    typed[place] = _nearest(raw[place], column.kind)
                    kept.setdefault(place, []).append((column.source or (), raw[place]))
                    misfits[column.name] += 1
        values[column.name] = typed
    known = _known(table)
    unknown: Counter[str] = Counter()
    extras: list[str | None] = []
    for place, item in enumerate(objects):
        rest = _rest(item, known)
        unknown.update(rest.keys())
        for path, value in kept.get(place, ()):
            branch = rest if len(path) == 1 else rest.setdefault(path[0], {})
            branch[path[-1]] = value
        extras.append(json_text(rest) if rest else None)
    if any(column.name == "extra" for column in table.columns):
        values["extra"] = extras
    return Rows(values, unknown, misfits)


def frame(values: Mapping[str, list[Any]], table: Table) -> pl.DataFrame:
    """A Polars frame of `values` in the catalogue's column order and types; a column not given is NULL."""
    height = max((len(column) for column in values.values()), default=0)
    return pl.DataFrame(
        [
            pl.Series(column.name, values.get(column.name, [None] * height), dtype=column.kind.polars, strict=True)
            for column in table.columns
        ]
    )


def read_column(objects: Sequence[Json], column: Column) -> list[Any]:
    """One sourced column of `objects`, as `typed_rows` reads it."""
    return [None if value is _MISFIT else value for value in _typed(_raw(objects, column), column.kind)]


def json_text(value: Any) -> str:
    """Compact JSON that every reader takes. What JSON or UTF-8 has no room for stays as text: NaN as "NaN", half a
    surrogate pair as its escape, backslash and all.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return _HALF_PAIR.sub(lambda half: f"\\\\u{ord(half[0]):04x}", text)


_HALF_PAIR = re.compile("[\ud800-\udfff]")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return json.dumps(value)
    return value


_MISFIT = object()
_INT64 = range(-(2**63), 2**63)
_INT32 = range(-(2**31), 2**31)


def _raw(objects: Sequence[Json], column: Column) -> list[Any]:
    path = column.source or ()
    if len(path) == 1:
        name = path[0]
        return [item.get(name) for item in objects]
    outer, inner = path
    return [nested.get(inner) if isinstance(nested := item.get(outer), dict) else None for item in objects]


def _typed(raw: list[Any], kind: Kind) -> list[Any]:
    convert = _CONVERTERS[kind]
    return [None if value is None else convert(value) for value in raw]


def _integer(within: range) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if type(value) is int:
            return value if value in within else _MISFIT
        if type(value) is float and value.is_integer() and abs(value) < 2**53:
            return int(value)
        return _MISFIT

    return convert


def _double(value: Any) -> Any:
    if type(value) is float:
        return value if math.isfinite(value) else _MISFIT  # one NaN would make every sum NaN
    if type(value) is int and abs(value) <= 2**53:  # above it a double would no longer be the same number
        return float(value)
    return _MISFIT


def _boolean(value: Any) -> Any:
    return value if type(value) is bool else _MISFIT


def _text(value: Any) -> Any:
    return value if type(value) is str and (value.isascii() or _encodable(value)) else _MISFIT


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: JSON can carry it, UTF-8 can't
        return False
    return True


def _instant(value: Any) -> Any:
    parsed = _iso(value)
    if parsed is None:
        return _MISFIT
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:  # within a day of the year 1 or 9999
        return _MISFIT


def _wall(value: Any) -> Any:
    parsed = _iso(value)
    return _MISFIT if parsed is None else parsed.replace(tzinfo=None)  # its Z is false: see the Strava API


def _iso(value: Any) -> datetime | None:
    if type(value) is not str:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _doubles(value: Any) -> Any:
    if type(value) is not list:
        return _MISFIT
    numbers = [_double(item) for item in value]
    return _MISFIT if _MISFIT in numbers else numbers


_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.BIGINT: _integer(_INT64),
    Kind.INTEGER: _integer(_INT32),
    Kind.DOUBLE: _double,
    Kind.BOOLEAN: _boolean,
    Kind.TEXT: _text,
    Kind.INSTANT: _instant,
    Kind.WALL: _wall,
    Kind.DOUBLES: _doubles,
    Kind.JSON: json_text,
}


def _nearest(value: Any, kind: Kind) -> Any:
    """What a column shows for a value that does not fit: a huge number rounded, text with "?" for what UTF-8 lacks, or NULL."""
    if kind is Kind.TEXT and isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if kind is Kind.DOUBLE and type(value) is int:
        return float(value) if abs(value) < 2**1023 else None  # a double ends below 2^1024
    return None


Known = dict[str, "Known | None"]  # None: everything below is known


def _known(table: Table) -> Known:
    tree: Known = {}
    paths: Iterable[tuple[str, ...]] = [*(column.source or () for column in table.sourced), *table.ignored]
    for path in sorted(paths, key=len):
        if len(path) == 1:
            tree[path[0]] = None
        elif tree.setdefault(path[0], {}) is not None:
            branch = tree[path[0]]
            assert branch is not None
            branch[path[1]] = None
    return tree


def _rest(item: Json, known: Known) -> dict[str, Any]:
    """The fields of `item` that no column and no ignored path names."""
    rest = {name: value for name, value in item.items() if name not in known}
    for name, branch in known.items():
        if branch is not None:
            nested = item.get(name)
            if isinstance(nested, dict):
                if below := {inner: value for inner, value in nested.items() if inner not in branch}:
                    rest[name] = below
            elif nested is not None:
                rest[name] = nested
    return rest
