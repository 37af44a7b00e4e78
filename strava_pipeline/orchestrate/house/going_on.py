"""Resumes an athlete's run that a limit stopped, as soon as the ledger lets that athlete make calls again."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.athletes import athletes, settings_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import system_clock
from strava_pipeline.operations.source import budget_of
from strava_pipeline.orchestrate.home import configuration
from strava_pipeline.orchestrate.house.work import ATHLETES, GOES_ON, RUN, WORK, house_lake, in_instance
from strava_pipeline.orchestrate.queues import Limits
from strava_pipeline.orchestrate.runs import FAILED, PAUSE, TRIES, UNFINISHED, config_of, ended_at, fail_dead_runs
from strava_pipeline.orchestrate.tags import LAST, LIMIT, NO_LIMIT, PARTITION

REST = timedelta(minutes=15)  # between an end and the next try: of another service's limit Strava's ledger says nothing


def go_on_sensor(settings: Settings, now: Callable[[], datetime]) -> dg.SensorDefinition:
    @dg.sensor(
        job_name=RUN,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.automation else dg.DefaultSensorStatus.STOPPED,
        description="Goes on with what a limit stopped, once calls can be made again.",
    )
    def go_on(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance = context.instance
        fail_dead_runs(instance, house_lake(settings))  # or one of them would be taken to be at work for ever
        present = set(instance.get_dynamic_partitions(in_instance(settings, ATHLETES)))
        known = {one.name: one for one in athletes(settings)}
        requests = []
        for record, failed in _stopped(instance):
            run = record.dagster_run
            athlete = known.get(run.tags.get(PARTITION, ""))
            rest_ends = max([ended_at(record) + REST, *(ended_at(other) + PAUSE for other in failed)])
            if athlete is None or athlete.name not in present or now() < rest_ends:
                continue
            try:
                own = settings_of(settings, athlete)
            except PipelineError:  # its runs say so
                continue
            limits = WORK[work_of(run)["job"]].limits
            if budget_of(STRAVA, own, limits, system_clock(own, now)).is_worth_a_run():
                requests.append(_again(run, athlete.name, len(failed)))
        at_work = sum(
            GOES_ON in run.tags and run.tags.get(PARTITION) in known  # others are another machine's
            for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
        )
        return dg.SensorResult(requests[: max(_at_once(settings) - at_work, 0)])

    return go_on


def _at_once(settings: Settings) -> int:
    """How many may resume at a time: one of dagster.yaml's places here is left for the daily runs, if there is a second."""
    return max(Limits.of(configuration(settings.dagster_home)).of_a_queue - 1, 1)


def work_of(run: dg.DagsterRun) -> dict[str, Any]:
    """The config of a run: its `job`, and its `years`, if any."""
    return {"job": "flow", "years": [], **next(iter(config_of(run).values()), {})}


def _stopped(instance: dg.DagsterInstance) -> Iterator[tuple[dg.RunRecord, list[dg.RunRecord]]]:
    """The runs that a limit stopped and that nothing resumed, the oldest first, each with the failed attempts."""
    filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.SUCCESS], tags={LIMIT: "day"})
    for record in reversed(instance.get_run_records(filters)):
        run = record.dagster_run
        name = run.tags[PARTITION]
        later = [
            other
            for other in instance.get_run_records(
                dg.RunsFilter(tags={PARTITION: name}, created_after=record.create_timestamp)
            )
            if other.storage_id > record.storage_id and work_of(other.dagster_run) == work_of(run)
            if other.dagster_run.status not in FAILED or other.dagster_run.tags.get(GOES_ON) == run.run_id
        ]
        failed = [other for other in later if other.dagster_run.status is dg.DagsterRunStatus.FAILURE]
        if len(failed) < TRIES and failed == later:
            yield record, failed
        elif len(failed) >= TRIES or any(other.dagster_run.is_finished for other in later if other not in failed):
            instance.add_run_tags(run.run_id, {LIMIT: NO_LIMIT})  # never to be looked at again


def _again(run: dg.DagsterRun, name: str, tries: int) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"resumes {run.run_id} {tries}",  # a key that Dagster has seen starts nothing
        partition_key=name,
        run_config=dict(run.run_config),
        tags={GOES_ON: run.run_id, **LAST},
    )
