"""The steps of a run that ask a provider beside Strava: its listing, and the gear that its activities name.

How a listing is fetched and landed is in pulling.py, the same for every provider.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta

from strava_pipeline.core.errors import GoneError, LimitReachedError, RefusedError, TransientError
from strava_pipeline.lake.bronze.answers import land_provider_gear, last_gear_answer, provider_gear
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.operations.fetching_steps import listing_complete, listing_numbers
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.provider_access import outcome_kept
from strava_pipeline.operations.provider_source import ProviderSource
from strava_pipeline.operations.pulling import pull_listing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport, if_any, timed


def list_provider_activities(
    run: RunContext, source: ProviderSource, options: ListingOptions, years: Sequence[int], *, asset: str
) -> StepReport:
    """List activities of the provider, then fetch its gear if that is due. `asset`: the name that the report is of.

    What goes wrong with gear is reported and stops nothing: the activities are on disk.
    """
    answers, name = 0, source.spec.name
    with timed() as seconds, outcome_kept(run, name, "listing") as ending:
        calls = source.client.calls
        report = pull_listing(run, source, options, years[0] if len(years) == 1 else None)
        ending.stopped = report.stopped
        if report.stopped is None and gear_is_due(run, source, report.gear_ids):
            try:
                answers = pull_provider_gear(run, source)
            except LimitReachedError as error:
                ending.stopped = error
            except (TransientError, RefusedError, GoneError) as error:
                ending.problem = str(error)
    return StepReport(
        asset,
        {
            **listing_numbers(report, seconds.value),
            "calls": source.client.calls - calls,  # with those for the login and for gear
            "gear_answers": answers,
            **if_any(gear_problem=ending.problem),
        },
        complete=listing_complete(report),
        stopped=ending.stopped,
    )


EVERY = timedelta(days=7)  # all gear is fetched again as often as Strava's: names and distances change slowly
SOONEST = timedelta(hours=20)  # gear that the service never shows must not cost a call in every run


def gear_is_due(run: RunContext, source: ProviderSource, named: Collection[str]) -> bool:
    """Whether gear is to be fetched: each week, and a day after the last time where activities name unknown gear."""
    if "gear" not in source.spec.capabilities:
        return False
    name = source.spec.name
    last = last_gear_answer(run.lake, name)
    if last is None:
        return True
    known = {gear_id for provider, gear_id, _, _ in provider_gear(run.lake) if provider == name}
    return run.now() - last >= (EVERY if known.issuperset(named) else SOONEST)


def pull_provider_gear(run: RunContext, source: ProviderSource) -> int:
    """Fetch all gear of the account, each answer on disk before the next call; how many answers came."""
    if "gear" not in source.spec.capabilities:
        return 0
    name = source.spec.name
    require_writable(run.lake, run.lake.gear_of(name))
    client, count = source.client, 0
    for _ in client.landed(
        client.list_gear(), lambda answer: land_provider_gear(run.lake, name, answer.body, answer.fetched_at)
    ):
        count += 1
    return count
