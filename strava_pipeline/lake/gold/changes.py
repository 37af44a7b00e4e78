"""The table `proposed_changes`: the states of changes given this warehouse's data. The rules are core/changes/states.py's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.core.json_values import json_text
from strava_pipeline.core.tables import PROPOSED_CHANGES
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.gold.making import make_staged_rows
from strava_pipeline.lake.gold.warehouse import Connection
from strava_pipeline.lake.paths import Lake


def write_states(
    connection: Connection, lake: Lake, states: Mapping[str, ChangeState], due: Collection[str], athlete_id: int | None
) -> int:
    """Bring the table up to date, within the caller's transaction; returns how many rows changed.

    Args:
        due: the ids of the changes that the data call for.
    """
    rows = pl.DataFrame(
        [_row(key, state, key in due, athlete_id) for key, state in states.items()],
        schema=PROPOSED_CHANGES.polars_schema,
        orient="row",
    )
    return make_staged_rows(connection, lake, PROPOSED_CHANGES, rows, all_of_it=True).written


def _row(key: str, state: ChangeState, is_due: bool, athlete_id: int | None) -> tuple[Any, ...]:
    change = state.change
    return (
        key,
        athlete_id,
        change.kind,
        change.provider,
        change.source_id,
        change.activity_id,
        change.field,
        json_text(change.old),
        json_text(change.new),
        change.source,
        change.month,
        change.start,
        change.title,
        state.state,
        state.reason or None,
        state.round,
        state.proposed_at,
        state.decided_at,
        state.since,
        is_due,
        change.undoes,
    )


def due_ids(connection: Connection) -> set[str]:
    """The ids of the changes that the data of this warehouse call for."""
    return {key for (key,) in connection.execute("SELECT id FROM proposed_changes WHERE is_due").fetchall()}


def state_counts(connection: Connection) -> dict[tuple[str, str, str], int]:
    """How many changes have each state, by state, service and kind."""
    query = "SELECT status, provider, kind, count(*) FROM proposed_changes GROUP BY ALL ORDER BY ALL"
    return {(status, provider, kind): count for status, provider, kind, count in connection.execute(query).fetchall()}


@dataclass(frozen=True, slots=True)
class Landings:
    """The newest landing numbers.

    Args:
        listed: by provider, of its listings; a listing of single activities says nothing of others.
        activities: by provider and the activity's id there, of answers about that activity alone, such as after a
            webhook.
    """

    listed: Mapping[str, int]
    activities: Mapping[tuple[str, str], int]

    def newest(self, change: Change) -> int:
        """The number of the newest data about the change's place."""
        alone = self.activities.get((change.provider, change.source_id or ""), 0)
        return max(self.listed.get(change.provider, 0), alone)


def newest_landings(lake: Lake) -> Landings:
    """The newest landings of each provider, and of single activities. Manifests are read, no pages."""
    listed: dict[str, int] = {}
    activities: dict[tuple[str, str], int] = {}
    for source in lake.listed_sources:
        listed[source] = 0
        for manifest in (each.manifest for each in listings(lake, source)):
            if manifest.window.says_nothing_of_others:
                for page in manifest.pages:
                    if (source_id := (page.request or {}).get("id")) is not None:
                        key = (source, str(source_id))
                        activities[key] = max(page.landed or 0, activities.get(key, 0))
            else:
                numbers = [manifest.landed, *(page.landed for page in manifest.pages)]
                listed[source] = max(listed[source], *(number or 0 for number in numbers))
    return Landings(listed, activities)
