"""The athlete and the gear: not by year, fetched at login, when a new gear appears, and weekly."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.lake.counts import known_gear, unknown_gear
from strava_pipeline.lake.locks import locked
from strava_pipeline.lake.merge_profile import merge_profile
from strava_pipeline.lake.profile_files import newest_athlete
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline.operations.publishing import publish_if_right
from strava_pipeline.operations.pulling_profile import pull_profile
from strava_pipeline.orchestrate.assets.bronze import note_stop
from strava_pipeline.orchestrate.config import CallLimits
from strava_pipeline.orchestrate.metadata import MAKES_CALLS, OWNER, calls_left, described, if_any, timed
from strava_pipeline.orchestrate.run_resources import Run, Strava
from strava_pipeline.orchestrate.verdicts import check_result, table_spec


class ProfileConfig(CallLimits):
    """`new_gear_only`: fetch gear that no answer is on disk of; else everything known again."""

    new_gear_only: bool = False


def profile_assets() -> list[dg.AssetsDefinition]:
    @dg.asset(
        group_name="profile",
        kinds={"duckdb", "json"},
        owners=[OWNER],
        tags=MAKES_CALLS,
        description="The athlete who logged in.",
        metadata=described("athlete"),
        check_specs=[table_spec("athlete", "athlete")],
    )
    def athlete(
        context: dg.AssetExecutionContext,
        config: CallLimits,
        run: Run,
        strava: Strava,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds, locked(run.lake, "profile"):
            report = pull_profile(run, strava, [], config, athlete=True)
            with writing(run.lake) as connection:
                merge_profile(connection, run.lake)
            found = publish_if_right(run, "athlete")
        note_stop(context, report.stopped)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": int(newest_athlete(run.lake) is not None),
                "failed": len(report.failed),
                **if_any(failed_names=", ".join(report.failed)),
                "calls": report.calls,
                "seconds": seconds.value,
                **calls_left(strava, 0),
            },
            check_results=[check_result("athlete", found)],
        )

    @dg.asset(
        deps=["activities"],
        group_name="profile",
        kinds={"duckdb", "json"},
        owners=[OWNER],
        tags=MAKES_CALLS,
        description="Every bike and pair of shoes that an activity refers to.",
        metadata=described("gear"),
        check_specs=[table_spec("gear", "gear")],
    )
    def gear(
        context: dg.AssetExecutionContext,
        config: ProfileConfig,
        run: Run,
        strava: Strava,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds, locked(run.lake, "profile"):
            with reading(run.lake) as connection:
                wanted = unknown_gear(connection)
                if not config.new_gear_only:
                    wanted = sorted({*wanted, *known_gear(connection)})
            report = pull_profile(run, strava, wanted, config, athlete=False)
            with writing(run.lake) as connection:
                merge_profile(connection, run.lake)
                known = known_gear(connection)
            found = publish_if_right(run, "gear")
        note_stop(context, report.stopped)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(known),
                "failed": len(report.failed),
                **if_any(failed_names=", ".join(report.failed)),
                "calls": report.calls,
                "seconds": seconds.value,
                **calls_left(strava, 0),
            },
            check_results=[check_result("gear", found)],
        )

    return [athlete, gear]
