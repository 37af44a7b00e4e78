"""Writes models/sources.yml from the catalogue of tables: `make docs`.

No columns, meanings or units of its own: what is wrong there is corrected in strava_pipeline/core/tables/.
"""

from pathlib import Path

import yaml

from strava_pipeline.core.tables.exported import exported_tables
from strava_pipeline.core.tables.model import Column

FILE = Path(__file__).parent / "models" / "sources.yml"
HEAD = "# Made from the catalogue of tables by `make docs`; not to be edited by hand.\n"


def main() -> None:
    FILE.write_text(sources(), encoding="utf-8")


def sources() -> str:
    """Every table and view of the published warehouse as a source of dbt, with its columns, their types and units."""
    tables = [
        {
            "name": exported.name,
            "description": exported.table.meaning,
            "columns": [
                {"name": column.name, "description": _described(column), "data_type": column.kind.value.lower()}
                for column in exported.columns
            ],
        }
        for _, exported in sorted(
            exported_tables(with_positions=True).items()
        )  # the order of tables is that of imports
    ]
    source = {"name": "strava", "database": "strava", "schema": "main", "tables": tables}
    return HEAD + yaml.safe_dump({"version": 2, "sources": [source]}, sort_keys=False, allow_unicode=True, width=120)


def _described(column: Column) -> str:
    return f"{column.meaning} ({column.unit})" if column.unit else column.meaning


if __name__ == "__main__":
    main()
