"""The jobs of jobs.py without Dagster: the work of their steps in the order of their assets, in this process.

For tests that look at the data. A run of Dagster's over five years takes 1.3 s of CPU, of which the work takes 0.4. No checks
of activities, no log of the run and no record of the run.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import dagster as dg

from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import FILES, MATCH_TABLES
from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import live_run, locked
from strava_pipeline.operations import reading_files
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.rebuilding import bring_up_to_date, rebuild_all
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.source import FLOW_LOCK
from strava_pipeline.operations.sources import Sources
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.orchestrate import steps
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    EVENTS,
    FILE_BRONZE,
    FILE_READINGS,
    JOBS,
    LISTING,
    PULLING_JOBS,
    REBUILD_JOB,
    STEP_JOBS,
    STREAMS,
)
from strava_pipeline.orchestrate.steps import Asked

_FIRST = (FILE_BRONZE, FILE_READINGS, LISTING, EVENTS, FILES.name, "activity_shards", "activities", MATCH_TABLES[0])
_FIRST += (DETAILS, "activity_details", STREAMS, "tracks", "published_warehouse")
_SHARING = {"activities", MATCH_TABLES[0], DETAILS, "activity_details"}


@dataclass(frozen=True, slots=True)
class Done:
    """What the steps of a job reported, by asset."""

    reports: dict[str, StepReport] = field(default_factory=dict)

    def __getitem__(self, asset: str) -> Any:
        """What the work on an asset came to."""
        return (self.reports[asset].numbers or [None])[0]

    listing = property(lambda self: self[LISTING])
    merged = property(lambda self: self["activities"].merged)
    absent = property(lambda self: self["activities"].absence)
    matched = property(lambda self: self[MATCH_TABLES[0]])

    @property
    def stopped(self) -> Any:
        """The limit that ended the calls early."""
        return next((report.stopped for report in reversed(self.reports.values()) if report.stopped), None)

    @property
    def broken_rules(self) -> list[str]:
        """Rules that were found broken, as `asset.rule`."""
        found = [(name, finding) for name, report in self.reports.items() for finding in report.findings]
        return [f"{name}.{finding.rule}" for name, finding in found if not finding.holds]


def do(
    settings: Settings,
    definitions: dg.Definitions,
    job: str,
    years: Sequence[int],
    config: dict[str, dict[str, Any]],
) -> Done:
    """Do what a run of the job does to the data; `config` by asset. Raises what an operation raises."""
    run_id = str(uuid4())
    run = run_context(settings, LogProgress(logging.getLogger(__name__)), job, run_id=run_id)
    with ExitStack() as held:
        held.enter_context(live_run(run.lake, run_id))
        held.enter_context(patch.object(reading_files, "FEW", 10**9))  # a second process takes a second to start
        held.enter_context(patch.object(steps, "years_of_run", lambda _: [*years]))  # held years leave gaps, too
        if job == REBUILD_JOB:
            held.enter_context(locked(run.lake, FLOW_LOCK))
            return Done({report.asset: report for report in rebuild_all(run, settings)})
        if job not in STEP_JOBS:
            run = bring_up_to_date(run, settings)
        if job in PULLING_JOBS:
            held.enter_context(locked(run.lake, FLOW_LOCK))
        given = JOBS[job].run_config(**config)
        of_run = dg.DagsterRun(job, run_id, run_config=given)
        opened = SimpleNamespace(get_connection=partial(snapshot, run.lake))
        resources = SimpleNamespace(sources=Sources(settings, run), snapshot=opened)
        is_checked = any(job == each.name for system in parts("jobs") for each in system.JOBS)
        done = Done()
        for is_shared, group in groupby(_steps(definitions, job), key=lambda step: not step[1].isdisjoint(_SHARING)):
            # opened once for all of them: it costs 50 ms of CPU
            with reading(run.lake) if is_shared else nullcontext():
                for step, assets in group:
                    body = step.op.compute_fn.decorated_fn  # type: ignore[attr-defined]
                    own = given["ops"].get(step.op.name, {}).get("config", {})
                    chosen, checks = body.config and body.config(**own), assets if is_checked else set[str]()
                    found = body.work(Asked(run, of_run, chosen, assets, checks, resources, lambda asset, year: None))
                    reports = [found] if isinstance(found, StepReport) else found
                    done.reports.update({report.asset: report for report in reports})
    return done


def _steps(definitions: dg.Definitions, job: str) -> Iterator[tuple[dg.AssetsDefinition, set[str]]]:
    """The steps of a job, each with those of its assets that the job makes, in the order of a run."""
    left = [each for each in definitions.assets or () if isinstance(each, dg.AssetsDefinition)]
    place = {name: number for number, name in enumerate(_FIRST)}
    names = {id(each): {key.to_user_string() for key in each.keys} for each in left}
    for each in sorted(left, key=lambda each: min(place.get(name, len(place)) for name in names[id(each)])):
        if chosen := names[id(each)].intersection(JOBS[job].assets):
            yield each, chosen
