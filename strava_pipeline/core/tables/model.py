"""The records of a table and a column. The columns of every table are defined in the modules next to this one, and nowhere else.

From a `Table` come the DuckDB DDL, the Polars schema, Dagster's column metadata, the asset checks and the data
dictionary, so that a column is added in one place. No rows, no SQL beyond type names.
"""

from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class Kind(Enum):
    """A column's type: its DuckDB name. `polars` gives the type it has in a shard, `bigquery` that of a table in BigQuery."""

    BIGINT = "BIGINT"
    INTEGER = "INTEGER"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    TEXT = "VARCHAR"
    INSTANT = "TIMESTAMPTZ"  # a moment in UTC
    WALL = "TIMESTAMP"  # a clock on a wall, without a zone
    DATE = "DATE"  # a local day
    DOUBLES = "DOUBLE[]"
    TEXTS = "VARCHAR[]"
    JSON = "JSON"  # text in a shard

    @property
    def polars(self) -> "pl.DataType":
        return _polars()[self]

    @property
    def bigquery(self) -> str:
        return _BIGQUERY[self]


_BIGQUERY = {  # lists are JSON: elements of a repeated column can't be NULL
    Kind.BIGINT: "INTEGER",
    Kind.INTEGER: "INTEGER",
    Kind.DOUBLE: "FLOAT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.TEXT: "STRING",
    Kind.INSTANT: "TIMESTAMP",
    Kind.WALL: "DATETIME",
    Kind.DATE: "DATE",
    Kind.DOUBLES: "JSON",
    Kind.TEXTS: "JSON",
    Kind.JSON: "JSON",
}


@cache
def _polars() -> "dict[Kind, pl.DataType]":
    import polars as pl  # here: commands that only read SQL use the tables without Polars

    return {
        Kind.BIGINT: pl.Int64(),
        Kind.INTEGER: pl.Int32(),
        Kind.DOUBLE: pl.Float64(),
        Kind.BOOLEAN: pl.Boolean(),
        Kind.TEXT: pl.String(),
        Kind.INSTANT: pl.Datetime("us", "UTC"),
        Kind.WALL: pl.Datetime("us"),
        Kind.DATE: pl.Date(),
        Kind.DOUBLES: pl.List(pl.Float64),
        Kind.TEXTS: pl.List(pl.String),
        Kind.JSON: pl.String(),
    }


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `source`: the path in the provider's JSON, or None if the pipeline makes the value.

    `low` and `high` are the bounds of believable values (never enforced). `edited`: a person's edit at the source can
    change the value, so a change makes the stored detail stale.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str | None = None
    source: tuple[str, ...] | None = None
    key: bool = False
    low: float | None = None
    high: float | None = None
    edited: bool = False


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity, since hashing all columns is slow
class Table:
    """A table: its columns in order, its `key`, and its `parent`, the table whose `id` is its `activity_id`.

    `ignored`: known paths in the source that are not kept (the level-of-detail markers of nested objects).
    `may_shrink`: rows may rightly disappear (an edit removed a lap); rows of other tables never do. `group`: the group
    of its asset in Dagster's graph. A job that takes the tables of a group takes a new one automatically. `follows`:
    rows are stored under the ids that sources gave (in `stored`), and shown under the activity with that id.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    parent: str | None = None
    ignored: frozenset[tuple[str, ...]] = field(default_factory=frozenset)
    may_shrink: bool = False
    follows: bool = False
    group: str = "gold"

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(names) != len(set(names)):
            raise ValueError(f"table {self.name} names a column twice")
        if not self.key:
            raise ValueError(f"table {self.name} has no key")

    @property
    def stored(self) -> str:
        """The name under which its rows are written; if it differs from `name`, `name` is a view."""
        return f"{self.name}_by_source" if self.follows else self.name

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.key)

    @property
    def sourced(self) -> tuple[Column, ...]:
        """The columns that are read from the provider's JSON."""
        return tuple(column for column in self.columns if column.source is not None)

    @property
    def polars_schema(self) -> "dict[str, pl.DataType]":
        return {column.name: column.kind.polars for column in self.columns}

    @property
    def ddl(self) -> str:
        """The column list of CREATE TABLE: names and types; keys are NOT NULL."""
        return ", ".join(
            f'"{column.name}" {column.kind.value}{" NOT NULL" if column.key else ""}' for column in self.columns
        )


activity_rows = partial(Table, parent="activities_all", may_shrink=True)
"""A table whose rows belong to an activity and are deleted with it."""


def field_of(
    name: str,
    kind: Kind,
    meaning: str,
    unit: str | None = None,
    *,
    path: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    edited: bool = False,
) -> Column:
    """A column read from the JSON field of its own name, or from `path`."""
    return Column(name, kind, meaning, unit, path or (name,), low=low, high=high, edited=edited)
