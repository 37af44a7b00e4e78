"""What an asset reports to Dagster: its columns from the catalogue, and on materialisation rows, calls, bytes, seconds.

Numbers are always reported, also 0, so that Dagster's plots have no holes; texts and lists only where they hold something.

Metadata in Dagster: https://docs.dagster.io/guides/build/assets/metadata-and-tags
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import dagster as dg

from strava_pipeline.core.plan import Forecast
from strava_pipeline.core.tables import PARQUET_TABLES, TABLES, Table
from strava_pipeline.core.tables.insights import INSIGHTS
from strava_pipeline.operations.strava_source import StravaSource
from strava_pipeline.orchestrate.lineage import field_in_bronze
from strava_pipeline.orchestrate.runs import in_words

OWNER = "team:athlete"
MAKES_CALLS = {"strava_pipeline/calls": "yes"}  # tag of the assets that spend Strava's limits


def described(*tables: str) -> dict[str, Any]:
    """The definition metadata of an asset that holds `tables`: column names, types, meanings, units, fields at the source."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(
                    name=column.name,
                    type=column.kind.value,
                    description=column.meaning
                    + (f" [{column.unit}]" if column.unit else "")
                    + (f" ← {field_in_bronze(name, column)}" if column.source else ""),
                    constraints=dg.TableColumnConstraints(nullable=not column.key),
                )
                for name in tables
                for column in (TABLES | PARQUET_TABLES)[name].columns
            ]
        )
    }


def described_source(*tables: str) -> dict[str, Any]:
    """The definition metadata of an asset that holds the provider's own JSON: the fields that columns are read from."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name=field_in_bronze(table, column), type="JSON", description=column.meaning)
                for table in tables
                for column in TABLES[table].sourced
            ]
        )
    }


def described_tables() -> dict[str, Any]:
    """The definition metadata of the whole warehouse: its tables in place of columns."""
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name=name, type=kind, description=table.meaning)
                for kind, tables in (("TABLE", TABLES), ("VIEW", INSIGHTS))
                for name, table in tables.items()
            ]
        )
    }


def table_description(table: Table) -> str:
    return f"{table.meaning} Key: {', '.join(table.key)}."


def tell_rows(context: dg.AssetExecutionContext, rows: Mapping[int, int], asset: str | None = None) -> None:
    """The rows of each of the run's years, on its partition; `asset`: where the step makes several."""
    for key in context.partition_keys:
        context.add_asset_metadata({"dagster/row_count": rows.get(int(key), 0)}, asset_key=asset, partition_key=key)


def nothing_there(context: dg.AssetExecutionContext, years: Sequence[int], rows: Mapping[int, int]) -> dict[str, str]:
    """Says so, in the run's log too, where none of the run's years holds an activity."""
    if any(rows.get(year, 0) for year in years):
        return {}
    result = f"No activities in {in_words(years)}."
    context.log.info(result)
    return {"result": result}


class Seconds:
    """How long a body took; `value` is filled in when it ends."""

    value = 0.0


@contextmanager
def timed() -> Iterator[Seconds]:
    seconds = Seconds()
    began = time.monotonic()
    try:
        yield seconds
    finally:
        seconds.value = round(time.monotonic() - began, 3)


def calls_left(source: StravaSource, still_to_do: int) -> dict[str, Any]:
    """The calls left under the limit that governs, and when `still_to_do` more calls will have been made."""
    governing = source.client().budget.remaining().governing
    found: dict[str, Any] = {
        "calls_left": governing.left,
        "tightest_limit": f"{governing.limit} {governing.ceiling}",
        "calls_still_to_make": still_to_do,
    }
    return found | (_moment("last_call_expected_at", source.pace.done_at(still_to_do)) if still_to_do else {})


def estimated(forecast: Forecast | None) -> dict[str, Any]:
    """What was told beforehand, to be laid beside what it took."""
    if forecast is None:
        return {}
    return {"estimated_calls": forecast.calls, **_moment("estimated_done_at", forecast.done_at)}


def _moment(name: str, at: datetime | None) -> dict[str, Any]:
    return {name: dg.MetadataValue.timestamp(at.timestamp())} if at is not None else {}


def if_any(**found: Any) -> dict[str, Any]:
    """Texts, lists and dictionaries by name, without the empty ones."""
    return {
        name: value if isinstance(value, str) else dg.MetadataValue.json(value)
        for name, value in found.items()
        if value
    }


def named_ids(**found: list[int]) -> dict[str, Any]:
    """Which activities gave not what was asked for, so that a person can look at them; nothing where none did."""
    return if_any(**{name: [str(one) for one in ids] for name, ids in found.items()})


def unknown_fields(unknown: Counter[str]) -> dict[str, Any]:
    """Fields without a column, kept in `extra`: named, so that somebody can give them one."""
    return if_any(unknown_fields=dict(sorted(unknown.items())))
