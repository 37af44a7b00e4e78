"""Tracks: the points of activities as Parquet by local year. The work is lake/file_tracks.py's."""

from typing import Any

import dagster as dg

from strava_pipeline.core.tables import TRACKS
from strava_pipeline.lake.file_tracks import TrackReport, recorded_tracks, sync_file_tracks
from strava_pipeline.lake.imports_behind import note_tracks
from strava_pipeline.lake.tracks import track_origins
from strava_pipeline.lake.warehouse import writing
from strava_pipeline.orchestrate.jobs import FILE_READINGS
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.progress import progressing
from strava_pipeline.orchestrate.resources import Pipeline


def track_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        deps=["activities", FILE_READINGS],
        group_name="tracks",
        kinds={"parquet", "polars"},
        owners=[OWNER],
        description=f"{table_description(TRACKS)} A file per activity in data/tracks; null is unknown.",
        metadata=described(TRACKS.name),
    )
    def tracks(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
        report = TrackReport()
        with timed() as seconds:
            recorded = recorded_tracks(pipeline.lake)
            with progressing(pipeline.progress, "Writing tracks", None) as advance:
                for year in years_of(context.partition_keys):
                    with writing(pipeline.lake) as connection:
                        report.add(sync_file_tracks(connection, pipeline.lake, year, recorded, advance))
                        note_tracks(connection, pipeline.lake, year)
                    held = len(track_origins(pipeline.lake, year))
                    context.add_asset_metadata({"dagster/row_count": held}, partition_key=str(year))
        return dg.MaterializeResult(
            metadata={"written": report.written, "bytes": report.bytes, "seconds": seconds.value}
        )

    return [tracks]
