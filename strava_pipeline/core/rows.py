"""A provider's JSON objects as typed columns, by the catalogue. Pure: no files, no frames beyond the result.

Nothing is lost on the way: a field without a column, and a value that does not fit its column, stay in `extra` as
JSON at the field's own place and are counted. Absent and null both become NULL, never false or 0.
The work is done column by column: the JSON objects are Python's already, so a loop over them can't be avoided, and this is
the only one. A column whose values all fit, as in nearly every column, is recognised by built-ins and kept as it is.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from strava_pipeline.core.json_values import Json as Json
from strava_pipeline.core.json_values import json_text
from strava_pipeline.core.tables.model import Column, Kind, Table


@dataclass(frozen=True, slots=True)
class Rows:
    """Typed values by column name, all of one length; and counts by name of unknown fields and of values that don't fit."""

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
    fields = _field_tree(table)
    names, branches = fields.keys(), {name: branch for name, branch in fields.items() if branch is not None}
    odd = {place for place, item in enumerate(objects) if not item.keys() <= names} | kept.keys()
    unknown: Counter[str] = Counter()
    extras: list[str | None] = [None] * len(objects)
    for place in range(len(objects)) if branches else sorted(odd):
        item = objects[place]
        rest = {name: value for name, value in item.items() if name not in fields} if place in odd else {}
        _rest_of_branches(item, branches, rest)
        if rest:
            unknown.update(rest.keys())
        for path, value in kept.get(place, ()):
            branch = rest if len(path) == 1 else rest.setdefault(path[0], {})
            branch[path[-1]] = value
        if rest:
            extras[place] = json_text(rest)
    if any(column.name == "extra" for column in table.columns):
        values["extra"] = extras
    return Rows(values, unknown, misfits)


def frame(values: Mapping[str, list[Any]], table: Table) -> pl.DataFrame:
    """A Polars frame of `values` in the catalogue's column order and types; a missing column is NULL."""
    height = max((len(column) for column in values.values()), default=0)
    absent = [None] * height
    return pl.DataFrame([_series(column, values.get(column.name, absent)) for column in table.columns])


def _series(column: Column, values: Sequence[Any]) -> pl.Series:
    dtype = column.kind.polars
    if column.kind is Kind.INSTANT:  # as numbers, in a seventh of the time
        since = [None if at is None else (at - _EPOCH) // _MICROSECOND for at in values]
        return pl.Series(column.name, since, dtype=pl.Int64, strict=True).cast(dtype)
    if column.kind is Kind.DOUBLES and {len(value) for value in values if value is not None} <= {0, 2}:
        return _positions(values, dtype).alias(column.name)
    return pl.Series(column.name, values, dtype=dtype, strict=True)


def _positions(values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    """Positions as a series. For pairs, empty lists and None, which is nearly always all there is: a tenth of Polars'
    usual time.
    """
    flat = pl.Series([number for value in values for number in value or (0.0, 0.0)], dtype=pl.Float64, strict=True)
    length = pl.Series([None if value is None else len(value) for value in values], dtype=pl.Int8)
    empty = pl.lit(pl.Series([[]], dtype=dtype)).first()
    pairs = flat.reshape((-1, 2)).cast(dtype)
    return pl.select(pl.when(length == 2).then(pairs).when(length == 0).then(empty)).to_series()


def read_column(objects: Sequence[Json], column: Column) -> list[Any]:
    """One sourced column of `objects`, as `typed_rows` reads it."""
    return [None if value is _MISFIT else value for value in _typed(_raw(objects, column), column.kind)]


_MISFIT = object()
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
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
    fits = _FITS.get(kind)
    if fits is not None and fits(raw):
        return raw
    convert = _CONVERTERS[kind]
    return [None if value is None else convert(value) for value in raw]


def _all_of(wanted: type, also: Callable[[list[Any]], bool] = lambda present: True) -> Callable[[list[Any]], bool]:
    """A predicate of a column: every value is None or of the type `wanted`, and the values that are not None pass `also`."""

    def fits(raw: list[Any]) -> bool:
        found = set(map(type, raw))
        if not found <= {wanted, type(None)}:
            return False
        present = raw if type(None) not in found else [value for value in raw if value is not None]
        return not present or also(present)

    return fits


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


_FITS: dict[Kind, Callable[[list[Any]], bool]] = {
    Kind.BIGINT: _all_of(int, lambda present: min(present) in _INT64 and max(present) in _INT64),
    Kind.INTEGER: _all_of(int, lambda present: min(present) in _INT32 and max(present) in _INT32),
    Kind.DOUBLE: _all_of(float, lambda present: all(map(math.isfinite, present))),
    Kind.BOOLEAN: _all_of(bool),
    Kind.TEXT: _all_of(str, lambda present: all(map(str.isascii, present))),
}
_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.BIGINT: _integer(_INT64),
    Kind.INTEGER: _integer(_INT32),
    Kind.DOUBLE: _double,
    Kind.BOOLEAN: lambda value: value if type(value) is bool else _MISFIT,
    Kind.TEXT: _text,
    Kind.INSTANT: _instant,
    Kind.WALL: _wall,
    Kind.DOUBLES: _doubles,
    Kind.JSON: json_text,
}


def _nearest(value: Any, kind: Kind) -> Any:
    """The cell for a value that doesn't fit: a huge number rounded, text with "?" for what UTF-8 can't hold, or NULL."""
    if kind is Kind.TEXT and isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if kind is Kind.DOUBLE and type(value) is int:
        return float(value) if abs(value) < 2**1023 else None  # a double ends below 2^1024
    return None


FieldTree = dict[str, "FieldTree | None"]  # None: every field below has a column or is ignored


def _field_tree(table: Table) -> FieldTree:
    tree: FieldTree = {}
    paths: Iterable[tuple[str, ...]] = [*(column.source or () for column in table.sourced), *table.ignored]
    for path in sorted(paths, key=len):
        if len(path) == 1:
            tree[path[0]] = None
        elif tree.setdefault(path[0], {}) is not None:
            branch = tree[path[0]]
            assert branch is not None
            branch[path[1]] = None
    return tree


def _rest_of_branches(item: Json, branches: Mapping[str, FieldTree], rest: dict[str, Any]) -> None:
    """Add to `rest` the nested fields of `item` that no column and no ignored path names."""
    for name, branch in branches.items():
        nested = item.get(name)
        if isinstance(nested, dict):
            if not nested.keys() <= branch.keys():
                rest[name] = {inner: value for inner, value in nested.items() if inner not in branch}
        elif nested is not None:
            rest[name] = nested
