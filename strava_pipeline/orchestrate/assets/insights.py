"""A year against its goals, as files and as a picture in Dagster's UI. The work is operations/insights.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from strava_pipeline.operations.insights import write_insights_of
from strava_pipeline.orchestrate.checks import valid_spec
from strava_pipeline.orchestrate.jobs import INSIGHTS
from strava_pipeline.orchestrate.metadata import OWNER
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.steps import Result, reported


def insight_assets(partitions: dg.PartitionsDefinition[Any], zone: str, sports: str) -> list[dg.AssetsDefinition]:
    """The insights of each year.

    Args:
        zone: whose today they go by where the athlete's own is not known.
        sports: those that two of a year's files count.
    """

    @dg.asset(
        name=INSIGHTS,
        partitions_def=partitions,
        deps=["published_warehouse"],
        group_name="insights",
        kinds={"json"},
        owners=[OWNER],
        description="data/insights/YYYY: each group of sports day by day against its goals (goals.toml), pace and projection.",
        check_specs=[
            valid_spec(
                INSIGHTS,
                refuses={"equals_gold": "the files of the run's years agree with gold"},
                warns={
                    "goals_usable": "goals.toml can be followed, if there is one",
                    "sports_known": "every sport has a group; one without counts as other",
                },
                blocking=False,  # nothing stands below, and the next run makes the files again
            )
        ],
    )
    def insights(context: dg.AssetExecutionContext, run: Run, snapshot: DuckDBResource) -> Iterator[Result]:
        years = years_of(context.partition_keys)
        yield from reported(context, write_insights_of(run, snapshot.get_connection, years, zone, sports))

    return [insights]
