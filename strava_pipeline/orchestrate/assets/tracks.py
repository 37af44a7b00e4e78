"""Tracks: the points of activities, a Parquet file each. They are not published: no warehouse holds them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import ACTIVITY_MEMBERS, TRACKS
from strava_pipeline.lake.tracks import track_sizes
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.orchestrate.jobs import IMPORTS_RECEIVED, STREAMS_RECEIVED
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_resources import Run


def track_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        deps=[STREAMS_RECEIVED, IMPORTS_RECEIVED, "activities", ACTIVITY_MEMBERS.name],
        group_name="tracks",
        kinds={"parquet"},
        owners=[OWNER],
        description=f"{table_description(TRACKS)} A file's points are preferred to Strava's streams.",
        metadata=described(TRACKS.name),
    )
    def tracks(context: dg.AssetExecutionContext, run: Run) -> Iterator[dg.MaterializeResult[Any]]:
        years = years_of(context.partition_keys)
        with timed() as seconds:
            made = make_tracks(run, years)
        files = 0
        for year in years:
            of_year, points = track_sizes(run.lake, year)
            context.add_asset_metadata({"dagster/row_count": points, "files": of_year}, partition_key=str(year))
            files += of_year
        yield dg.MaterializeResult(
            metadata={
                "tracks_written": made.made,
                "tracks_from_files": made.made_of_files,
                "tracks_removed": made.removed,
                "streams_damaged": made.damaged,
                "tracks": files,
                "seconds": seconds.value,
            }
        )

    return [tracks]
