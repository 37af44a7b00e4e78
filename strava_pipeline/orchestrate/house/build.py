"""Builds the house's definitions: the asset and job `athlete_run`, its schedules, and the sensors that update athletes
and resume runs.

Dynamic partitions in Dagster: https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import Field

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.athletes import Athlete, athlete_named, athletes, environment_of, settings_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import system_clock, utc_now
from strava_pipeline.lake.locks import live_run
from strava_pipeline.operations.log_files import house_logs
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.source import budget_of
from strava_pipeline.orchestrate.failures import step_in_our_words
from strava_pipeline.orchestrate.house.child import run_child
from strava_pipeline.orchestrate.house.going_on import go_on_sensor
from strava_pipeline.orchestrate.house.work import (
    ATHLETE,
    ATHLETES,
    CONFIG,
    DAILY,
    GIVES_WAY,
    JOB,
    RUN,
    WORK,
    Job,
    daily_work,
    house_lake,
    in_instance,
)
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import RECONCILE_JOB
from strava_pipeline.orchestrate.run_records import run_records_sensor
from strava_pipeline.orchestrate.runs import fail_dead_runs
from strava_pipeline.orchestrate.tags import DATA_DIR, FIRST, LIMIT, NO_LIMIT, STOPPED_EARLY

STOPPED = 3  # a command's exit code if a limit ended it with work left


class AthleteRunConfig(dg.Config):
    """What is run for each athlete chosen."""

    job: Job = Field(DAILY, description="the command; without config it is the daily run")
    years: list[int] = Field([], description="for backfill, reconcile and streams: the years")


def house_defs(settings: Settings, now: Callable[[], datetime] = utc_now) -> dg.Definitions:
    """The complete definitions of the house. Reads nothing: the athletes are read by the sensor, by schedules and by runs."""
    job = dg.define_asset_job(
        RUN, selection=[in_instance(settings, ATHLETE)], description="A run in the folder of each athlete chosen."
    )
    return dg.Definitions(
        assets=[_athlete(settings)],
        jobs=[job],
        schedules=house_schedules(settings),
        sensors=[
            _registry_sensor(settings),
            go_on_sensor(settings, now),
            run_records_sensor(settings, dg.DefaultSensorStatus.RUNNING, now),
        ],
        resources={"life": _life(settings)},
        executor=dg.in_process_executor,
    )


def house_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedules of runs for every athlete with a login."""
    made = partial(_schedule, settings)
    return [
        made("daily_runs", settings.schedule, _daily, "The daily run of every athlete."),
        made("weekly_profiles", "30 4 * * 1", _profile, "Athletes and gear again, on Mondays."),
        made("weekly_comparisons", "0 4 * * 0", _two_years, "The running and last year, on Sundays."),
        made("monthly_comparisons", "0 3 1 * *", _everything, "Everything, on each first."),
    ]


def _partitions(settings: Settings) -> dg.DynamicPartitionsDefinition:
    return dg.DynamicPartitionsDefinition(name=in_instance(settings, ATHLETES))


def _athlete(settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        name=in_instance(settings, ATHLETE),
        partitions_def=_partitions(settings),
        group_name="house",
        required_resource_keys={"life"},
        description="The last run in an athlete's folder: what it was, how long it took, its exit code. What it did is in the "
        "athlete's own Dagster: `strava-pipeline dev --athlete NAME`.",
    )
    def athlete(context: dg.AssetExecutionContext, config: AthleteRunConfig) -> dg.MaterializeResult[Any]:
        return _run(context, settings, config)

    return athlete


def _life(settings: Settings) -> dg.ResourceDefinition:
    """Holds the run's lock, which tells the launcher whether its process is alive, and which one to interrupt."""

    @dg.resource(description="A lock that a run holds as long as it lives.")
    def life(context: dg.InitResourceContext) -> Iterator[None]:
        house, run, instance = house_lake(settings), context.run, context.instance
        assert run is not None
        assert instance is not None
        with live_run(house, run.run_id):
            # one that is executed again has the tags of its parent
            again = {} if run.parent_run_id is None else {LIMIT: NO_LIMIT, STOPPED_EARLY: ""}
            instance.add_run_tags(run.run_id, {DATA_DIR: str(house.data_dir), **again})
            yield

    return life


def _run(context: dg.AssetExecutionContext, settings: Settings, config: AthleteRunConfig) -> dg.MaterializeResult[Any]:
    """Run the command in the athlete's folder. Raises dg.Failure where it fails."""
    with step_in_our_words(context.run, None):
        athlete, arguments = athlete_named(settings, context.partition_key), _work(config, context.run)
        own, environment = settings_of(settings, athlete), environment_of(settings, athlete)
        if not athlete.folder.is_dir():
            raise PipelineError(f"The folder of {athlete.name} is missing: {athlete.folder}. Is its disk there?")
    context.instance.add_run_tags(context.run_id, {JOB: config.job})
    log = house_logs(own.logs_dir) / f"{config.job}.log"
    began = datetime.now(UTC)
    code = run_child(sys.executable, arguments, environment, athlete.folder, log, context.log.info)
    ended = datetime.now(UTC)
    metadata: dict[str, Any] = {
        "job": config.job,
        "exit_code": code,
        "began_at": dg.MetadataValue.timestamp(began),
        "ended_at": dg.MetadataValue.timestamp(ended),
        "seconds": (ended - began).total_seconds(),
        "log": dg.MetadataValue.path(str(log)),
    }
    if code == STOPPED:
        tags = {STOPPED_EARLY: "a limit", LIMIT: "day"}
        context.instance.add_run_tags(context.run_id, tags)
    elif code:
        raise dg.Failure(
            f"`{' '.join(arguments)}` of {athlete.name} ended with exit code {code}. Why: {log}, or the runs in "
            f"`strava-pipeline dev --athlete {athlete.name}`.",
            metadata,
            allow_retries=False,
        )
    return dg.MaterializeResult(metadata=metadata)


def _work(config: AthleteRunConfig, run: dg.DagsterRun) -> list[str]:
    """The command's words. On a re-execution it waits, because its earlier process may be about to end."""
    waits = config.job in GIVES_WAY and run.parent_run_id is not None
    return [*WORK[config.job].arguments(config.years), *(["--wait"] if waits else [])]


def _registry_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Keeps the partitions in step with athletes.toml.",
    )
    def registry(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        partitions = _partitions(settings)
        known = set(context.instance.get_dynamic_partitions(str(partitions.name)))
        present = athletes(settings)
        names = {one.name for one in present}
        for one in present:
            if one.name not in known:
                _announce(settings, one)
        changes: list[Any] = [
            *([partitions.build_add_request(sorted(names - known))] if names - known else []),
            *([partitions.build_delete_request(sorted(known - names))] if known - names else []),
        ]
        return dg.SensorResult(dynamic_partitions_requests=changes)

    return registry


def _announce(settings: Settings, athlete: Athlete) -> None:
    """Announce to the ledger an athlete who is to have a daily run, so that no first backfill takes its calls."""
    with suppress(PipelineError):  # the athlete's own runs report such an error
        own = settings_of(settings, athlete)
        if own.data_dir.is_dir() and DAILY in daily_work(own):
            budget_of(STRAVA, own, CallOptions(), system_clock(own)).announce()


Wanted = Iterator[tuple[Job, list[int]]]


def _daily(own: Settings, at: datetime) -> Wanted:
    yield from ((work, []) for work in daily_work(own))


def _profile(own: Settings, at: datetime) -> Wanted:
    if DAILY in daily_work(own):
        yield "profile", []


def _two_years(own: Settings, at: datetime) -> Wanted:
    if DAILY in daily_work(own) and at.day != 1:  # else everything was compared an hour ago
        yield "reconcile", years_without_choice(own, RECONCILE_JOB, at)


def _everything(own: Settings, at: datetime) -> Wanted:
    if DAILY in daily_work(own):
        yield "reconcile", []


def _schedule(
    settings: Settings, name: str, cron: str, wanted: Callable[[Settings, datetime], Wanted], description: str
) -> dg.ScheduleDefinition:
    """A schedule that requests the `wanted` runs of each athlete with usable settings."""

    @dg.schedule(
        name=name,
        job_name=RUN,
        cron_schedule=cron,
        execution_timezone=settings.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING if settings.automation else dg.DefaultScheduleStatus.STOPPED,
        description=description,
    )
    def scheduled(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        fail_dead_runs(context.instance, house_lake(settings))
        at = context.scheduled_execution_time.astimezone(ZoneInfo(settings.timezone))
        present = set(context.instance.get_dynamic_partitions(in_instance(settings, ATHLETES)))
        requests, problems = list[dg.RunRequest](), list[str]()
        for athlete in athletes(settings):
            try:
                asked = list(wanted(settings_of(settings, athlete), at))
            except PipelineError as error:
                problems.append(str(error))
                continue
            if athlete.name in present:
                op, first = in_instance(settings, ATHLETE), wanted is _daily
                requests += [_request(at, op, athlete.name, job, years, first=first) for job, years in asked]
        return requests or dg.SkipReason(" ".join(problems) or "No athlete has a login for it.")

    return scheduled


def _request(at: datetime, op: str, name: str, job: Job, years: list[int], *, first: bool) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{at.isoformat()} {name} {job}",
        partition_key=name,
        run_config={"ops": {op: {CONFIG: {"job": job, "years": years}}}},
        tags=FIRST if first else {},
    )
