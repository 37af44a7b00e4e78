"""What was imported: the bytes, what reading them came to, and a row per file. The work is importing.py's and the lake's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import FILES
from strava_pipeline.lake.counts import one_number
from strava_pipeline.lake.merge_imported import merge_files
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline.orchestrate.config import ImportConfig
from strava_pipeline.orchestrate.importing import LOCK, land_paths, make_activities, unmade
from strava_pipeline.orchestrate.jobs import FILE_BRONZE, FILE_READINGS
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, timed
from strava_pipeline.orchestrate.progress import progressing
from strava_pipeline.orchestrate.reading_files import read_files, unread
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.orchestrate.verdicts import table_results, table_specs

_TOLD = 50  # problems in the metadata; the table `files` and data/bronze/imports have all


def file_assets() -> list[dg.AssetsDefinition]:
    @dg.asset(
        name=FILE_BRONZE,
        group_name="bronze",
        kinds={"file"},
        owners=[OWNER],
        description="Files of activities, lists of archives and their pictures, byte for byte as they were received, each "
        "once; and what came in together under which names. Without a config: what lies in data/inbox/files.",
        check_specs=[
            dg.AssetCheckSpec(
                "all_taken_in", asset=FILE_BRONZE, description="Nothing of what was named had to be left out."
            )
        ],
    )
    def bronze_files(
        context: dg.AssetExecutionContext, config: ImportConfig, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        paths = [Path(path) for path in config.paths] or sorted(pipeline.lake.inbox_files.glob("[!.]*"))
        with timed() as seconds:
            report = land_paths(pipeline, paths)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": report.files,
                "new_files": report.new,
                "bytes": report.bytes,
                "new_imports": len(report.imports),
                "paths_known": report.known,
                "healed_files": report.healed,
                "problems": len(report.problems),
                "unknown_columns_and_sports": dg.MetadataValue.json(sorted(report.unknown)[:_TOLD]),
                "first_problems": dg.MetadataValue.json(report.problems[:_TOLD]),
                "seconds": seconds.value,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name="all_taken_in",
                    passed=not report.problems,
                    severity=dg.AssetCheckSeverity.WARN,
                    metadata={
                        "problems": len(report.problems),
                        "first": dg.MetadataValue.json(report.problems[:_TOLD]),
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
        description="What reading each file came to, its points beside it, and the activities that follow from files and "
        "lists: in the shapes of Strava's API, so that everything behind has one kind of input.",
    )
    def file_readings(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> dg.MaterializeResult[Any]:
        with timed() as seconds, pipeline.alone(LOCK):
            files = unread(pipeline.lake)
            problems = made = 0
            if files:
                with progressing(pipeline.progress, "Reading files", len(files)) as advance:
                    problems = read_files(pipeline.lake, files, advance)
            if unmade(pipeline.lake):
                with progressing(pipeline.progress, "Making activities of them", None) as advance:
                    made = make_activities(pipeline, advance)
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
        # The details' tables come after it and not after activities: a second path by year to these would end backfills
        # from the UI, because Dagster (1.13) compares what is targeted of a multi-asset's tables.
        deps=[FILE_READINGS, "activities"],
        group_name="gold",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(FILES),
        metadata=described(FILES.name),
        check_specs=table_specs(FILES.name, FILES.name),
    )
    def files(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds, writing(pipeline.lake) as connection:
            report = merge_files(connection, pipeline.lake)
            rows = one_number(connection, f"SELECT count(*) FROM {FILES.name}")
        with reading(pipeline.lake) as connection:
            checks = list(table_results(connection, pipeline.lake, FILES.name, FILES.name))
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": rows,
                "rows_changed": report.inserted + report.updated,
                "seconds": seconds.value,
            },
            check_results=checks,
        )

    return [bronze_files, file_readings, files]
