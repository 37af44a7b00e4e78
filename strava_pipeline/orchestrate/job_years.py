"""The years of a run that names none: those of the job's schedule, or else of its command.

The kind of years that a job takes stands in its record (jobs.py). No Dagster is imported: commands ask here, too.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from strava_pipeline.core.errors import MisuseError
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.core.years import years_since
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import ProviderChoice, enabled_providers
from strava_pipeline.lake.bronze.listings import newest_watermark
from strava_pipeline.lake.gold.coverage import years_behind
from strava_pipeline.lake.imports.activities import all_listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.provider_access import lacking_files
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.job_records import JobYears
from strava_pipeline.orchestrate.jobs import jobs_of


def years_without_choice(settings: Settings, job: str, now: datetime | None = None) -> list[int]:
    """The years of a run of `job` if nobody chose any, ascending; empty for a job that is not by year.

    Raises MisuseError if only a person can choose.
    """
    record = jobs_of(settings).get(job)
    years = year_range(settings.first_year, now)
    match record.years if record is not None else None:
        case JobYears.RECENT:
            return flow_years(settings)
        case JobYears.OF_PROVIDER:
            return provider_years(settings, job, enabled_providers(settings)[job], now or datetime.now(UTC))
        case JobYears.OF_PROVIDERS:
            return years_of_providers(settings, enabled_providers(settings), now or datetime.now(UTC))
        case JobYears.NEWEST:
            return [years.newest]
        case JobYears.LAST_TWO:
            return years.all[-2:]
        case JobYears.WITH_DATA:
            return lake_years(settings)
        case JobYears.ALL:
            return years.all
        case JobYears.CHOSEN:
            raise MisuseError(
                f"The job {job} works on years that a person chooses, and this run names none. In Dagster, choose them when you "
                f"launch it; on the command line: {_COMMANDS.get(job, f'dg launch --job {job} --partition {years.newest}')}."
            )
        case _:
            return []


_COMMANDS = {
    "backfill": "strava-pipeline backfill --years 2024 2025",
    "backfill_sources": "strava-pipeline providers pull --years 2024-2025",
    "sync_month": "strava-pipeline sync-month 2025-06",
}


def flow_years(settings: Settings, *, days: int | None = None, provider: str = STRAVA) -> list[int]:
    """The years that a pull from the watermark may touch, from the first one in which gold is behind."""
    years = year_range(settings.first_year)
    lake = Lake(settings.data_dir)
    newest = newest_watermark(lake, provider)
    lookback = timedelta(days=settings.days if days is None else days)
    touched = years_since(newest - lookback if newest else None, years)
    return years.since(min([*touched, *years_behind(lake, years)]))


def provider_years(
    settings: Settings, provider: str, choice: ProviderChoice, now: datetime, *, days: int | None = None
) -> list[int]:
    """The years of the provider's daily run: those that a pull may touch, and those that lack files.

    A feed reports changes of any year, and a source that shows everything at once contains them.
    """
    years = year_range(settings.first_year)
    if spec_of(provider).capabilities & {"feed", "whole"}:
        return years.all
    touched = flow_years(settings, days=days, provider=provider)
    lake = Lake(settings.data_dir)
    lacking = lacking_files(lake, provider, years.all, now) if choice.auto_files else []
    return years.since(min([*touched, *(activity.year for activity in lacking)]))


def years_of_providers(
    settings: Settings, choices: Mapping[str, ProviderChoice], now: datetime, *, days: int | None = None
) -> list[int]:
    """The years that the daily run of any of these providers covers."""
    of_each = (provider_years(settings, name, choice, now, days=days) for name, choice in choices.items())
    return sorted({year for years in of_each for year in years})


def lake_years(settings: Settings) -> list[int]:
    """The years from the first with a listing or an import to the newest; all years if nothing was listed."""
    span = year_range(settings.first_year)
    listed = (year for listing in all_listings(Lake(settings.data_dir)) for year in listing.manifest.years_within(span))
    return span.since(min(listed, default=span.first))
