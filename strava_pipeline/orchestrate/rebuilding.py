"""The job `rebuild`: everything downstream of bronze made anew, all years at once. How is lake/rebuild.py's.

One op instead of the assets, because a rebuild is whole or nothing: a run of one year could not replace the warehouse.
Its run reports each asset as materialised all the same, year by year.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import DETAIL_TABLES, MATCH_TABLES, QUARANTINE, TRACKS
from strava_pipeline.lake.counts import row_counts, rows_by_year
from strava_pipeline.lake.publish import snapshot
from strava_pipeline.lake.rebuild import rebuild
from strava_pipeline.lake.tracks import track_sizes
from strava_pipeline.lake.views import left_out
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.operations.current import make_imports
from strava_pipeline.operations.insights import InsightsMade, make_insights
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.orchestrate.assets.insights import year_metadata
from strava_pipeline.orchestrate.jobs import INSIGHTS, REBUILD_JOB
from strava_pipeline.orchestrate.metadata import if_any, timed
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.settings import Settings

MADE = {
    "activity_shards": "activities_all",
    "activities": "activities_all",
    **{name: name for name in ("activity_history", *MATCH_TABLES, *DETAIL_TABLES, QUARANTINE.name)},
}
"""The assets made anew, and the table whose rows they hold."""


def rebuild_job(settings: Settings) -> dg.JobDefinition:
    @dg.op(description="Shards, gold and tracks from bronze, then published. Readers keep the old snapshot meanwhile.")
    def from_bronze(context: dg.OpExecutionContext, run: Run) -> None:
        with timed() as seconds:
            again = partial(make_imports, run, settings.import_limits)
            rebuild(run.lake, run.years, run.progress, make_imports=again)
            make_tracks(run, run.years.all)
            insights = make_insights(
                run, partial(snapshot, run.lake), run.years.all, settings.timezone, settings.insight_sports
            )
        for materialization in (*_made(run, seconds.value), *_insights(insights)):
            context.log_event(materialization)

    @dg.job(name=REBUILD_JOB, description="Rebuild shards and the warehouse from bronze, without a call, and publish.")
    def job() -> None:
        from_bronze()

    return job


def _made(run: RunContext, seconds: float) -> Iterator[dg.AssetMaterialization]:
    with reading(run.lake) as connection:
        counts = row_counts(connection)
        by_year = {table: rows_by_year(connection, table) for table in set(MADE.values())}
    years = run.years.all
    for asset, table in MADE.items():
        for year in years:
            yield _told(asset, year, {"dagster/row_count": by_year[table].get(year, 0)})
    with snapshot(run.lake) as connection:
        without = if_any(views_left_out=left_out(connection))
    rows = {**without, **{f"rows/{name}": count for name, count in counts.items()}}
    for year in years:
        tracks, points = track_sizes(run.lake, year)
        yield _told(TRACKS.name, year, {"dagster/row_count": points, "files": tracks})
        yield _told("published_warehouse", year, {"seconds": seconds, **rows})


def _insights(made: InsightsMade) -> Iterator[dg.AssetMaterialization]:
    for year, of_year in made.report.years.items():
        yield _told(INSIGHTS, year, year_metadata(of_year, made.athlete.units if made.athlete else "km"))


def _told(asset: str, year: int, metadata: dict[str, Any]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(asset, partition=str(year), metadata=metadata)
