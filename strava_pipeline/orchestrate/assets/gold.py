"""The assets by year that make no call: shards, gold, matches, details, tracks and the snapshot that readers open.

Tables that one look at the warehouse makes are one step. The work is operations/merging_steps.py's.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_duckdb import DuckDBResource

from strava_pipeline.core.tables import (
    ACTIVITY_DETAILS,
    ACTIVITY_MEMBERS,
    DETAIL_TABLES,
    IMPORTED_ACTIVITIES,
    MATCH_TABLES,
    PROPOSED_CHANGES,
    QUARANTINE,
    ROUTE_MEMBERS,
    TABLES,
    TILE_VISITS,
    TRACKS,
    Table,
)
from strava_pipeline.operations.gold_step import ACTIVITIES, HISTORY, merge_gold
from strava_pipeline.operations.insights import write_insights_of
from strava_pipeline.operations.merging_steps import (
    SHARDS,
    match_sources,
    merge_detail_tables,
    publish_warehouse,
    write_activity_shards,
    write_tracks,
)
from strava_pipeline.operations.table_rules import CHECKED
from strava_pipeline.orchestrate.checks import own_checks, table_checks
from strava_pipeline.orchestrate.config import MatchingConfig, MergeConfig, PublishConfig
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    EVENTS_RECEIVED,
    IMPORTS_RECEIVED,
    INSIGHTS,
    LISTING,
    PROVIDER_FILES_RECEIVED,
    PROVIDERS_RECEIVED,
    STEP_JOBS,
    STREAMS_RECEIVED,
    gives_files,
    resolved,
)
from strava_pipeline.orchestrate.metadata import (
    described,
    described_tables,
    from_bronze,
    from_changes,
    from_layer_above,
    from_tables,
    table_description,
)
from strava_pipeline.orchestrate.resources import Run
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.steps import Result, asset, chosen_years, multi_asset, reported, scope_of
from strava_pipeline.orchestrate.tags import STEP_LAST
from strava_pipeline.settings import Settings

PUBLISHED = "published_warehouse"


def gold_assets(
    partitions: dg.PartitionsDefinition[Any], providers: Iterable[str], settings: Settings
) -> list[dg.AssetsDefinition]:
    """Every asset by year from the shards to the snapshot; `providers`: those enabled beside Strava."""
    listed = [PROVIDERS_RECEIVED] if [*providers] else []
    files = [PROVIDER_FILES_RECEIVED] if any(map(gives_files, providers)) else []
    return [
        _shards(partitions, listed),
        _activities(partitions),
        _matches(partitions, settings),
        _details(partitions, files),
        _tracks(partitions, files),
        _published(partitions),
    ]


def _shards(partitions: dg.PartitionsDefinition[Any], received: Sequence[str]) -> dg.AssetsDefinition:
    every_page = "Every page of the listings in bronze is in the shards of its years."

    @multi_asset(
        name=SHARDS,
        specs=[
            dg.AssetSpec(
                SHARDS,
                partitions_def=partitions,
                deps=[LISTING, IMPORTS_RECEIVED, EVENTS_RECEIVED, *received],
                group_name="shards",
                kinds={"parquet", "polars"},
                description="The listed and the imported activities, typed, as Parquet files by local year. Fields without a "
                "column are kept in `extra`.",
                metadata=described("activities_all") | from_bronze("activities_all", LISTING),
            )
        ],
        check_specs=own_checks(SHARDS, {"holds_bronze": every_page}),
        can_subset=True,
    )
    def activity_shards(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        is_last = context.run.job_name in STEP_JOBS
        yield from reported(context, run, write_activity_shards(run, scope_of(context, run), is_last=is_last))

    return activity_shards


def _activities(partitions: dg.PartitionsDefinition[Any]) -> dg.AssetsDefinition:
    @multi_asset(
        name=ACTIVITIES,
        specs=[
            _table_spec(
                "activities_all",
                partitions,
                [SHARDS],
                from_layer_above("activities_all", SHARDS),
                name=ACTIVITIES,
                description="One row per activity, its newest version, and whether it is gone from the source (table "
                "activities_all; views activities: those present, deleted_activities: the others).",
            ),
            _table_spec(HISTORY, partitions, [ACTIVITIES], from_changes(HISTORY, SHARDS)),
        ],
        check_specs=[
            *table_checks(ACTIVITIES, "activities_all"),
            *own_checks(
                ACTIVITIES,
                {
                    "holds_shards": "What the shards of the run's years hold is here.",
                    "not_shrunk": "No listing lacks so much of a year that the listing itself is probably wrong.",
                },
            ),
            *table_checks(HISTORY, HISTORY),
            *own_checks(HISTORY, {"holds_gold": "Every activity of the run's years has a version here."}),
        ],
        can_subset=True,
    )
    def gold(context: dg.AssetExecutionContext, config: MergeConfig, run: Run) -> Iterator[Result]:
        config = resolved(config, context.run.job_name, ACTIVITIES)
        scope = scope_of(context, run)
        reports = merge_gold(run, scope, force=bool(config.force), allow_shrink=config.allow_shrink)
        yield from reported(context, run, *reports)

    return gold


def _matches(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> dg.AssetsDefinition:
    lineage = {IMPORTED_ACTIVITIES.name: from_layer_above(IMPORTED_ACTIVITIES.name, ACTIVITIES)}
    proposed = PROPOSED_CHANGES.name

    @multi_asset(
        specs=[
            _table_spec(name, partitions, [ACTIVITIES, IMPORTS_RECEIVED], lineage.get(name, {}))
            for name in MATCH_TABLES
        ]
        + [_table_spec(proposed, partitions, [ACTIVITIES, *MATCH_TABLES], {})],
        check_specs=[spec for name in (*MATCH_TABLES, proposed) for spec in table_checks(name, name)],
        can_subset=True,
    )
    def matching(context: dg.AssetExecutionContext, config: MatchingConfig, run: Run) -> Iterator[Result]:
        yield from reported(context, run, *match_sources(run, scope_of(context, run), settings, config.months))

    return matching


def _details(partitions: dg.PartitionsDefinition[Any], received: Sequence[str]) -> dg.AssetsDefinition:
    every_detail = {"holds_bronze": "Every detail on disk of the run's years is here."}

    @multi_asset(
        specs=[
            *(
                _table_spec(name, partitions, [DETAILS, IMPORTS_RECEIVED, *received], from_bronze(name, DETAILS))
                for name in DETAIL_TABLES
            ),
            _table_spec(QUARANTINE.name, partitions, [DETAILS], {}),
        ],
        check_specs=[
            *(spec for name in (*DETAIL_TABLES, QUARANTINE.name) for spec in table_checks(name, name)),
            *own_checks(ACTIVITY_DETAILS.name, every_detail),
        ],
        can_subset=True,
        op_tags=STEP_LAST,  # after the activities and files of its run, which are no parents of it by year
    )
    def detail_tables(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        yield from reported(context, run, *merge_detail_tables(run, scope_of(context, run)))

    return detail_tables


def _table_spec(
    table: str,
    partitions: dg.PartitionsDefinition[Any],
    deps: Sequence[str],
    lineage: dict[str, Any],
    *,
    name: str | None = None,
    description: str | None = None,
) -> dg.AssetSpec:
    """An asset that is `table` of the warehouse, described by the catalogue; without a `name`, it has the table's."""
    return dg.AssetSpec(
        name or table,
        deps=deps,
        partitions_def=partitions,
        group_name=TABLES[table].group,
        kinds={"duckdb"},
        description=description or table_description(TABLES[table]),
        metadata=described(table) | lineage,
    )


def _tracks(partitions: dg.PartitionsDefinition[Any], received: Sequence[str]) -> dg.AssetsDefinition:
    def spec(table: Table, deps: Sequence[str], description: str) -> dg.AssetSpec:
        return dg.AssetSpec(
            table.name,
            partitions_def=partitions,
            deps=deps,
            group_name="tracks",
            kinds={"parquet"},
            description=f"{table_description(table)}{description}",
            metadata=described(table.name),
        )

    @multi_asset(
        specs=[
            spec(
                TRACKS,
                [STREAMS_RECEIVED, IMPORTS_RECEIVED, *received, ACTIVITIES, ACTIVITY_MEMBERS.name],
                " A file's points are preferred to Strava's streams. What is computed once of each: curves, value_seconds, "
                "track_summaries, track_cells, heat_cells, heat_tiles, track_ways, way_cells: a Parquet file per year.",
            ),
            spec(ROUTE_MEMBERS, [TRACKS.name], " It follows from track_ways and way_cells of all years."),
            spec(TILE_VISITS, [TRACKS.name], " It follows from track_ways and way_cells of the year."),
        ],
        can_subset=True,
    )
    def tracks(context: dg.AssetExecutionContext, run: Run) -> Iterator[Result]:
        assets = {key.to_user_string() for key in context.selected_asset_keys}
        yield from reported(context, run, *write_tracks(run, chosen_years(context, run), assets))

    return tracks


def _published(partitions: dg.PartitionsDefinition[Any]) -> dg.AssetsDefinition:
    @asset(
        partitions_def=partitions,
        deps=[
            ACTIVITIES,
            HISTORY,
            *MATCH_TABLES,
            PROPOSED_CHANGES.name,
            *DETAIL_TABLES,
            QUARANTINE.name,
            IMPORTS_RECEIVED,
        ],
        group_name="published",
        op_tags=STEP_LAST,  # with what is computed of the tracks of its run, and also where that fails
        kinds={"duckdb"},
        description="data/warehouse/strava.duckdb: the warehouse as readers open it, replaced atomically, never locked.",
        metadata=described_tables() | from_tables(CHECKED),
        check_specs=[
            *own_checks(
                PUBLISHED, {"holds_gold": "Every table of the snapshot has as many rows as in gold."}, blocking=True
            ),
            *own_checks(PUBLISHED, {"views_applied": "Every file of the user's own views/ is in the snapshot."}),
        ],
    )
    def published_warehouse(context: dg.AssetExecutionContext, config: PublishConfig, run: Run) -> Iterator[Result]:
        pause = timedelta(minutes=config.pause_minutes)
        yield from reported(context, run, publish_warehouse(run, years_of_run(context.run), pause))

    return published_warehouse


def insight_assets(partitions: dg.PartitionsDefinition[Any], zone: str, sports: str) -> list[dg.AssetsDefinition]:
    """The insights of each year.

    Args:
        zone: whose today they go by where the athlete's own is not known.
        sports: those that two of a year's files count.
    """

    @asset(
        name=INSIGHTS,
        partitions_def=partitions,
        deps=["published_warehouse"],
        group_name="insights",
        kinds={"json"},
        description="data/insights/YYYY: each group of sports day by day against its goals (goals.toml), pace and projection.",
        check_specs=own_checks(
            INSIGHTS,
            {
                "equals_gold": "The files of the run's years agree with gold; the next run makes them again.",
                "goals_usable": "goals.toml can be followed, if there is one.",
                "sports_known": "Every sport has a group; one without counts as other.",
            },
        ),
    )
    def insights(context: dg.AssetExecutionContext, run: Run, snapshot: DuckDBResource) -> Iterator[Result]:
        years = chosen_years(context, run)
        yield from reported(context, run, write_insights_of(run, snapshot.get_connection, years, zone, sports))

    return [insights]
