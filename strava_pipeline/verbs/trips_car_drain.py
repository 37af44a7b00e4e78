"""`trips car drain`: what the schedule does every ten minutes, at once and without Dagster's daemon."""

from strava_pipeline.verbs.options import Verbose


def drain(verbose: Verbose = False) -> None:
    """Bring the pings that came to gold, now, and end trips that nothing was heard of for two hours."""
    from datetime import UTC, datetime

    from strava_pipeline.lake.car_trips import is_due
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.jobs import CARS_JOB
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.running import run_verb
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    if not is_due(Lake(settings.data_dir), datetime.now(UTC)):
        out.print("Every ping is in gold, and no trip is to be ended.")
        return
    run_verb(settings, CARS_JOB, years=[year_range(settings.first_year).newest], verbose=verbose)
