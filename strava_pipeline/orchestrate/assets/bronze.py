"""Bronze: listings and details as received. Fetch, land, report; how is in operations/pulling.py."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.errors import BudgetExhaustedError
from strava_pipeline.core.tables import DETAIL_TABLES
from strava_pipeline.operations.by_year import YearsReport
from strava_pipeline.operations.fetching import pull_details
from strava_pipeline.operations.forecasting import Forecaster
from strava_pipeline.operations.pulling import PullReport, Stopped, pull_listing
from strava_pipeline.orchestrate.config import DetailsConfig, ListingConfig
from strava_pipeline.orchestrate.jobs import DETAILS, JOBS, LISTING, resolved
from strava_pipeline.orchestrate.metadata import (
    MAKES_CALLS,
    OWNER,
    calls_left,
    described_source,
    estimated,
    named_ids,
    timed,
)
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_log import STOPPED_EARLY
from strava_pipeline.orchestrate.run_resources import Run, Strava
from strava_pipeline.orchestrate.tags import LIMIT


def bronze_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        owners=[OWNER],
        tags=MAKES_CALLS,
        description="Every page of the athlete's activity listing as Strava sent it, gzip-compressed, never changed. "
        "An interrupted listing resumes where it stopped.",
        metadata=described_source("activities_all"),
        check_specs=[
            dg.AssetCheckSpec(
                "listing_complete",
                asset="bronze_activities",
                description="The listing reached its end, and every row of it can be read.",
            )
        ],
    )
    def bronze_activities(
        context: dg.AssetExecutionContext,
        config: ListingConfig,
        run: Run,
        strava: Strava,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        years = years_of(context.partition_keys)
        config = resolved(config, context.run.job_name, LISTING)
        with timed() as seconds:
            look = Forecaster(run, strava, years, _details_of(context.run))
            report = pull_listing(run, strava, config, years[0] if len(years) == 1 else None, look)
        note_stop(context, report.stopped)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": report.manifest.rows,
                "rows_received": report.rows,
                "calls": report.calls,
                "bytes": report.bytes,
                "seconds": seconds.value,
                "listing_mode": report.manifest.window.mode,
                "listing_resumed": report.resumed,
                "years": ", ".join(map(str, report.manifest.years)),
                **estimated(report.estimate),
                **calls_left(strava, report.forecast.still if report.forecast else 1),
            },
            check_results=[_complete(report)],
        )

    @dg.asset(
        partitions_def=partitions,
        deps=["activities"],
        group_name="details",
        kinds={"json", "file"},
        owners=[OWNER],
        tags=MAKES_CALLS,
        description="Each activity's detail with all its efforts as Strava sent it. Fetched once, and again when the "
        "activity was edited; newest first; each is saved before the next call.",
        metadata=described_source(*DETAIL_TABLES),
        check_specs=[
            dg.AssetCheckSpec(
                "details_complete",
                asset="bronze_activity_details",
                description="No detail in scope is missing.",
            )
        ],
    )
    def bronze_activity_details(
        context: dg.AssetExecutionContext,
        config: DetailsConfig,
        run: Run,
        strava: Strava,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        config = resolved(config, context.run.job_name, DETAILS)
        with timed() as seconds:
            report = pull_details(run, strava, config, years_of(context.partition_keys))
        note_stop(context, report.fetched.stopped)
        for year, landed in report.by_year.items():
            context.add_asset_metadata({"dagster/row_count": landed}, partition_key=str(year))
        yield dg.MaterializeResult(
            metadata={
                "details_received": report.fetched.landed,
                "details_missing": report.missing,
                "details_waiting_for_retry": report.resting,
                "gone_at_strava": len(report.fetched.gone),
                "failed": len(report.fetched.failed),
                **named_ids(gone_at_strava_ids=report.fetched.gone, failed_ids=report.fetched.failed),
                "calls": report.calls,
                "bytes": report.fetched.bytes,
                "seconds": seconds.value,
                **estimated(report.estimate),
                **calls_left(strava, report.missing),
            },
            check_results=[_details_complete(report)],
        )

    return [bronze_activities, bronze_activity_details]


def _details_of(run: dg.DagsterRun) -> DetailsConfig | None:
    """How the run will fetch details; None: it won't."""
    fetches = DETAILS in JOBS[run.job_name].assets if run.job_name in JOBS else True
    if run.asset_selection:  # chosen in the UI
        fetches = dg.AssetKey(DETAILS) in run.asset_selection
    if not fetches:
        return None
    ops: dict[str, Any] = dict(run.run_config).get("ops") or {}  # type: ignore[assignment]
    told = ops.get(DETAILS, {}).get("config", {})
    return resolved(DetailsConfig(**told), run.job_name, DETAILS)


def note_stop(context: dg.AssetExecutionContext, stopped: Stopped | None) -> None:
    """Tag the run with the limit that ended its work early; with the window, where one of Strava's was full."""
    if stopped is not None:
        context.log.warning("Stopped early: %s What was fetched is kept.", stopped)
        window = {LIMIT: stopped.ceiling.window} if isinstance(stopped, BudgetExhaustedError) else {}
        context.instance.add_run_tags(context.run.run_id, {STOPPED_EARLY: str(stopped), **window})


def _complete(report: PullReport) -> dg.AssetCheckResult:
    unreadable = report.manifest.unreadable
    why = [str(report.stopped)] if report.stopped else []
    if unreadable:
        why.append(
            f"{unreadable} of {report.manifest.rows} rows are no activities: nothing identifies them. The others came in; "
            "`strava-pipeline quarantine list` tells where these are kept."
        )
    return dg.AssetCheckResult(
        check_name="listing_complete",
        passed=report.manifest.complete and not unreadable,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(why) or None,
        metadata={
            "rows": report.manifest.rows,
            "pages": len(report.manifest.pages),
            **({"rows_unreadable": unreadable} if unreadable else {}),
        },
    )


def _details_complete(report: YearsReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="details_complete",
        passed=report.missing + report.resting == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=str(report.fetched.stopped) if report.fetched.stopped else None,
        metadata={"missing": report.missing, "waiting_for_retry": report.resting},
    )
