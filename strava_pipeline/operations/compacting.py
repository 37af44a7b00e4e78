"""The years in which merging shards has work, found before a run is made for it. Changes nothing.

Each step is asked itself where it has one question alone; other questions stand next to the work. The steps are merging.py's.
"""

from collections.abc import Sequence
from functools import partial

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.coverage import years_behind
from strava_pipeline.lake.gold.deletions import absence
from strava_pipeline.lake.gold.matches import match_activities, tracks_due
from strava_pipeline.lake.gold.merge import merge_activities
from strava_pipeline.lake.gold.merge_details import merge_profile
from strava_pipeline.lake.gold.publish import is_publish_due, snapshot
from strava_pipeline.lake.gold.publish_pause import waiting_years
from strava_pipeline.lake.gold.warehouse import Connection, is_due, reading
from strava_pipeline.lake.imports.undo import are_tracks_due
from strava_pipeline.lake.rebuild import reason_to_rebuild
from strava_pipeline.operations.changes.proposing import update_proposals
from strava_pipeline.operations.insights import years_without_insights
from strava_pipeline.operations.run_context import RunContext


def years_to_compact(run: RunContext, settings: Settings, span: Sequence[int]) -> list[int]:
    """The years of `span`, ascending, from the first to the last one in which `compact` has work; may be empty.

    Work without a year (a rebuild, matches, an outdated snapshot) counts for all of them; so does an export, because
    only PostgreSQL knows what it lacks.
    """
    lake = run.lake
    if (
        settings.export_url is not None
        or not lake.working.exists()
        or reason_to_rebuild(lake) is not None
        or are_tracks_due(lake)
    ):
        return [*span]
    due = years_to_publish(run, settings, span)
    if due.issuperset(span):
        return [*span]
    opened = partial(snapshot, lake)
    due |= years_without_insights(run, opened, span, settings.timezone, settings.insight_sports)
    if not due:
        return []
    return [year for year in span if min(due) <= year <= max(due)] or [*span[-1:]]


def years_to_publish(run: RunContext, settings: Settings, span: Sequence[int], *, but: str = "") -> set[int]:
    """The years with anything to merge or publish; all of `span` for work without a year.

    `but`: a listing that gold has completely.
    """
    lake = run.lake
    with reading(lake) as connection:
        due = years_behind(lake, run.years, but=but)
        merge = partial(merge_activities, connection, lake)
        if is_due(connection, partial(merge, span)):
            due |= {year for year in span if is_due(connection, partial(merge, [year]))}
        deletions = absence(connection, lake, [year for year in span if year not in due], run.years)
        due |= {shrink.year for shrink in deletions.held}  # reported by each run until a person decides
        if deletions.deleted or deletions.restored or not _is_rest_current(connection, run, settings):
            return {*span}
    return due | waiting_years(lake).intersection(span)


def _is_rest_current(connection: Connection, run: RunContext, settings: Settings) -> bool:
    """Whether everything without a year is up to date: athlete and gear, matches, changes, snapshot."""
    lake = run.lake

    def make_all() -> None:
        merge_profile(connection, lake)
        match_activities(connection, lake)
        update_proposals(run, settings, connection)

    return not (is_due(connection, make_all) or tracks_due(connection) or is_publish_due(connection, lake))
