"""The asset of writes at services: approved changes, with the answers in bronze. Proposals are gold.py's.

The work is operations/changes/apply_step.py's.
"""

from typing import Any

import dagster as dg

from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.changes.apply_step import apply_approved, nothing_applied
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.orchestrate.checks import own_checks
from strava_pipeline.orchestrate.config import ApplyConfig
from strava_pipeline.orchestrate.jobs import APPLIED_CHANGES, APPLY_JOB
from strava_pipeline.orchestrate.steps import Asked, step
from strava_pipeline.orchestrate.tags import STEP_FIRST


def change_assets(partitions: dg.PartitionsDefinition[Any], settings: Settings) -> dg.AssetsDefinition:
    """The asset; without an approved change it calls no service."""
    changes = dg.AssetSpec(
        APPLIED_CHANGES,
        partitions_def=partitions,
        group_name="bronze",
        kinds={"json", "file"},
        description="The changes that a person approved, written at their services: each request before it was sent, the "
        "answers, and what the service had before and after. Only a run of the job apply_changes writes.",
    )

    def work(asked: Asked) -> StepReport:
        run, years, config = asked.run, asked.years, asked.config
        if asked.job != APPLY_JOB:
            return nothing_applied(run, settings, years)
        return apply_approved(run, settings, asked.sources, years, ids=config.ids, everything=config.all)

    return step(
        [changes],
        work,
        checks=own_checks(
            APPLIED_CHANGES,
            {"all_written": "Every approved change of these years was written, and the service shows it."},
        ),
        config=ApplyConfig,
        needs=["sources"],
        op_tags=STEP_FIRST,  # before the shards of the same run, which read what came back
    )
