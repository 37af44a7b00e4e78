"""The one partitions definition: a partition is a local year of the athlete. The same years without Dagster: years.py.

Partitions in Dagster: https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets
"""

from collections.abc import Sequence

import dagster as dg

from strava_pipeline.operations.years import ZONE
from strava_pipeline.orchestrate.tags import FIRST_PARTITION, LAST_PARTITION


def year_partitions(first_year: int) -> dg.TimeWindowPartitionsDefinition:
    """Years from `first_year` to the running one, this included; the new one appears without a reload."""
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule="0 0 1 1 *", start=str(first_year), fmt="%Y", end_offset=1, timezone=ZONE
    )


def range_tags(years: Sequence[int]) -> dict[str, str]:
    """The tags that make one run cover all of `years`, first to last."""
    return {FIRST_PARTITION: str(min(years)), LAST_PARTITION: str(max(years))}
