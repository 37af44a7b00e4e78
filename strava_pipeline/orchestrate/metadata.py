"""The definition metadata of an asset: its columns and their origins, all from the catalogue; no rows.

In bronze a column is a field of Strava's JSON: `map.summary_polyline`, and within a list `laps[].distance`.

Metadata in Dagster: https://docs.dagster.io/guides/build/assets/metadata-and-tags
"""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import CHILDREN, GOLD_ACTIVITIES, PARQUET_TABLES, TABLES, Column, Table
from strava_pipeline.core.tables.insights import INSIGHTS, PUBLISH_TABLES

LINEAGE = "dagster/column_lineage"
OWNER = "team:athlete"
_LISTS = {table.name: f"{field}[]." for field, (table, _) in CHILDREN.items()}


def described(*tables: str) -> dict[str, Any]:
    """The metadata of an asset that holds `tables`: column names, types, meanings, units, fields at the source."""
    return _schema(
        dg.TableColumn(
            name=column.name,
            type=column.kind.value,
            description=column.meaning
            + (f" [{column.unit}]" if column.unit else "")
            + (f" ← {field_in_bronze(name, column)}" if column.source else ""),
            constraints=dg.TableColumnConstraints(nullable=not column.key),
        )
        for name in tables
        for column in (TABLES | PARQUET_TABLES | PUBLISH_TABLES)[name].columns
    )


def described_source(*tables: str) -> dict[str, Any]:
    """The metadata of an asset that holds the provider's own JSON: the fields that columns are read from."""
    return _schema(
        dg.TableColumn(name=field_in_bronze(table, column), type="JSON", description=column.meaning)
        for table in tables
        for column in TABLES[table].sourced
    )


def json_fields(names: Iterable[str]) -> dict[str, Any]:
    """The metadata of an asset that holds JSON objects with these fields."""
    return _schema(dg.TableColumn(name, type="JSON") for name in names)


def described_tables() -> dict[str, Any]:
    """The metadata of the whole warehouse: its tables in place of columns."""
    return _schema(
        dg.TableColumn(name=name, type=kind, description=table.meaning)
        for kind, tables in (
            ("TABLE", TABLES | PUBLISH_TABLES),
            ("VIEW", {GOLD_ACTIVITIES.name: GOLD_ACTIVITIES} | INSIGHTS),
        )
        for name, table in tables.items()
    )


def _schema(columns: Iterable[dg.TableColumn]) -> dict[str, Any]:
    return {"dagster/column_schema": dg.TableSchema([*columns])}


def table_spec(table: Table, **more: Any) -> dg.AssetSpec:
    """The asset that is `table` of the warehouse, described by the catalogue.

    Args:
        more: as of `dg.AssetSpec`; it counts before the catalogue.
    """
    said = {"description": table_description(table), "metadata": described(table.name)}
    return dg.AssetSpec(**{"key": table.name, "group_name": table.group, "kinds": {"duckdb"}, **said, **more})


def table_description(table: Table) -> str:
    return f"{table.meaning} Key: {', '.join(table.key)}."


def field_in_bronze(table: str, column: Column) -> str:
    """The field of Strava's JSON that a column of `table` is read from."""
    return _LISTS.get(table, "") + ".".join(column.source or ())


def from_bronze(table: str, asset: str) -> dict[str, Any]:
    """Each column of `table` from its field in the bronze `asset`."""
    return _lineage({column.name: [(asset, field_in_bronze(table, column))] for column in TABLES[table].sourced})


def from_layer_above(table: str, asset: str) -> dict[str, Any]:
    """Each column of `table` from the column of the same name in `asset`."""
    return _lineage({column.name: [(asset, column.name)] for column in TABLES[table].columns})


def from_changes(table: str, asset: str) -> dict[str, Any]:
    """The columns of `table` about changes, from every compared column of `asset`; its key from the key."""
    compared = [(asset, column.name) for column in TABLES["activities_all"].sourced if not column.key]
    changes = dict.fromkeys(("changed_fields", "previous"), compared)
    return _lineage({"activity_id": [(asset, "id")], "valid_from": [(asset, "ingestion_ts")], **changes})


def from_tables(assets: Mapping[str, str]) -> dict[str, Any]:
    """Each table of the snapshot from the keys of its asset; `assets`: the table of each."""
    return _lineage({table: [(asset, key) for key in TABLES[table].key] for asset, table in assets.items()})


def _lineage(deps: Mapping[str, Iterable[tuple[str, str]]]) -> dict[str, Any]:
    return {
        LINEAGE: dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(asset_key=asset, column_name=name) for asset, name in sources]
                for column, sources in deps.items()
            }
        )
    }
