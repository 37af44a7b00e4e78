"""Which column comes from which, layer by layer, as Dagster's definitions tell it. All from the catalogue's `source`; no rows.

In bronze a column is a field of Strava's JSON: `map.summary_polyline`, and within a list `laps[].distance`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import CHILDREN, TABLES, Column

_LISTS = {table.name: f"{field}[]." for field, (table, _) in CHILDREN.items()}


def field_in_bronze(table: str, column: Column) -> str:
    """The field of Strava's JSON that a column of `table` is read from."""
    return _LISTS.get(table, "") + ".".join(column.source or ())


def from_bronze(table: str, asset: str) -> dict[str, Any]:
    """Each column of `table` from its field in the bronze `asset`."""
    return _lineage({column.name: [(asset, field_in_bronze(table, column))] for column in TABLES[table].sourced})


def from_layer_above(table: str, asset: str) -> dict[str, Any]:
    """Each column of `table` from that of the same name in `asset`."""
    return _lineage({column.name: [(asset, column.name)] for column in TABLES[table].columns})


def from_changes(table: str, asset: str) -> dict[str, Any]:
    """What `table` tells of changes, from every column of `asset`'s that is compared; its key from the key."""
    compared = [(asset, column.name) for column in TABLES["activities_all"].sourced if not column.key]
    told = dict.fromkeys(("changed_fields", "previous"), compared)
    return _lineage({"activity_id": [(asset, "id")], "valid_from": [(asset, "ingestion_ts")], **told})


def from_tables(assets: Mapping[str, str]) -> dict[str, Any]:
    """Each table of the snapshot from the keys of the asset that holds it; `assets`: the table of each."""
    return _lineage({table: [(asset, key) for key in TABLES[table].key] for asset, table in assets.items()})


def _lineage(deps: Mapping[str, Iterable[tuple[str, str]]]) -> dict[str, Any]:
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(asset_key=asset, column_name=name) for asset, name in sources]
                for column, sources in deps.items()
            }
        )
    }
