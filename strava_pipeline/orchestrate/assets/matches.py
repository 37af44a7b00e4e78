"""Which activities of several sources are one, and the tables that tell it. Matching is core/matching's and lake/matches.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import IMPORTED_ACTIVITIES, MATCH_TABLES, TABLES
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.matches import match_activities, tracks_due
from strava_pipeline.lake.merge_imported import merge_imported_activities
from strava_pipeline.lake.warehouse import reading, writing
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.tracking import make_tracks
from strava_pipeline.orchestrate.checks import Result, table_results, wanted_assets, wanted_checks
from strava_pipeline.orchestrate.jobs import IMPORTS_RECEIVED
from strava_pipeline.orchestrate.lineage import from_layer_above
from strava_pipeline.orchestrate.metadata import OWNER, described, table_description, tell_rows, timed
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.verdicts import table_spec


def match_assets(partitions: dg.PartitionsDefinition[Any]) -> list[dg.AssetsDefinition]:
    @dg.multi_asset(
        specs=[
            dg.AssetSpec(
                name,
                deps=["activities", IMPORTS_RECEIVED],
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
        check_specs=[table_spec(name, name) for name in MATCH_TABLES],
        can_subset=True,
    )
    def matching(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        wanted, due, reported = wanted_assets(context), list[int](), dict[str, Any]()
        with timed() as seconds:
            with reading(run.lake) as connection:
                if wanted:
                    reported, due = _match(run)
                rows = {name: rows_by_year(connection, name) for name in wanted}
                checks = table_results(run, connection, wanted_checks(context), {})
            moved = make_tracks(run, due).made if due else 0
        for name in sorted(wanted):
            tell_rows(context, rows[name], name)
            yield dg.MaterializeResult(
                asset_key=name, metadata=reported | {"tracks_written": moved, "seconds": seconds.value}
            )
        yield from checks

    return [matching]


def _match(run: RunContext) -> tuple[dict[str, Any], list[int]]:
    """All tables and all years at once, whatever is asked for: one activity may stand in two. And the years of which
    tracks are to be made.
    """
    with writing(run.lake) as connection:
        merged = merge_imported_activities(connection, run.lake, run.years.all)
        found = match_activities(connection, run.lake)
        due = sorted(tracks_due(connection).intersection(run.years.all))
    return {
        "rows_merged": merged.inserted + merged.updated,
        "activities_with_several_sources": found.activities,
        "pairs_proposed": found.proposed,
        "matches_changed": found.changed,
    }, due
