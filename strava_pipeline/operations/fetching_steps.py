"""The steps of a run that make calls: listing, details, streams, athlete and gear. Each does and reports.

How each is fetched and landed is in pulling.py and fetching.py.
"""

from collections.abc import Sequence
from functools import partial

from strava_pipeline.lake.bronze.answers import newest_athlete
from strava_pipeline.lake.gold.merge_details import merge_profile
from strava_pipeline.lake.gold.quality import known_gear, unknown_gear
from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.locks import locked
from strava_pipeline.operations.budgeted_source import BudgetedSource
from strava_pipeline.operations.fetching import ProfileReport, YearsReport, pull_details, pull_profile, pull_streams
from strava_pipeline.operations.listing_windows import listed_together
from strava_pipeline.operations.merging import publish_if_right, publish_meanwhile
from strava_pipeline.operations.options import (
    CallOptions,
    DetailsOptions,
    ListingOptions,
    StreamsOptions,
)
from strava_pipeline.operations.pulling import PullReport, pull_each, pull_listing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import (
    ROWS,
    YEAR_ROWS,
    StepReport,
    calls_left,
    if_any,
    named_ids,
    timed,
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
    """List activities. `is_last`: the run makes no calls after these."""
    with timed() as seconds:
        report = pull_each(listed_together(strava, options, years), partial(pull_listing, run, strava, options))
    if is_last and report.stopped is None:
        strava.client.budget.finish()
    return StepReport(
        "bronze_activities",
        {
            **listing_numbers(report, seconds.value),
            **calls_left(strava, 0 if report.is_complete else 1),
        },
        complete=listing_complete(report),
        stopped=report.stopped,
    )


def listing_numbers(report: PullReport, seconds: float) -> dict[str, object]:
    """What is reported of every provider's listing."""
    return {
        ROWS: sum(manifest.rows for manifest in report.manifests),
        "rows_received": report.rows,
        "calls": report.calls,
        "bytes": report.bytes,
        "seconds": seconds,
        "listing_mode": report.manifest.window.mode,
        "listing_resumed": report.resumed,
        **if_any(listing_as_of=report.as_of),
        "years": ", ".join(map(str, sorted({year for manifest in report.manifests for year in manifest.years}))),
    }


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
    with timed() as seconds:
        report = pull_details(run, strava, options, years, partial(publish_meanwhile, run, years))
    fetched = report.fetched
    return _fetched(
        "bronze_activity_details",
        "details",
        strava,
        report,
        {
            "gone_at_strava": len(fetched.gone),
            "failed": len(fetched.failed),
            **named_ids(gone_at_strava_ids=fetched.gone, failed_ids=fetched.failed),
        },
        seconds.value,
    )


def fetch_streams(run: RunContext, strava: BudgetedSource, options: StreamsOptions, years: Sequence[int]) -> StepReport:
    """Fetch the streams that the activities of `years` lack."""
    with timed() as seconds:
        report = pull_streams(run, strava, options, years)
    fetched = report.fetched
    return _fetched(
        "bronze_activity_streams",
        "streams",
        strava,
        report,
        {
            "nothing_recorded": len(fetched.gone),
            "failed": len(fetched.failed),
            **named_ids(failed_ids=fetched.failed),
        },
        seconds.value,
    )


def _fetched(
    asset: str, what: str, strava: BudgetedSource, report: YearsReport, failures: dict[str, object], seconds: float
) -> StepReport:
    """The report of details or streams (`what`); `failures`: what did not come, and of which activities."""
    fetched = report.fetched
    return StepReport(
        asset,
        {
            f"{what}_received": fetched.landed,
            f"{what}_missing": report.missing,
            f"{what}_waiting_for_retry": report.resting,
            **failures,
            "calls": report.calls,
            "bytes": fetched.bytes,
            "seconds": seconds,
            "estimated_calls": report.wanted,
            **if_any(estimated_done_at=report.done_at),
            **calls_left(strava, report.missing),
        },
        {year: {YEAR_ROWS: landed} for year, landed in report.by_year.items()},
        complete=Finding(
            f"{what}_complete",
            report.missing + report.resting == 0,
            {"missing": report.missing, "waiting_for_retry": report.resting},
            str(fetched.stopped) if fetched.stopped else "",
            refuses=False,
        ),
        stopped=fetched.stopped,
    )


def fetch_athlete(run: RunContext, strava: BudgetedSource, options: CallOptions) -> StepReport:
    """Fetch the athlete, merge and publish."""
    with timed() as seconds, locked(run.lake, _PROFILE):
        report = pull_profile(run, strava, [], options, athlete=True)
        with writing(run.lake) as connection:
            merge_profile(connection, run.lake)
        found = publish_if_right(run, "athlete")
    rows = int(newest_athlete(run.lake) is not None)
    return _profile("athlete", strava, report, rows, found, seconds.value)


def fetch_gear(run: RunContext, strava: BudgetedSource, options: CallOptions, *, new_gear_only: bool) -> StepReport:
    """Fetch gear, merge and publish. `new_gear_only`: what no answer is on disk of; else all gear again."""
    with timed() as seconds, locked(run.lake, _PROFILE):
        with reading(run.lake) as connection:
            wanted = unknown_gear(connection)
            if not new_gear_only:
                wanted = sorted({*wanted, *known_gear(connection)})
        report = pull_profile(run, strava, wanted, options, athlete=False)
        with writing(run.lake) as connection:
            merge_profile(connection, run.lake)
            rows = len(known_gear(connection))
        found = publish_if_right(run, "gear")
    return _profile("gear", strava, report, rows, found, seconds.value)


_PROFILE = "profile"  # the lock of whoever fetches athlete and gear


def _profile(
    asset: str, strava: BudgetedSource, report: ProfileReport, rows: int, found: Sequence[Finding], seconds: float
) -> StepReport:
    return StepReport(
        asset,
        {
            ROWS: rows,
            "failed": len(report.failed),
            **if_any(failed_names=", ".join(report.failed)),
            "calls": report.calls,
            "seconds": seconds,
            **calls_left(strava, 0),
        },
        findings=found,
        stopped=report.stopped,
    )
