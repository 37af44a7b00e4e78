"""Webhook events: what Strava told of changes, and a detail of each. The work is operations/events.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.operations.events import EventsReport, work_events
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.orchestrate.config import EventsConfig
from strava_pipeline.orchestrate.jobs import EVENTS
from strava_pipeline.orchestrate.metadata import MAKES_CALLS, OWNER, calls_left, if_any, named_ids, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_log import STOPPED_EARLY
from strava_pipeline.orchestrate.run_resources import Run, Strava
from strava_pipeline.orchestrate.tags import STEP_FIRST
from strava_pipeline.orchestrate.verdicts import check_result

SETTLED = "events_settled"

_FIELDS = ("object_type", "object_id", "aspect_type", "updates", "owner_id", "subscription_id", "event_time")


def webhook_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=EVENTS,
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        owners=[OWNER],
        tags=MAKES_CALLS,
        description="Webhook events as Strava sent them, and the detail of each changed activity: one call, however many "
        "events there were. Deleted activities are marked. A run of any year processes all events that came.",
        op_tags=STEP_FIRST,  # before the shards of the same run, which read it by way of `events_received`
        metadata={"dagster/column_schema": dg.TableSchema([dg.TableColumn(name, type="JSON") for name in _FIELDS])},
        check_specs=[
            dg.AssetCheckSpec(
                SETTLED,
                asset=EVENTS,
                description="Every event was followed, and the athlete did not take this application's access away "
                "(access_granted).",
            )
        ],
    )
    def webhook_events(
        context: dg.AssetExecutionContext,
        config: EventsConfig,
        run: Run,
        strava: Strava,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            report = work_events(run, strava, config)
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
                "activities_deleted": len(report.news.gone),
                "events_refused": report.refused.total(),
                **if_any(events_refused_by_reason=dict(report.refused)),
                "activities_followed": report.settled,
                "activities_waiting": report.left,
                "activities_given_up": report.given_up,
                **named_ids(not_found_ids=fetched.gone, failed_ids=fetched.failed),
                "calls": report.fetches.calls,
                "bytes": fetched.bytes,
                "seconds": seconds.value,
                **(calls_left(strava, report.left) if report.fetches.calls else {}),
            },
            check_results=[check_result(EVENTS, [_granted(report), _settled(report)], check=SETTLED)],
        )

    return [webhook_events]


def _why_early(report: EventsReport) -> str | None:
    return report.down or (str(report.fetches.fetched.stopped) if report.fetches.fetched.stopped else None)


def _settled(report: EventsReport) -> Finding:
    given_up = f"{report.given_up} activities could not be fetched and are left to the next listing of their year."
    return Finding(
        SETTLED,
        report.left + report.given_up == 0,
        {"activities_waiting": report.left, "activities_given_up": report.given_up},
        _why_early(report) or (given_up if report.given_up else "Some wait for the next run."),
        refuses=False,
    )


def _granted(report: EventsReport) -> Finding:
    return Finding(
        "access_granted",
        not report.revoked,
        advice="The athlete took the access away, and no call is made any more. Strava asks that their data is then "
        "deleted: strava-pipeline purge. If it was a mistake: strava-pipeline auth.",
    )
