"""What commands that only look begin with: circumstances without a run, and the years that there are. No Dagster."""

import logging

from strava_pipeline.lake.imported import all_listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import RunContext, run_context
from strava_pipeline.operations.years import year_range
from strava_pipeline.settings import Settings


def looking(settings: Settings) -> RunContext:
    """For commands that only look: the data folder and the clock, without a run."""
    return run_context(settings, LogProgress(logging.getLogger(__name__)))


def all_years(settings: Settings) -> list[int]:
    return year_range(settings.first_year).all


def lake_years(settings: Settings) -> list[int]:
    """The years of which anything was listed, to the newest; all where nothing was."""
    known = year_range(settings.first_year)
    years = known.all
    first = min(
        (year for each in all_listings(Lake(settings.data_dir)) for year in each.manifest.years_within(known)),
        default=years[0],
    )
    return [year for year in years if year >= first]
