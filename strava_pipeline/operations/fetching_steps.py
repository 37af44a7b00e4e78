"""The steps of a run that make calls: listing, details, streams, athlete and gear. Each works and reports.

How each is fetched and landed is in pulling.py and fetching.py.
"""

from collections.abc import Sequence
from functools import partial

from strava_pipeline.core.numbers import Numbers
from strava_pipeline.lake.bronze.answers import newest_athlete
from strava_pipeline.lake.gold.merge_details import merge_profile
from strava_pipeline.lake.gold.quality import known_gear, unknown_gear
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.locks import locked
from strava_pipeline.operations.fetching import YearsReport, pull_details, pull_profile, pull_streams
from strava_pipeline.operations.listing_windows import listed_together
from strava_pipeline.operations.merging import publish_if_right, publish_meanwhile
from strava_pipeline.operations.options import (
    CallOptions,
    DetailsOptions,
    ListingOptions,
    StreamsOptions,
)
from strava_pipeline.operations.pulling import PullReport, Stopped, pull_each, pull_listing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.source import BudgetedSource
from strava_pipeline.operations.step_reports import (
    YEAR_ROWS,
    StepReport,
    calls_left,
)
from strava_pipeline.operations.table_rules import Finding


def list_activities(
    run: RunContext,
    strava: BudgetedSource,
    options: ListingOptions,
    years: Sequence[int],
    *,
    is_last: bool,
) -> StepReport:
    """List activities. `is_last`: the run makes no further calls."""
    report = pull_each(listed_together(strava, options, years), partial(pull_listing, run, strava, options))
    if is_last and report.stopped is None:
        strava.client.budget.finish()
    return listing_report(
        "bronze_activities", report, [calls_left(strava, 0 if report.is_complete else 1)], report.stopped
    )


def listing_report(
    asset: str, report: PullReport, more: Sequence[Numbers], stopped: Stopped | str | None
) -> StepReport:
    """The report of any provider's listing."""
    rows = sum(manifest.rows for manifest in report.manifests)
    return StepReport(asset, [report, *more], rows, findings=[listing_complete(report)], stopped=stopped)


def listing_complete(report: PullReport) -> Finding:
    """Whether the listing reached its end and every row of it can be read."""
    why = [str(report.stopped)] if report.stopped else []
    rows, unreadable = (
        sum(counted) for counted in zip(*((m.rows, m.unreadable) for m in report.manifests), strict=True)
    )
    counts = {"rows": rows, "pages": sum(len(manifest.pages) for manifest in report.manifests)}
    if unreadable:
        counts["rows_unreadable"] = unreadable
        why.append(
            f"{unreadable} of {rows} rows are no activities: nothing identifies them. The others came in; "
            "`strava-pipeline quarantine list` tells where these are kept."
        )
    holds = report.is_complete and not unreadable
    return Finding("listing_complete", holds, counts, " ".join(why), refuses=False)


def fetch_details(run: RunContext, strava: BudgetedSource, options: DetailsOptions, years: Sequence[int]) -> StepReport:
    """Fetch details of the activities of `years`, each landed before the next call."""
    report = pull_details(run, strava, options, years, partial(publish_meanwhile, run, years))
    return fetched_report("bronze_activity_details", "details_complete", report, [calls_left(strava, report.missing)])


def fetch_streams(run: RunContext, strava: BudgetedSource, options: StreamsOptions, years: Sequence[int]) -> StepReport:
    """Fetch the streams that the activities of `years` lack."""
    report = pull_streams(run, strava, options, years)
    return fetched_report("bronze_activity_streams", "streams_complete", report, [calls_left(strava, report.missing)])


def fetched_report(
    asset: str, rule: str, report: YearsReport, more: Sequence[Numbers], stopped: Stopped | str | None = None
) -> StepReport:
    """The report about answers on single activities; `rule`: that none is missing. `stopped`: why some were not asked for."""
    counts = {"missing": report.missing, "waiting_for_retry": report.waiting_for_retry}
    is_complete = not (any(counts.values()) or stopped)
    stopped = stopped or report.fetched.stopped
    found = Finding(rule, is_complete, counts, str(stopped or ""), refuses=False)
    by_year = {year: {YEAR_ROWS: received} for year, received in report.by_year.items()}
    return StepReport(asset, [report, *more], by_year=by_year, findings=[found], stopped=stopped)


def fetch_athlete(run: RunContext, strava: BudgetedSource, options: CallOptions) -> StepReport:
    """Fetch the athlete, merge and publish."""
    with locked(run.lake, _PROFILE):
        report = pull_profile(run, strava, [], options, athlete=True)
        with writing(run.lake) as connection:
            merge_profile(connection, run.lake)
        found = publish_if_right(run, "athlete")
    rows = int(newest_athlete(run.lake) is not None)
    return StepReport("athlete", [report, calls_left(strava, 0)], rows, findings=found, stopped=report.stopped)


def fetch_gear(run: RunContext, strava: BudgetedSource, options: CallOptions, *, new_gear_only: bool) -> StepReport:
    """Fetch gear, merge and publish. `new_gear_only`: only gear without an answer on disk; otherwise all gear again."""
    with locked(run.lake, _PROFILE):
        with reading(run.lake) as connection:
            wanted = unknown_gear(connection)
            if not new_gear_only:
                wanted = sorted({*wanted, *known_gear(connection)})
        report = pull_profile(run, strava, wanted, options, athlete=False)
        with writing(run.lake) as connection:
            merge_profile(connection, run.lake)
            rows = len(known_gear(connection))
        found = publish_if_right(run, "gear")
    return StepReport("gear", [report, calls_left(strava, 0)], rows, findings=found, stopped=report.stopped)


_PROFILE = "profile"  # the lock for fetching athlete and gear
