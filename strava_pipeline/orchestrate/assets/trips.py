"""Activity trips: which there are, what each measures and was judged, and how the algorithms do on all of them.

Nothing that these tell or keep holds a position, a device's detail or free text. The work is done by operations/trips.py.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from strava_pipeline.core.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY
from strava_pipeline.operations.publishing import publish_if_right
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.operations.trips import (
    Taken,
    diagnose_trips,
    replay_trips,
    take_index,
    unknown_statuses,
    unreadable_share,
)
from strava_pipeline.orchestrate.metadata import OWNER, described, if_any, table_description, tell_rows, timed
from strava_pipeline.orchestrate.partitions import years_of
from strava_pipeline.orchestrate.run_resources import Run
from strava_pipeline.orchestrate.verdicts import check_result, table_spec
from strava_pipeline.settings import Settings

UNREADABLE = 0.01  # of the trips: more means a key is missing or something writes badly
_NOT_SHRUNK = {"not_shrunk": "the source lacks no more trips than people delete"}
NO_SOURCE = "TRIPS_SOURCE is not set: there are no trips to read."


class TripsConfig(dg.Config):
    """`allow_shrink`: a person means what the source lacks."""

    allow_shrink: bool = False


def trip_assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> list[dg.AssetsDefinition]:
    @dg.asset(
        partitions_def=partitions,
        group_name="trips",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(TRIP_INDEX),
        metadata=described(TRIP_INDEX.name),
        check_specs=[
            table_spec(
                TRIP_INDEX.name,
                TRIP_INDEX.name,
                warns=_NOT_SHRUNK
                | {
                    "one_id_each": "no two trips have one external id",
                    "known_statuses": "every stored status is a known one",
                },
            )
        ],
    )
    def trip_index(
        context: dg.AssetExecutionContext, config: TripsConfig, run: Run
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            taken = (
                take_index(run, settings, years_of(context.partition_keys), allow_shrink=config.allow_shrink)
                if _has_source(context, settings)
                else None
            )
        odd = unknown_statuses(run)
        known = Finding(
            "known_statuses",
            not odd,
            advice=f"Statuses that no verdict is known for: {', '.join(odd)}. They count as needs_review.",
            refuses=False,
        )
        yield _told(context, run, TRIP_INDEX.name, taken, seconds.value, [known, _one_id_each(taken)])

    @dg.asset(
        partitions_def=partitions,
        deps=[trip_index],
        group_name="trips",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(TRIP_DIAGNOSTICS),
        metadata=described(TRIP_DIAGNOSTICS.name),
        check_specs=[
            table_spec(
                TRIP_DIAGNOSTICS.name,
                TRIP_DIAGNOSTICS.name,
                warns=_NOT_SHRUNK
                | {"readable": "the locations of at most one trip in a hundred can't be decrypted or read"},
            )
        ],
    )
    def trip_diagnostics(
        context: dg.AssetExecutionContext, config: TripsConfig, run: Run
    ) -> Iterator[dg.MaterializeResult[Any]]:
        years = years_of(context.partition_keys)
        with timed() as seconds:
            taken = (
                diagnose_trips(run, settings, years, allow_shrink=config.allow_shrink)
                if _has_source(context, settings)
                else None
            )
        share = unreadable_share(run, years)
        readable = Finding(
            "readable",
            share <= UNREADABLE,
            {"unreadable_share": share},
            "Is a key missing? keys_used tells which ones opened something.",
            refuses=False,
        )
        yield _told(context, run, TRIP_DIAGNOSTICS.name, taken, seconds.value, [readable])

    @dg.asset(
        deps=[trip_diagnostics],
        group_name="trips",
        kinds={"duckdb"},
        owners=[OWNER],
        description=table_description(TRIP_REPLAY),
        metadata=described(TRIP_REPLAY.name),
        check_specs=[table_spec(TRIP_REPLAY.name, TRIP_REPLAY.name)],
    )
    def trip_replay(context: dg.AssetExecutionContext, run: Run) -> Iterator[dg.MaterializeResult[Any]]:
        with timed() as seconds:
            totals = replay_trips(run, settings) if _has_source(context, settings) else {}
            found = publish_if_right(run, TRIP_REPLAY.name)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(totals),
                **if_any(totals_by_algorithm=totals),
                "seconds": seconds.value,
            },
            check_results=[check_result(TRIP_REPLAY.name, found)],
        )

    return [trip_index, trip_diagnostics, trip_replay]


def _not_shrunk(taken: Taken | None) -> Finding:
    """A source that is the wrong one, or was just emptied, must not mark everything as deleted."""
    held_back = taken.held_back if taken else 0
    return Finding(
        "not_shrunk",
        not held_back,
        {"deletions_not_marked": held_back},
        "Nothing was marked as deleted: the source lacks too much to be believed. Is it the right one? If that is "
        "meant, launch these years with allow_shrink: true in the asset's config.",
        refuses=False,
    )


def _one_id_each(taken: Taken | None) -> Finding:
    doubled = taken.doubled if taken else 0
    return Finding(
        "one_id_each",
        not doubled,
        {"trips_left_out": doubled},
        "Of trips with one external id the one that started last is kept, the others are not.",
        refuses=False,
    )


def _has_source(context: dg.AssetExecutionContext, settings: Settings) -> bool:
    """Who has no trips materialises nothing of them, and fails nothing else that was launched with them."""
    if settings.trips_source:
        return True
    context.log.info(NO_SOURCE)
    return False


def _told(
    context: dg.AssetExecutionContext,
    run: RunContext,
    table: str,
    taken: Taken | None,
    seconds: float,
    more: list[Finding],
) -> dg.MaterializeResult[Any]:
    check = check_result(table, [*publish_if_right(run, table), *more, _not_shrunk(taken)])
    metadata: dict[str, Any] = {"seconds": seconds} if taken else {"skipped": NO_SOURCE}
    if taken is not None:
        tell_rows(context, taken.rows)
        metadata |= {"inserted": taken.kept.inserted, "updated": taken.kept.updated, "deleted": taken.kept.deleted}
        if taken.tally.trips:
            metadata |= if_any(keys_used=taken.tally.keys_used, payloads_by_state=taken.tally.counts)
    return dg.MaterializeResult(metadata=metadata, check_results=[check])
