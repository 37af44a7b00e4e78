"""Webhook events: what Strava told of changes, and a detail of each. The work is orchestrate/events.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.orchestrate.config import EventsConfig
from strava_pipeline.orchestrate.events import EventsReport, work_events
from strava_pipeline.orchestrate.jobs import EVENTS
from strava_pipeline.orchestrate.metadata import MAKES_CALLS, OWNER, calls_left, named_ids, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.orchestrate.run_log import STOPPED_EARLY

_FIELDS = ("object_type", "object_id", "aspect_type", "updates", "owner_id", "subscription_id", "event_time")


def webhook_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=EVENTS,
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        owners=[OWNER],
        tags=MAKES_CALLS,
        description="Webhook events as Strava sent them, and the detail of each activity that they name: one call, however "
        "many events there were. What was said to be deleted is marked. Whatever year is asked for, all that came is worked off.",
        metadata={"dagster/column_schema": dg.TableSchema([dg.TableColumn(name, type="JSON") for name in _FIELDS])},
        check_specs=[
            dg.AssetCheckSpec("events_settled", asset=EVENTS, description="Every event was followed."),
            dg.AssetCheckSpec(
                "access_granted", asset=EVENTS, description="The athlete did not take this application's access away."
            ),
        ],
    )
    def webhook_events(
        context: dg.AssetExecutionContext, config: EventsConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            report = work_events(pipeline, config)
        fetched = report.fetches.fetched
        if why := _why_early(report):
            context.log.warning("Stopped early: %s What was fetched is kept.", why)
            context.instance.add_run_tags(context.run.run_id, {STOPPED_EARLY: why})
        years = years_of(context.partition_keys)
        for year in years:
            context.add_asset_metadata(
                {"details_received": report.fetches.by_year.get(year, 0)}, partition_key=str(year)
            )
        yield dg.MaterializeResult(
            metadata={
                "activities_changed": len(report.news.changed),
                "activities_gone": len(report.news.gone),
                "events_refused": dg.MetadataValue.json(dict(report.refused)),
                "settled": report.settled,
                "waiting": report.left,
                "given_up": report.given_up,
                **named_ids(not_found_ids=fetched.gone, failed_ids=fetched.failed),
                "calls": report.fetches.calls,
                "bytes": fetched.bytes,
                "seconds": seconds.value,
                **(calls_left(pipeline, report.left) if report.fetches.calls else {}),
            },
            check_results=[_settled(report), _granted(report)],
        )

    return [webhook_events]


def _why_early(report: EventsReport) -> str | None:
    return report.down or (str(report.fetches.fetched.stopped) if report.fetches.fetched.stopped else None)


def _settled(report: EventsReport) -> dg.AssetCheckResult:
    given_up = (
        f"{report.given_up} activities could not be fetched and are left to the next listing of their year."
        if report.given_up
        else None
    )
    return dg.AssetCheckResult(
        check_name="events_settled",
        passed=report.left + report.given_up == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=_why_early(report) or given_up,
        metadata={"waiting": report.left, "given_up": report.given_up},
    )


def _granted(report: EventsReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="access_granted",
        passed=not report.revoked,
        severity=dg.AssetCheckSeverity.ERROR,
        description="The athlete took the access away, and no call is made any more. Strava asks that their data is then "
        "deleted: strava-pipeline purge. If it was a mistake: strava-pipeline auth."
        if report.revoked
        else None,
    )
