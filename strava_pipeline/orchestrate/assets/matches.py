"""Which activities of several sources are one, and the tables that tell it. Matching is core/matching's and lake/matches.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import FILES, IMPORTED_ACTIVITIES, MATCH_TABLES, TABLES
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.matches import match_activities, tracks_due
from strava_pipeline.lake.merge_imported import merge_imported_activities
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline.orchestrate.lineage import from_layer_above
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, tell_rows, timed
from strava_pipeline.orchestrate.resources import Pipeline
from strava_pipeline.orchestrate.tracking import make_tracks
from strava_pipeline.orchestrate.verdicts import table_results, table_specs


def match_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                name,
                deps=["activities", FILES.name],
                partitions_def=partitions,
                group_name="gold",
                kinds={"duckdb"},
                owners=[OWNER],
                description=table_description(TABLES[name]),
                metadata=described(name)
                | (from_layer_above(name, "activities") if name == IMPORTED_ACTIVITIES.name else {}),
            )
            for name in MATCH_TABLES
        ],
        check_specs=[spec for name in MATCH_TABLES for spec in table_specs(name, name)],
    )
    def matching(
        context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """All years at once, whatever the run's: one activity may stand in two."""
        with timed() as seconds:
            with writing(pipeline.lake) as connection:
                merged = merge_imported_activities(connection, pipeline.lake, pipeline.years.all)
                found = match_activities(connection, pipeline.lake)
                due = sorted(tracks_due(connection).intersection(pipeline.years.all))
            moved = make_tracks(pipeline, due).made if due else 0
        told = {
            "rows_merged": merged.inserted + merged.updated,
            "activities_of_several": found.activities,
            "proposed": found.proposed,
            "changed": found.changed,
            "tracks_moved": moved,
            "seconds": seconds.value,
        }
        with reading(pipeline.lake) as connection:
            rows = {name: rows_by_year(connection, name) for name in MATCH_TABLES}
            checks = {name: list(table_results(connection, pipeline.lake, name, name)) for name in MATCH_TABLES}
        for name in MATCH_TABLES:
            tell_rows(context, rows[name], name)
            yield dg.MaterializeResult(asset_key=name, metadata=told, check_results=checks[name])

    return [matching]
