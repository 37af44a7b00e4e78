"""Publishing by assets that end runs of their own: no asset stands below them that a failed check could hold back."""

from functools import partial

import dagster as dg

from strava_pipeline.lake.publish import publish
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.orchestrate.verdicts import is_blocking, refuse_faults, table_results


def publish_if_right(pipeline: Pipeline, table: str) -> list[dg.AssetCheckResult]:
    """The table's checks; the warehouse is published unless one of them is against it."""
    with reading(pipeline.lake) as connection:
        checks = list(table_results(connection, pipeline.lake, table, table))
    if not any(is_blocking(check) for check in checks):
        publish(pipeline.lake, refuse=partial(refuse_faults, lake=pipeline.lake, checked={}))
    return checks
