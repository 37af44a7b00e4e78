"""Publishing by assets that end runs of their own: no asset stands below them that a failed check could hold back."""

from collections.abc import Sequence
from functools import partial

from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import Finding, refuse_faults, table_findings


def publish_if_right(run: RunContext, table: str) -> list[Finding]:
    """What is found of the table; the warehouse is published unless a rule refuses it."""
    return publish_all_right(run, [table])[table]


def publish_all_right(run: RunContext, tables: Sequence[str]) -> dict[str, list[Finding]]:
    """What is found of each table; the warehouse is published unless a rule refuses one."""
    with reading(run.lake) as connection:
        found = table_findings(connection, run.lake, tables)
    if all(finding.holds or not finding.refuses for findings in found.values() for finding in findings):
        publish(run.lake, refuse=partial(refuse_faults, lake=run.lake))
    return found
