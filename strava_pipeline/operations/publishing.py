"""Publishing by assets that end runs of their own: no asset stands below them that a failed check could hold back."""

from collections.abc import Sequence
from functools import partial

from strava_pipeline.lake.publish import publish
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.operations.pipeline import Pipeline
from strava_pipeline.operations.table_rules import Finding, refuse_faults, table_findings


def publish_if_right(pipeline: Pipeline, table: str) -> list[Finding]:
    """What is found of the table; the warehouse is published unless a rule refuses it."""
    return publish_all_right(pipeline, [table])[table]


def publish_all_right(pipeline: Pipeline, tables: Sequence[str]) -> dict[str, list[Finding]]:
    """What is found of each table; the warehouse is published unless a rule refuses one."""
    with reading(pipeline.lake) as connection:
        found = table_findings(connection, pipeline.lake, tables)
    if all(finding.holds or not finding.refuses for findings in found.values() for finding in findings):
        publish(pipeline.lake, refuse=partial(refuse_faults, lake=pipeline.lake, checked={}))
    return found
