"""The asset of the region of the map around home, which a run makes when a person asked for it on the dashboard."""

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.map_region import fetch_region
from strava_pipeline.orchestrate.jobs import MAP_REGION
from strava_pipeline.orchestrate.steps import step
from strava_pipeline.orchestrate.tags import REQUEST


def region_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset; its numbers are bytes, and none tells where the region is."""
    region = dg.AssetSpec(
        MAP_REGION,
        group_name="maps",
        kinds={"pmtiles"},
        description="data/maps/home.pmtiles: streets of OpenStreetMap around home. Only a run that the page "
        "/maps asked for makes it, or tells how many bytes they have.",
    )
    return step(
        [region],
        lambda asked: fetch_region(
            asked.run, asked.resources.snapshot.get_connection, settings, asked.of_run.tags.get(REQUEST)
        ),
        needs=["snapshot"],
    )
