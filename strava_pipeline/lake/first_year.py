"""The first year that holds anything, once everything was listed: earlier partitions cost calls and clicks for nothing."""

import datetime

from strava_pipeline.core.errors import Finding, ok
from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.imported import all_listings
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.manifests import Manifest
from strava_pipeline.lake.paths import Lake

FIRST_YEAR = "first year"


def later_first_year(lake: Lake, first_year: int) -> int | None:
    """The first year with an activity; None where that is `first_year`, or where no complete listing of everything is here."""
    if not any(_shows_everything(listing.manifest) for listing in listings(lake)):
        return None
    years = YearRange(first_year, datetime.MAXYEAR)  # whatever the partitions were when a listing came
    first = min((year for each in all_listings(lake) for year in each.manifest.years_within(years)), default=first_year)
    return first if first > first_year else None


def _shows_everything(manifest: Manifest) -> bool:
    """Whether it reached its end, all the way back, with a login that may see what only the athlete sees."""
    return manifest.window.mode == "all" and manifest.complete and manifest.sees_private


def first_year_advice(first: int, env_file: str) -> str:
    """What to do about empty first years: the exact line, and where it belongs."""
    return f"Nothing is older than {first}. Put this line into {env_file} to leave out empty years: STRAVA_FIRST_YEAR={first}"


def first_year_health(lake: Lake, first_year: int, env_file: str) -> Finding:
    """For `doctor`: never a fault."""
    later = later_first_year(lake, first_year)
    return ok(FIRST_YEAR, first_year_advice(later, env_file) if later else str(first_year))
