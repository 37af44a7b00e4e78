"""Whether there is a login to work with, as everything that starts runs by itself asks before it looks at anything else."""

import dagster as dg

from strava_pipeline.ingest.strava.connect import token_store
from strava_pipeline.ingest.strava.revocation import why_no_access
from strava_pipeline.settings import Settings


def no_login(settings: Settings) -> dg.SkipReason | None:
    """Why nothing can be asked of Strava; None: a login is there, and may be used as far as is known."""
    if told := why_no_access(settings):
        return dg.SkipReason(told)
    if not token_store(settings).path.exists():
        return dg.SkipReason("There is no login yet. Run `strava-pipeline auth`.")
    return None
