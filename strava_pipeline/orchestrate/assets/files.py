"""What was imported: the bytes, what reading them came to, and a row per file. The work is importing.py's and the lake's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from strava_pipeline.core.size_limits import ImportLimits
from strava_pipeline.core.tables import FILES
from strava_pipeline.lake.counts import one_number
from strava_pipeline.lake.merge_imported import merge_files
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline.operations.importing import LOCK, make_activities, unmade
from strava_pipeline.operations.landing_imports import land_paths
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.reading_files import read_files, unread
from strava_pipeline.orchestrate.checks import table_results
from strava_pipeline.orchestrate.config import ImportConfig
from strava_pipeline.orchestrate.jobs import FILE_BRONZE, FILE_READINGS
from strava_pipeline.orchestrate.metadata import OWNER, described, if_any, table_description, timed
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.tags import STEP_FIRST
from strava_pipeline.orchestrate.verdicts import table_spec

_TOLD = 50  # problems in the metadata; the table `files` and data/bronze/imports have all


def file_assets(limits: ImportLimits) -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=FILE_BRONZE,
        group_name="bronze",
        kinds={"file"},
        owners=[OWNER],
        description="Files of activities, lists of archives and their pictures, byte for byte as they were received, each "
        "once, and which files came in one import under which names. Without a config: what lies in data/inbox/files.",
        check_specs=[
            dg.AssetCheckSpec(
                "all_taken_in", asset=FILE_BRONZE, description="No file of the import had to be left out."
            )
        ],
    )
    def bronze_files(
        context: dg.AssetExecutionContext, config: ImportConfig, run: Run
    ) -> Iterator[dg.MaterializeResult[Any]]:
        paths = [Path(path) for path in config.paths] or sorted(run.lake.inbox_files.glob("[!.]*"))
        with timed() as seconds:
            report = land_paths(run, paths, limits, also_undone=config.also_undone)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": report.files,
                "new_files": report.new,
                "bytes": report.bytes,
                "new_imports": len(report.imports),
                "paths_already_imported": report.known,
                "recovered_files": report.healed,
                "problems": len(report.problems),
                **if_any(
                    unknown_columns_and_sports=sorted(report.unknown)[:_TOLD],
                    first_problems=report.problems[:_TOLD],
                    left_out_by_kind={kind: len(names) for kind, names in report.left_out.items()},
                ),
                "seconds": seconds.value,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="all_taken_in",
                    passed=not report.problems,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={
                        "problems": len(report.problems),
                        **if_any(first_problems=report.problems[:_TOLD]),
                    },
                )
            ],
        )

    @dg.asset(
        name=FILE_READINGS,
        deps=[FILE_BRONZE],
        group_name="files",
        kinds={"json", "parquet"},
        owners=[OWNER],
        description="The result of reading each file, its points, and the activities from files and lists, in the shapes of "
        "Strava's API, so that all later steps have one kind of input.",
    )
    def file_readings(context: dg.AssetExecutionContext, run: Run) -> dg.MaterializeResult[Any]:
        with timed() as seconds, run.exclusive(LOCK):
            files = unread(run.lake)
            problems = made = 0
            if files:
                with progressing(run.progress, "Reading files", len(files)) as advance:
                    problems = read_files(run.lake, files, advance, limits=limits)
            if unmade(run.lake):
                with progressing(run.progress, "Making activities of them", None) as advance:
                    made = make_activities(run, advance)
        return dg.MaterializeResult(
            metadata={
                "files_read": len(files),
                "files_with_problems": problems,
                "activities": made,
                "seconds": seconds.value,
            }
        )

    @dg.asset(
        name=FILES.name,
        deps=[FILE_READINGS],
        group_name="gold",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(FILES),
        metadata=described(FILES.name),
        check_specs=[table_spec(FILES.name, FILES.name)],
        op_tags=STEP_FIRST,  # before what reads it in the same run, by way of `imports`
    )
    def files(context: dg.AssetExecutionContext, run: Run) -> Iterator[dg.MaterializeResult[Any]]:
        with reading(run.lake) as connection:
            with timed() as seconds, writing(run.lake):
                report = merge_files(connection, run.lake)
            rows = one_number(connection, f"SELECT count(*) FROM {FILES.name}")
            checks = table_results(run, connection, [FILES.name], {})
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "rows_changed": report.inserted + report.updated,
                "seconds": seconds.value,
            },
            check_results=checks,
        )

    return [bronze_files, file_readings, files]
