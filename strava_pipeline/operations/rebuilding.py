"""A rebuild as a step of a run: everything downstream of bronze, all years at once. How is lake/rebuild.py's."""

from collections.abc import Iterator
from functools import partial

from strava_pipeline.core.tables import DETAIL_TABLES, MATCH_TABLES, QUARANTINE, TRACKS
from strava_pipeline.lake.gold.publish import skipped_views, snapshot
from strava_pipeline.lake.gold.quality import row_counts, rows_by_year
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.lake.tracks import track_sizes
from strava_pipeline.operations.current import make_imports
from strava_pipeline.operations.insights import write_insights_of
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import ROWS, StepReport, if_any, timed
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.settings import Settings

REBUILT = {
    "activity_shards": "activities_all",
    "activities": "activities_all",
    **{name: name for name in ("activity_history", *MATCH_TABLES, *DETAIL_TABLES, QUARANTINE.name)},
}
"""The assets that a rebuild makes, and the table whose rows they hold."""


def rebuild_all(run: RunContext, settings: Settings) -> list[StepReport]:
    """Rebuild and publish, then tracks and insights; what is reported of each asset, by year."""
    with timed() as seconds:
        rebuild(run.lake, run.years, run.progress, make_imports=partial(make_imports, run, settings.import_limits))
        make_tracks(run, run.years.all)
        opened = partial(snapshot, run.lake)
        insights = write_insights_of(run, opened, run.years.all, settings.timezone, settings.insight_sports)
    return [*_reports(run, seconds.value), insights]


def _reports(run: RunContext, seconds: float) -> Iterator[StepReport]:
    years = run.years.all
    with reading(run.lake) as connection:
        counts = row_counts(connection)
        by_year = {table: rows_by_year(connection, table) for table in set(REBUILT.values())}
    for asset, table in REBUILT.items():
        yield StepReport(asset, by_year={year: {ROWS: by_year[table].get(year, 0)} for year in years})
    tracks = {year: track_sizes(run.lake, year) for year in years}
    yield StepReport(
        TRACKS.name, by_year={year: {ROWS: points, "files": files} for year, (files, points) in tracks.items()}
    )
    with snapshot(run.lake) as connection:
        without = if_any(views_left_out=skipped_views(connection))
    rows = {f"rows/{name}": count for name, count in counts.items()}
    yield StepReport("published_warehouse", by_year={year: {"seconds": seconds, **without, **rows} for year in years})
