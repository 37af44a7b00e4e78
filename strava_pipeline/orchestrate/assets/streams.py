"""Streams as received: what was recorded of each activity, point by point. How they are fetched is operations/streaming.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.streams import KEYS
from strava_pipeline.operations.by_year import YearsReport
from strava_pipeline.operations.streaming import pull_streams
from strava_pipeline.orchestrate.assets.bronze import note_stop
from strava_pipeline.orchestrate.config import StreamsConfig
from strava_pipeline.orchestrate.jobs import STREAMS
from strava_pipeline.orchestrate.metadata import MAKES_CALLS, OWNER, calls_left, estimated, named_ids, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_resources import Run, Strava
from strava_pipeline.orchestrate.tags import STEP_FIRST


def stream_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=STREAMS,
        partitions_def=partitions,
        deps=["activities"],
        group_name="tracks",
        kinds={"json", "file"},
        owners=[OWNER],
        tags=MAKES_CALLS,
        op_tags=STEP_FIRST,  # before the tracks of the same run, which read it by way of `streams_received`
        description="Each activity's streams as Strava sent them: times, positions, heart rates … Fetched once, with "
        "spare calls, newest first; not for manual activities, and not where an activity file holds the track.",
        metadata={
            "dagster/column_schema": dg.TableSchema([dg.TableColumn(f"{key}.data[]", type="JSON") for key in KEYS])
        },
        check_specs=[
            dg.AssetCheckSpec("streams_complete", asset=STREAMS, description="No streams of these years are missing.")
        ],
    )
    def bronze_activity_streams(
        context: dg.AssetExecutionContext,
        config: StreamsConfig,
        run: Run,
        strava: Strava,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            report = pull_streams(run, strava, config, years_of(context.partition_keys))
        note_stop(context, report.fetched.stopped)
        for year, landed in report.by_year.items():
            context.add_asset_metadata({"dagster/row_count": landed}, partition_key=str(year))
        yield dg.MaterializeResult(
            metadata={
                "streams_received": report.fetched.landed,
                "streams_missing": report.missing,
                "streams_waiting_for_retry": report.resting,
                "nothing_recorded": len(report.fetched.gone),
                "failed": len(report.fetched.failed),
                **named_ids(failed_ids=report.fetched.failed),
                "calls": report.calls,
                "bytes": report.fetched.bytes,
                "seconds": seconds.value,
                **estimated(report.estimate),
                **calls_left(strava, report.missing),
            },
            check_results=[_complete(report)],
        )

    return [bronze_activity_streams]


def _complete(report: YearsReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="streams_complete",
        passed=report.missing + report.resting == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=str(report.fetched.stopped) if report.fetched.stopped else None,
        metadata={"missing": report.missing, "waiting_for_retry": report.resting},
    )
