"""The verb `rebuild`: everything downstream of bronze, made anew without a call."""

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import Verbose


def rebuild(verbose: Verbose = False) -> None:
    """Make shards and the warehouse anew from data/bronze, without a call. Readers keep the old snapshot meanwhile."""
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.run_job import run_job
    from strava_pipeline.verbs.terminal import out, progress_for_terminal, say_left_out

    log_level = "INFO" if verbose else "CRITICAL"
    outcome = run_job(
        Settings.load(), REBUILD_JOB, years=None, progress_of=progress_for_terminal(), log_level=log_level
    )
    told = outcome.metadata["published_warehouse"]
    say_left_out(told.get("views_left_out", {}))
    out.print(
        f"Made anew from bronze and published: {counted(told['rows/activities_all'], 'activity')}, "
        f"{counted(told['rows/activity_details'], 'detail')} ({told['seconds']:.1f} s)"
    )
