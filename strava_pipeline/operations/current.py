"""What a run works with, brought up to date before: a warehouse of the present tables, without any undone import.

Most runs find nothing to do; what doing it takes is imported by those that do.
"""

from functools import partial

from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.lake.imports.undo import are_tracks_due
from strava_pipeline.lake.rebuild import ensure_current
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.settings import Settings


def bring_up_to_date(run: RunContext, settings: Settings) -> None:
    """Make the warehouse anew where it has to be, and what is made of it where an undone import was in it."""
    lake, years = run.lake, run.years
    ensure_current(lake, years, run.progress, make_imports=partial(make_imports, run, settings.import_limits))
    if are_tracks_due(lake):
        from strava_pipeline.lake.gold.publish import publish, snapshot
        from strava_pipeline.operations.insights import make_insights
        from strava_pipeline.operations.tracking import make_tracks

        publish(lake)  # which a process that died may not have done; what may leave was looked at by the rebuild
        make_tracks(run, years.all)
        if lake.snapshot.exists():
            make_insights(run, partial(snapshot, lake), years.all, settings.timezone, settings.insight_sports)


def make_imports(run: RunContext, limits: ImportLimits) -> None:
    """Read the files of imports whose readings are not whole, and make the activities of all imports that count anew."""
    from strava_pipeline.lake.imports.files import is_reading_intact
    from strava_pipeline.operations.importing import LOCK, make_activities
    from strava_pipeline.operations.reading_files import read_files, unread

    with run.exclusive(LOCK):
        files = unread(run.lake, is_read=is_reading_intact, raised_to=limits)
        read_files(run.lake, files, lambda steps: None, limits=limits)
        make_activities(run, lambda steps: None, anew=True)
