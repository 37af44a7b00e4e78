"""A rebuild: everything derived from bronze, all years at once; and every run's check whether one is due.

How a rebuild works is lake/rebuild.py's.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from strava_pipeline.core.limits import ImportLimits
from strava_pipeline.core.numbers import if_any
from strava_pipeline.core.tables import DETAIL_TABLES, MATCH_TABLES, PROPOSED_CHANGES, QUARANTINE, TRACKS
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import publish, snapshot
from strava_pipeline.lake.gold.quality import row_counts, rows_by_year
from strava_pipeline.lake.gold.user_views import skipped_views
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.imports.files import has_old_tracks, is_reading_intact, remove_old_readings
from strava_pipeline.lake.imports.undo import are_tracks_due
from strava_pipeline.lake.made.tracks import track_sizes
from strava_pipeline.lake.rebuild import ensure_current, rebuild
from strava_pipeline.operations.changes.proposing import propose_if_any
from strava_pipeline.operations.importing import LOCK, make_activities
from strava_pipeline.operations.insights import make_insights, write_insights_of
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.reading_files import read_files, unread_files
from strava_pipeline.operations.retention import let_expire
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import PUBLISHED, YEAR_ROWS, StepReport, table_report
from strava_pipeline.operations.tracking import make_tracks

REBUILT = {
    "activity_shards": "activities_all",
    "activities": "activities_all",
    **{name: name for name in ("activity_history", *MATCH_TABLES, *DETAIL_TABLES, QUARANTINE.name)},
}
"""The assets that a rebuild makes, and the tables of their rows."""


def bring_up_to_date(run: RunContext, settings: Settings) -> RunContext:
    """Rebuild the warehouse if due; after an undone import or a newer reading, tracks and insights too.

    Returns the run's updated context.
    """
    lake, years = run.lake, run.years
    said: list[str] = []
    has_rebuilt = ensure_current(
        lake,
        years,
        run.progress,
        make_imports=partial(remake_imports, run, settings.import_limits),
        propose=partial(propose_if_any, run, settings),
        changed=said.append,
    )
    is_outdated = lake.working.exists() and has_old_tracks(lake)
    if is_outdated or are_tracks_due(lake):
        publish(lake)  # which a process that died may not have done; what may leave was looked at by the rebuild
        make_tracks(run, years.all)
        if lake.snapshot.exists():
            make_insights(run, partial(snapshot, lake), years.all, settings.timezone, settings.insight_sports)
    if is_outdated:
        remove_old_readings(lake)
    let_expire(run, settings)
    return replace(run, has_rebuilt=has_rebuilt, changes="".join(said))


def remake_imports(run: RunContext, limits: ImportLimits) -> None:
    """Read the files of imports with incomplete readings, and make the activities of all imports again."""
    with run.exclusive(LOCK):
        files = unread_files(run.lake, is_read=is_reading_intact, raised_to=limits)
        if files:
            with progressing(run.progress, "Reading files again", len(files)) as advance:
                read_files(run.lake, files, advance, limits=limits)
        make_activities(run, lambda steps: None, of_all=True)


def rebuild_all(run: RunContext, settings: Settings) -> list[StepReport]:
    """Rebuild and publish, then tracks and insights; returns the reports of each asset, by year."""
    said: list[str] = []
    rebuild(
        run.lake,
        run.years,
        run.progress,
        make_imports=partial(remake_imports, run, settings.import_limits),
        propose=partial(propose_if_any, run, settings),
        changed=said.append,
    )
    make_tracks(run, run.years.all)
    publish(run.lake)  # values computed from tracks
    opened = partial(snapshot, run.lake)
    insights = write_insights_of(run, opened, run.years.all, settings.timezone, settings.insight_sports)
    remove_old_readings(run.lake)
    return [*_reports(run, "".join(said)), insights]


def _reports(run: RunContext, changes: str) -> Iterator[StepReport]:
    years = run.years.all
    with reading(run.lake) as connection:
        counts = row_counts(connection)
        by_year = {table: rows_by_year(connection, table) for table in set(REBUILT.values())}
    for asset, table in REBUILT.items():
        yield table_report(asset, [], by_year[table], years)
    yield StepReport(PROPOSED_CHANGES.name, by_year={year: {} for year in years})
    tracks = {year: track_sizes(run.lake, year) for year in years}
    yield StepReport(
        TRACKS.name, by_year={year: {YEAR_ROWS: points, "files": files} for year, (files, points) in tracks.items()}
    )
    with snapshot(run.lake) as connection:
        without = if_any(views_left_out=skipped_views(connection), changed_by_reading=changes)
    rows = {f"rows/{name}": count for name, count in counts.items()}
    yield StepReport(PUBLISHED, by_year={year: {**without, **rows} for year in years})
