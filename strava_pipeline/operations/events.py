"""Following a source's webhook events: one sync of its feed, or one call for each changed activity; and the affected years.

A delivery is only believed as far as the source's record allows; otherwise the service itself is asked. The rest after
a limit or an outage waits in the queue. Answers are stored by event_details.py for a source with details, by
event_pages.py for any other. The functions about years only look: the caller may be a sensor, twice a minute.
"""

from collections.abc import Sequence

from strava_pipeline.core.deliveries import WebhookSpec
from strava_pipeline.core.errors import LimitReachedError, TransientError
from strava_pipeline.core.numbers import Numbers
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.years import YearRange
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline.lake.bronze.deliveries import OUTAGE_PAUSE, Queue, load_queue, lock_of, peek, save_queue, take_in
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.lake.gold.event_followup import years_unmerged
from strava_pipeline.lake.gold.publish import is_published, snapshot
from strava_pipeline.lake.gold.publish_pause import waiting_years
from strava_pipeline.lake.gold.warehouse import is_outdated, read_if_usable
from strava_pipeline.lake.journal import has_unread
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.sql import sql
from strava_pipeline.operations.event_answers import Answers, EventsReport
from strava_pipeline.operations.event_details import DetailAnswers
from strava_pipeline.operations.event_pages import PageAnswers
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.options import EventsOptions, ListingOptions
from strava_pipeline.operations.provider_access import limit_in_force, outcome_kept
from strava_pipeline.operations.providers import unasked
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource, Source, budget_of
from strava_pipeline.operations.step_reports import StepReport, calls_left
from strava_pipeline.operations.table_rules import Finding

OPERATION = "webhooks"  # by which its outcome is kept
LOOKED_AT = 5000  # deliveries; the run takes in all of them


def follow_events(
    run: RunContext, source: Source, options: EventsOptions, years: Sequence[int], *, asset: str
) -> StepReport:
    """Follow everything that the source's deliveries ask for and that may be asked for now.

    `asset`: the asset of the report; `years`: the years whose counts are reported.
    """
    name, has_details = source.spec.name, "details" in source.spec.capabilities
    if limit := limit_in_force(run, name):
        return unasked(asset, "listing_complete", limit)
    with outcome_kept(run, name, OPERATION, source.keep_allowance) as ending:
        report = follow(run, source, options)
        ending.stopped = report.fetches.fetched.stopped
        ending.problem = report.down or (_advice(source, report) if report.revoked else "")
    numbers: list[Numbers] = [report]
    if report.calls and isinstance(source, BudgetedSource):
        numbers.append(calls_left(source, report.activities_waiting))
    if has_details:
        by_year = {year: {"received": report.fetches.by_year.get(year, 0)} for year in years}
        granted = Finding("access_granted", not report.revoked, advice=_advice(source, report))
        findings = [granted, _settled("events_settled", source, report)]
        return StepReport(asset, numbers, by_year=by_year, findings=findings, stopped=report.stopped)
    findings = [_settled("listing_complete", source, report)]
    return StepReport(asset, numbers, report.rows, findings=findings, stopped=report.stopped)


def _settled(rule: str, source: Source, report: EventsReport) -> Finding:
    is_settled = not (report.activities_waiting or report.feed_waits or report.activities_given_up or report.revoked)
    counts = {"activities_waiting": report.activities_waiting, "activities_given_up": report.activities_given_up}
    return Finding(rule, is_settled, counts, _advice(source, report), refuses=False)


def _advice(source: Source, report: EventsReport) -> str:
    if report.revoked:
        return (
            f"The athlete took the access to {source.spec.title} away, and no call is made any more. A new access: "
            f"{source.spec.command('login')}. To delete what is here: strava-pipeline purge."
        )
    if report.stopped:
        return str(report.stopped)
    given_up = (
        f"{report.activities_given_up} activities could not be fetched and are left to the next listing of their year."
    )
    return given_up if report.activities_given_up else "Some wait for the next run."


def follow(run: RunContext, source: Source, options: EventsOptions = EventsOptions()) -> EventsReport:
    """Take in deliveries and follow their hints, as far as the limits allow now.

    Raises NeedsLoginError if the service refuses the login for another reason than a withdrawal; the deliveries stay
    queued.
    """
    name, calls = source.spec.name, source.calls
    answers = (DetailAnswers if "details" in source.spec.capabilities else PageAnswers)(run, source)
    with run.exclusive(lock_of(name)):
        require_writable(run.lake, run.lake.webhooks_of(name))
        taken = take_in(run.lake, name, _webhooks_of(name), source.refusal, run.now(), answers.note_gone)
        answers.queue, report = taken[0], EventsReport(taken[1])
        answers.report = report
        try:
            if not _is_revoked(answers):
                _sync(answers)
                answers.fetch(options)
        except (LimitReachedError, TransientError) as error:
            answers.stop(error)
        finally:
            save_queue(run.lake, name, answers.queue)
        report.calls = source.calls - calls
        report.activities_waiting, report.feed_waits = len(answers.queue.waiting), answers.queue.feed is not None
        return report


def _webhooks_of(source: str) -> WebhookSpec:
    webhooks = spec_of(source).webhooks
    assert webhooks is not None, "the source sends deliveries"
    return webhooks


def _is_revoked(answers: Answers) -> bool:
    """Whether the athlete withdrew the access. Anybody may send such an event, so the login itself is tried."""
    queue, source = answers.queue, answers.source
    if queue.claimed_at is not None and source.examine_claim(queue.claimed_at):
        queue.claimed_at = None
    answers.report.revoked = source.is_revoked
    return answers.report.revoked


def _sync(answers: Answers) -> None:
    """Pull the feed's changes, if it is to be asked; deliveries that come meanwhile are read by the next run."""
    run, report, asked = answers.run, answers.report, answers.queue.feed
    if asked is None or not asked.may_be_fetched(run.now()):
        return
    try:
        pulled = pull_activities(run, answers.source, ListingOptions(mode="incremental"), ())
    except (LimitReachedError, TransientError):
        answers.queue.feed = asked.postponed(run.now() + OUTAGE_PAUSE)
        raise
    report.rows += pulled.rows_received
    report.fetches.fetched.bytes += pulled.bytes
    if isinstance(pulled.stopped, LimitReachedError):
        raise pulled.stopped
    answers.queue.feed = None
    report.activities_followed += pulled.rows_received


def years_of_events(source: str, settings: Settings, years: YearRange, clock: ServerClock) -> set[int]:
    """The partitions that a run now is likely to touch; empty if nothing new can be followed."""
    lake, now = Lake(settings.data_dir), clock.now()
    queue = load_queue(lake, source) or Queue()
    news = peek(lake, source, _webhooks_of(source), queue, LOOKED_AT, now)
    waiting = {key for key, one in queue.waiting.items() if one.may_be_fetched(now)}
    is_unread = has_unread(lake.inbox_webhooks_of(source), queue.read)
    if waiting and not is_unread and not _may_call(source, settings, clock):
        waiting = set()
    ids = {int(key) for key in waiting | news.activities.keys() | news.gone.keys()}
    known: dict[int, int] = {}
    if ids and lake.snapshot.exists():
        with snapshot(lake) as connection:
            if not is_outdated(connection):
                known = dict(
                    connection.execute(sql("years_of_events"), {"source": source, "ids": list(ids)}).fetchall()
                )
    found = {years.clamp(year) for year in known.values()}
    if ids - known.keys() or (is_unread and not ids):
        found.add(years.newest)
    return found


def years_behind_events(lake: Lake, years: YearRange, *, may_wait: bool = False) -> set[int]:
    """The partitions where gold, or the published data, lacks something that was fetched or reported by an event: a run
    died, or had another year.

    `may_wait`: a publication that a sensor will make after a pause counts as done.
    """
    found = read_if_usable(lake, lambda connection: years_unmerged(connection, lake, years))
    if found is None:
        return set()  # whatever runs next makes the warehouse again
    waiting = waiting_years(lake)
    if waiting:
        return found if may_wait else found | waiting
    return found if found or is_published(lake) else {years.newest}


def _may_call(source: str, settings: Settings, clock: ServerClock) -> bool:
    """Whether a limit leaves a call for work other than the daily run."""
    return budget_of(source, settings, EventsOptions(), clock).remaining().governing.left > 0
