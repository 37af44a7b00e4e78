"""Proposing the changes of a month at a person's request, in addition to the runs' own proposals. Nothing is sent."""

from datetime import datetime
from functools import partial

from strava_pipeline.core.changes.states import ChangeState
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import publish
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.changes.proposing import states_now, update_proposals
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.table_rules import refuse_faults

DECLINED = frozenset({"rejected", "undone"})
"""The states of changes that need no action, because a person does not want them."""


def propose_month(run: RunContext, settings: Settings, month: str) -> dict[str, ChangeState]:
    """Record everything that the month calls for, and publish it; returns the changes that wait for a decision, by id.

    `month`: a local one, as 2026-10. Raises PipelineError if the warehouse has to be rebuilt first.
    """
    with reading(run.lake) as connection:
        update_proposals(run, settings, connection, [month])
    publish(run.lake, refuse=partial(refuse_faults, lake=run.lake))
    states = states_now(run.lake, settings, run.now())
    return {key: each for key, each in states.items() if each.change.month == month and each.state == "proposed"}


def declined(settings: Settings, now: datetime) -> set[str]:
    """The ids of changes that a person does not want."""
    states = states_now(Lake(settings.data_dir), settings, now)
    return {key for key, each in states.items() if each.state in DECLINED}
