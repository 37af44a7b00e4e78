"""The assets by year that make no call: shards, gold, matches, details, tracks and the snapshot that readers open.

Tables that are made in one look at the warehouse are one step. The work is operations/merging_steps.py's.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import (
    ACTIVITY_DETAILS,
    ACTIVITY_MEMBERS,
    DAY_VALUES,
    DETAIL_TABLES,
    IMPORTED_ACTIVITIES,
    MATCH_TABLES,
    PAIR_AGREEMENTS,
    PROPOSED_CHANGES,
    QUARANTINE,
    ROUTE_MEMBERS,
    TABLES,
    TILE_VISITS,
    TRACKS,
    Table,
)
from strava_pipeline.core.tables.days import DAYS, NIGHTS
from strava_pipeline.core.tables.insights import PUBLISH_TABLES
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.providers_file import ProviderChoice, gives_days
from strava_pipeline.operations.days import merge_days
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
from strava_pipeline.operations.step_reports import PUBLISHED, StepReport
from strava_pipeline.operations.table_rules import CHECKED
from strava_pipeline.orchestrate.checks import own_checks, table_checks
from strava_pipeline.orchestrate.config import MatchingConfig, MergeConfig, PublishConfig
from strava_pipeline.orchestrate.job_records import MATCHING
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
    provider_days,
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
    table_spec,
)
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.steps import Asked, step
from strava_pipeline.orchestrate.tags import STEP_LAST


def gold_assets(
    partitions: dg.PartitionsDefinition[Any], providers: Mapping[str, ProviderChoice], settings: Settings
) -> list[dg.AssetsDefinition]:
    """Every asset by year from the shards to the snapshot; `providers`: those enabled besides Strava."""
    listed = [PROVIDERS_RECEIVED] if [*providers] else []
    files = [PROVIDER_FILES_RECEIVED] if any(map(gives_files, providers)) else []
    return [
        _shards(partitions, listed),
        _activities(partitions),
        _matches(partitions, settings),
        _details(partitions, files),
        _tracks(partitions, files),
        *_days(partitions, [name for name, choice in providers.items() if gives_days(name, choice)]),
        _published(partitions),
    ]


def _shards(partitions: dg.PartitionsDefinition[Any], received: Sequence[str]) -> dg.AssetsDefinition:
    shards = dg.AssetSpec(
        SHARDS,
        partitions_def=partitions,
        deps=[LISTING, IMPORTS_RECEIVED, EVENTS_RECEIVED, *received],
        group_name="shards",
        kinds={"parquet", "polars"},
        description="The listed and the imported activities, typed, as Parquet files by local year. Fields without a "
        "column are kept in `extra`.",
        metadata=described("activities_all") | from_bronze("activities_all", LISTING),
    )
    return step(
        [shards],
        lambda asked: write_activity_shards(asked.run, asked.scope, is_last=asked.job in STEP_JOBS),
        checks=own_checks(
            SHARDS, {"holds_bronze": "Every page of the listings in bronze is in the shards of its years."}
        ),
        can_subset=True,
    )


def _activities(partitions: dg.PartitionsDefinition[Any]) -> dg.AssetsDefinition:
    def work(asked: Asked) -> list[StepReport]:
        config = resolved(asked.config, asked.job, ACTIVITIES)
        return merge_gold(asked.run, asked.scope, force=bool(config.force), allow_shrink=config.allow_shrink)

    activities = _table_spec(
        "activities_all",
        partitions,
        [SHARDS],
        from_layer_above("activities_all", SHARDS),
        key=ACTIVITIES,
        description="One row per activity, its newest version, and whether it is gone from the source (table "
        "activities_all; views activities: those present, deleted_activities: the others).",
    )
    return step(
        [activities, _table_spec(HISTORY, partitions, [ACTIVITIES], from_changes(HISTORY, SHARDS))],
        work,
        checks=[
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
        config=MergeConfig,
        can_subset=True,
    )


def _matches(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> dg.AssetsDefinition:
    lineage = {IMPORTED_ACTIVITIES.name: from_layer_above(IMPORTED_ACTIVITIES.name, ACTIVITIES)}
    matches = [
        _table_spec(name, partitions, [ACTIVITIES, IMPORTS_RECEIVED], lineage.get(name, {})) for name in MATCH_TABLES
    ]
    proposed = PROPOSED_CHANGES.name
    return step(
        [*matches, _table_spec(proposed, partitions, [ACTIVITIES, *MATCH_TABLES], {})],
        lambda asked: match_sources(asked.run, asked.scope, settings, asked.config.months),
        checks=[spec for name in (*MATCH_TABLES, proposed) for spec in table_checks(name, name)],
        config=MatchingConfig,
        name=MATCHING,
        can_subset=True,
    )


def _details(partitions: dg.PartitionsDefinition[Any], received: Sequence[str]) -> dg.AssetsDefinition:
    above = [DETAILS, IMPORTS_RECEIVED, *received]
    details = [_table_spec(name, partitions, above, from_bronze(name, DETAILS)) for name in DETAIL_TABLES]
    return step(
        [*details, _table_spec(QUARANTINE.name, partitions, [DETAILS], {})],
        lambda asked: merge_detail_tables(asked.run, asked.scope),
        checks=[
            *(spec for name in (*DETAIL_TABLES, QUARANTINE.name) for spec in table_checks(name, name)),
            *own_checks(ACTIVITY_DETAILS.name, {"holds_bronze": "Every detail on disk of the run's years is here."}),
        ],
        name="detail_tables",
        can_subset=True,
        op_tags=STEP_LAST,  # after its run's activities and files, which aren't its parents by year
    )


def _days(partitions: dg.PartitionsDefinition[Any], providers: Sequence[str]) -> Iterator[dg.AssetsDefinition]:
    if providers:
        received = [*map(provider_days, providers)]
        of_values = [_table_spec(name, partitions, [DAY_VALUES.name], {}) for name in (DAYS.name, NIGHTS.name)]
        yield step(
            [_table_spec(DAY_VALUES.name, partitions, received, {}), *of_values],
            lambda asked: merge_days(asked.run, asked.scope),
            checks=table_checks(DAY_VALUES.name, DAY_VALUES.name),
            name="day_tables",
            can_subset=True,
        )


def _table_spec(
    table: str, partitions: dg.PartitionsDefinition[Any], deps: Sequence[str], lineage: dict[str, Any], **more: Any
) -> dg.AssetSpec:
    metadata = described(table) | lineage
    return table_spec((TABLES | PUBLISH_TABLES)[table], deps=deps, partitions_def=partitions, metadata=metadata, **more)


def _tracks(partitions: dg.PartitionsDefinition[Any], received: Sequence[str]) -> dg.AssetsDefinition:
    def spec(table: Table, deps: Sequence[str], description: str) -> dg.AssetSpec:
        about = f"{table_description(table)}{description}"
        return table_spec(
            table, partitions_def=partitions, deps=deps, group_name="tracks", kinds={"parquet"}, description=about
        )

    return step(
        [
            spec(
                TRACKS,
                [STREAMS_RECEIVED, IMPORTS_RECEIVED, *received, ACTIVITIES, ACTIVITY_MEMBERS.name],
                " A file's points are preferred to Strava's streams. What is computed once of each: curves, value_seconds, "
                "track_summaries, track_cells, heat_cells, heat_tiles, track_ways, way_cells: a Parquet file per year.",
            ),
            spec(ROUTE_MEMBERS, [TRACKS.name], " It follows from track_ways and way_cells of all years."),
            spec(TILE_VISITS, [TRACKS.name], " It follows from track_ways and way_cells of the year."),
            spec(PAIR_AGREEMENTS, [TRACKS.name], ""),
        ],
        lambda asked: write_tracks(asked.run, asked.years, asked.assets),
        can_subset=True,
    )


def _published(partitions: dg.PartitionsDefinition[Any]) -> dg.AssetsDefinition:
    published = dg.AssetSpec(
        PUBLISHED,
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
        kinds={"duckdb"},
        description="data/warehouse/strava.duckdb: the warehouse as readers open it, replaced atomically, never locked.",
        metadata=described_tables() | from_tables(CHECKED),
    )
    return step(
        [published],
        lambda asked: publish_warehouse(
            asked.run, years_of_run(asked.of_run), timedelta(minutes=asked.config.pause_minutes)
        ),
        checks=[
            *own_checks(
                PUBLISHED, {"holds_gold": "Every table of the snapshot has as many rows as in gold."}, blocking=True
            ),
            *own_checks(PUBLISHED, {"views_applied": "Every file of the user's own views/ is in the snapshot."}),
        ],
        config=PublishConfig,
        op_tags=STEP_LAST,  # after the values computed from its run's tracks, even if those fail
    )


def insight_assets(partitions: dg.PartitionsDefinition[Any], zone: str, sports: str) -> dg.AssetsDefinition:
    """The insights of each year.

    Args:
        zone: the time zone of "today" if the athlete's own is unknown.
        sports: those that two of a year's files count.
    """
    insights = dg.AssetSpec(
        INSIGHTS,
        partitions_def=partitions,
        deps=[PUBLISHED],
        group_name="insights",
        kinds={"json"},
        description="data/insights/YYYY: each group of sports day by day against its goals (goals.toml), pace and projection.",
    )
    rules = {
        "equals_gold": "The files of the run's years agree with gold; the next run makes them again.",
        "goals_usable": "goals.toml can be followed, if there is one.",
        "sports_known": "Every sport has a group; one without counts as other.",
    }
    return step(
        [insights],
        lambda asked: write_insights_of(asked.run, asked.resources.snapshot.get_connection, asked.years, zone, sports),
        checks=own_checks(INSIGHTS, rules),
        needs=["snapshot"],
    )
