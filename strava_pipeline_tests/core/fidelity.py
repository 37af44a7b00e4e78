"""Whether a row says all that its source object says: an independent reading of the catalogue, used by many tests.

Every field of the source must stand in the column that the catalogue names, as the same value, or else in `extra` at
its own place; and a column or an `extra` must hold nothing that the source does not.
"""

import json
import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from strava_pipeline.core.tables import Kind, Table

MARKERS = frozenset(  # what the pipeline may leave out: levels of detail, and ids that repeat the parent's
    {
        ("athlete", "resource_state"),
        ("map", "resource_state"),
        ("activity", "id"),
        ("activity", "resource_state"),
        ("athlete", "id"),
    }
)
ABSENT = object()


def differences(
    source: Mapping[str, Any], row: Mapping[str, Any], table: Table, apart: Collection[str] = ()
) -> list[str]:
    """What `row` says otherwise than `source`, a line each. `apart`: fields that have tables of their own."""
    extra = json.loads(row["extra"]) if row["extra"] else {}
    columns = {column.source: column for column in table.sourced}
    whole = {path[0] for path in columns if path and len(path) == 1}
    problems = []
    expected_extra: dict[str, Any] = {}
    for name, value in source.items():
        if name in apart:
            continue
        if (
            name not in whole
            and isinstance(value, dict)
            and any(path and path[0] == name for path in {*columns, *MARKERS})
        ):
            rest = {
                inner: below
                for inner, below in value.items()
                if (name, inner) not in columns and (name, inner) not in MARKERS
            }
            if rest:
                expected_extra[name] = rest
        elif name not in whole and not _holds_nothing(name, value, columns):
            expected_extra[name] = value
    for path, column in columns.items():
        assert path is not None
        value = _at(source, path)
        cell = row[column.name]
        if value is ABSENT or value is None:
            if cell is not None and column.name not in ("athlete_id", "source_id"):
                problems.append(f"{column.name}: {cell!r} though the source has none")
        elif not same(value, cell, column.kind):
            if _at(extra, path) is ABSENT:
                problems.append(f"{column.name}: {value!r} became {cell!r}")
            if len(path) == 1:
                expected_extra[path[0]] = value
            else:
                expected_extra.setdefault(path[0], {})[path[1]] = value
    if _plain(expected_extra) != extra:
        problems.append(f"extra: {extra!r} instead of {_plain(expected_extra)!r}")
    return problems


def same(value: Any, cell: Any, kind: Kind) -> bool:
    """Whether a cell holds the very value of a JSON field."""
    if kind is Kind.JSON:
        return cell is not None and _equal(json.loads(cell), _plain(value))
    if kind is Kind.DOUBLES:
        return isinstance(cell, list) and _equal(cell, value)
    if kind in (Kind.INSTANT, Kind.WALL):
        if not isinstance(value, str) or cell is None:
            return False
        at = datetime.fromisoformat(value)
        if kind is Kind.WALL:
            return bool(cell == at.replace(tzinfo=None))
        return bool(cell == (at if at.tzinfo else at.replace(tzinfo=UTC)))
    if kind is Kind.DOUBLE and type(value) is int and abs(value) > 2**53:
        return False  # a double may be another number: the exact one has to be kept beside it
    return _equal(cell, value)


def _holds_nothing(name: str, value: Any, columns: Mapping[Any, Any]) -> bool:
    """A null where an object could be: no value at all."""
    return value is None and any(path and path[0] == name for path in {*columns, *MARKERS})


def _at(source: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = source
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return ABSENT
        value = value[name]
    return value


def _equal(one: Any, other: Any) -> bool:
    """Equal as JSON: 5 is 5.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    return bool(one == other)


def _plain(value: Any) -> Any:
    """A value as JSON can carry it in UTF-8: what it has no room for, as text."""
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value
