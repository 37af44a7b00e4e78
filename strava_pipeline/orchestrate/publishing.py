"""Publishing by assets that end runs of their own: no asset stands below them that a failed check could hold back."""

from collections.abc import Sequence
from functools import partial

import dagster as dg

from strava_pipeline.lake.publish import publish
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.orchestrate.verdicts import is_blocking, refuse_faults, table_results


def publish_if_right(pipeline: Pipeline, table: str) -> list[dg.AssetCheckResult]:
    """The table's checks; the warehouse is published unless one of them is against it."""
    return publish_all_right(pipeline, [table])[table]


def publish_all_right(pipeline: Pipeline, tables: Sequence[str]) -> dict[str, list[dg.AssetCheckResult]]:
    """The checks of each table; the warehouse is published unless one of them is against it."""
    with reading(pipeline.lake) as connection:
        checks = {table: list(table_results(connection, pipeline.lake, table, table)) for table in tables}
    if not any(is_blocking(check) for found in checks.values() for check in found):
        publish(pipeline.lake, refuse=partial(refuse_faults, lake=pipeline.lake, checked={}))
    return checks
