"""Ending a daily run after its listing, if that brought nothing and nothing else is due.

Whether work is due is asked of the steps that would do it; if that is unknown, the run continues.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.bronze.listings import listings, mark_listings_used
from strava_pipeline.lake.copied import OLD, copy_age, gather_beside
from strava_pipeline.lake.gold.coverage import differences, newest_row_at
from strava_pipeline.lake.gold.fetch_selection import select_details
from strava_pipeline.lake.gold.merge_details import batches_of_answers, sync_kudos
from strava_pipeline.lake.gold.publish import Published, snapshot
from strava_pipeline.lake.gold.quarantine import sync_quarantine
from strava_pipeline.lake.gold.warehouse import is_due, reading
from strava_pipeline.lake.imports.merge import merge_fresh_details
from strava_pipeline.lake.made.shards import are_shards_current
from strava_pipeline.operations.compacting import years_to_publish
from strava_pipeline.operations.fetching import scope_of
from strava_pipeline.operations.fetching_steps import fetch_details
from strava_pipeline.operations.insights import write_insights_of, years_without_insights
from strava_pipeline.operations.options import DetailsOptions
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline.operations.step_reports import PUBLISHED, StepReport

_COPIED_AGAIN = OLD * 0.75  # a copy this old gets the pages of quiet listings, before doctor warns of it


def end_if_quiet(
    run: RunContext, strava: BudgetedSource, listed: StepReport, details: DetailsOptions, years: Sequence[int]
) -> list[StepReport]:
    """The reports of a run that ends after its listing, `listed`; if it continues, `listed` alone, with the work that is due."""
    settings, lake = strava.settings, run.lake
    if due := what_is_due(run, settings, listed, details, years):
        return [_noting(listed, due=due)]
    of_insights = partial(snapshot, lake), years, settings.timezone, settings.insight_sports
    is_another_day = bool(years_without_insights(run, *of_insights))
    insights = [write_insights_of(run, *of_insights)] if is_another_day else []
    if not all(made.holds for made in insights):
        return [_noting(listed, due="insights")]
    fetched = fetch_details(run, strava, details, years)
    if fetched.metadata["received"]:  # one became due meanwhile
        return [_noting(listed, due="details")]
    if run.run_id is not None:
        mark_listings_used(lake, run.run_id, brought_nothing=True)
    published = StepReport(PUBLISHED, [Published(False, lake.snapshot.stat().st_size)])
    unasked = [replace(made, findings=()) for made in (fetched, *insights)]
    reports = [_noting(listed, skipped="nothing new"), *unasked, published]
    return [replace(each, ends=True) for each in reports]


def _noting(listed: StepReport, **more: str) -> StepReport:
    return replace(listed, notes=more)


def what_is_due(
    run: RunContext, settings: Settings, listed: StepReport, details: DetailsOptions, years: Sequence[int]
) -> str:
    """The work of a run over `years` after its listing, in a word: the first found; may be empty."""
    lake, now = run.lake, run.now()
    mine = [each for each in listings(lake) if each.manifest.run_id == run.run_id]
    if (
        run.has_rebuilt
        or len(mine) != 1  # with an earlier run's listing there are two
        or mine[0].manifest.as_of is not None
        or any(not each.holds for each in listed.findings if each.rule == "listing_complete")
    ):
        return "all of it"
    (listing,) = mine
    with reading(lake) as connection:
        newest = newest_row_at(connection)
        if newest is None or newest >= listing.manifest.started_at:  # a clock was wrong, then or now: no row is newer
            return "activities"
        brings = differences(lake, listing, years, run.years)
        news = brings.inserted | brings.changed | (brings.deleted or frozenset())
        if news or len(brings.listed) < listing.manifest.rows:
            return "activities"
        wanted = select_details(lake, years, scope_of(run, settings, details), now)
        if wanted.due or wanted.refresh or any(batches_of_answers(connection, lake, years)):
            return "details"
        of_files = partial(merge_fresh_details, connection, lake)
        if years_to_publish(run, settings, years, but=listing.name) or is_due(connection, of_files):
            return "gold"
        if is_due(connection, partial(sync_kudos, connection, lake, years)) or is_due(
            connection, partial(sync_quarantine, connection, lake, years)
        ):
            return "details"
    if not are_shards_current(lake, years, run.years):
        return "shards"
    if settings.export_url is not None:  # what PostgreSQL lacks is known only there
        return "export"
    return "copy" if settings.is_copied and _lacks_files(run, settings) else ""


def _lacks_files(run: RunContext, settings: Settings) -> bool:
    """Whether the second copy lacks more than the results of quiet listings since, or is so old that these are due, too."""
    from strava_pipeline.operations.copying import beside  # not needed without a copy

    gather_beside(run.lake, beside(run.lake, settings))
    age = copy_age(run.lake, settings.copy_place)
    if age.at is None or age.problem or run.now() - age.at >= _COPIED_AGAIN:
        return True
    quiet = (
        each.manifest
        for each in listings(run.lake)
        if each.manifest.brought_nothing or each.manifest.run_id == run.run_id
    )
    return age.lacking > sum(len(each.pages) + 1 for each in quiet if each.fetched_at >= age.at)
