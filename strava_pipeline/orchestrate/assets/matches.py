"""Which activities of several sources are one, and the tables that tell it. Matching is core/matching's and lake/matches.py's."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import IMPORTED_ACTIVITIES, MATCH_TABLES, TABLES
from strava_pipeline.lake.counts import rows_by_year
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.operations.merging import Matched, match
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
        wanted, matched = wanted_assets(context), None
        with timed() as seconds:
            with reading(run.lake) as connection:
                if wanted:
                    matched = match(run)
                rows = {name: rows_by_year(connection, name) for name in wanted}
                checks = table_results(run, connection, wanted_checks(context), {})
            moved = make_tracks(run, matched.tracks_due).made if matched and matched.tracks_due else 0
        reported = _reported(matched) if matched else {}
        for name in sorted(wanted):
            tell_rows(context, rows[name], name)
            yield dg.MaterializeResult(
                asset_key=name, metadata=reported | {"tracks_written": moved, "seconds": seconds.value}
            )
        yield from checks

    return [matching]


def _reported(found: Matched) -> dict[str, Any]:
    return {
        "rows_merged": found.rows_merged,
        "activities_with_several_sources": found.matches.activities,
        "pairs_proposed": found.matches.proposed,
        "matches_changed": found.matches.changed,
    }
