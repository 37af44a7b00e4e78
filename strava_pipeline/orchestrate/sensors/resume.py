"""Resumes runs that a limit stopped, as soon as the limit's next window is open, until nothing is left.

It asks the shared ledger, so looking costs no call. One run at a time, the newest year first: a second would only share
the same calls. A run that a person capped with `--max-calls`, or started by hand (`enrich`), is left to that person.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterEventType

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.sources import STRAVA
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import ServerClock, system_clock
from strava_pipeline.ingest.registry import missing_login
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import limited_until
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.source import budget_of
from strava_pipeline.orchestrate.asset_jobs import Jobs
from strava_pipeline.orchestrate.config import DetailsConfig, ListingConfig, StreamsConfig
from strava_pipeline.orchestrate.job_records import Job
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    JOBS,
    LISTING,
    PULL_JOB,
    STREAMS,
    events_job,
    job_as_set_up,
    own_assets,
    provider_listing,
    resolved,
)
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import (
    RESUMABLE,
    UNFINISHED,
    assets_of,
    config_of,
    fail_dead_runs,
    is_done,
    is_ours,
    job_of,
    our_runs,
    waiting_runs,
    years_of_run,
)
from strava_pipeline.orchestrate.schedules import no_login
from strava_pipeline.orchestrate.tags import DATA_DIR, LAST, NO_LIMIT, PARTITION, RESUMES, limit_tag


def resume_sensor(
    settings: Settings, jobs: Jobs, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        jobs=[job for job in jobs if job.name in RESUMABLE],
        minimum_interval_seconds=300,
        default_status=status,
        description="Goes on with what one of Strava's limits stopped, once calls can be made again.",
    )
    def resume(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if skip := no_login(settings):
            return skip
        lake = Lake(settings.data_dir)
        clock = system_clock(settings, now)
        stopped = waiting_runs(context.instance, lake, clock.now())
        if not stopped:
            return dg.SkipReason("Nothing waits for a limit.")
        fail_dead_runs(context.instance, lake)  # or one of them would be taken to be at work for ever
        unfinished = our_runs(context.instance, lake, dg.RunsFilter(statuses=UNFINISHED))
        if at_work := next((run.run_id for run in unfinished if RESUMES in run.tags), None):
            return dg.SkipReason(f"Run {at_work} goes on with what a limit stopped; {len(stopped)} more wait.")
        for run in stopped:
            rest = _rest(context.instance, run)
            if _is_open(settings, run, rest, clock):
                return _again(context.instance, lake, run, rest)
        return dg.SkipReason(f"{len(stopped)} runs wait for the limit's next window.")

    return resume


def _is_open(settings: Settings, run: dg.DagsterRun, rest: frozenset[str], clock: ServerClock) -> bool:
    """Whether a call may be made under every ceiling, with the reserve that the run would leave to others."""
    return budget_of(STRAVA, settings, _first_to_call(run, rest), clock).is_worth_a_run()


def _first_to_call(run: dg.DagsterRun, rest: frozenset[str]) -> CallOptions:
    """The options of the first asset that will make calls: its limits are the whole run's."""
    config, job = _config(run, rest), job_of(run)
    if LISTING in rest:
        return resolved(ListingConfig(**config.get(LISTING, {})), job, LISTING)
    if DETAILS not in rest:
        return StreamsConfig(**config.get(STREAMS, {}))
    return resolved(DetailsConfig(**config.get(DETAILS, {})), job, DETAILS)


def _again(instance: dg.DagsterInstance, lake: Lake, run: dg.DagsterRun, rest: frozenset[str]) -> dg.RunRequest:
    """The same job, years and config. If the listing was complete, only details are fetched, so that it is not paid for twice.

    A run of a backfill launched from the asset graph is of Dagster's implicit job, which no sensor with jobs can ask
    for ("Expected one of …", Dagster 1.13). The job `backfill` with the same year and selection does the same: see
    jobs.resolved. It carries no `dagster/backfill` tag: a backfill that is over would keep Dagster from retrying it.
    """
    job = job_of(run)
    assets = [name for name in JOBS[job].assets if name in rest]
    return _request(lake, run, job, assets, _config(run, rest), f"resumes {run.run_id} {_tries(instance, run)}")


def _request(
    lake: Lake, run: dg.DagsterRun, job: str, assets: Iterable[str], config: Mapping[str, Any], run_key: str
) -> dg.RunRequest:
    """A run of the job for these assets and the years of `run`, which it resumes; any other run goes first."""
    years = years_of_run(run)
    return dg.RunRequest(
        run_key=run_key,
        job_name=job,
        asset_selection=[dg.AssetKey(name) for name in assets],
        run_config={"ops": {name: {"config": each} for name, each in config.items()}},
        tags={
            RESUMES: run.run_id,
            DATA_DIR: str(lake.data_dir),
            **LAST,
            **(range_tags(years) if len(years) > 1 else {PARTITION: str(years[0])}),
        },
    )


def _tries(instance: dg.DagsterInstance, run: dg.DagsterRun, job: str | None = None) -> int:
    """How many runs (None: of any job) resumed it: one of several services may resume each of them."""
    return instance.get_runs_count(dg.RunsFilter(job_name=job, tags={RESUMES: run.run_id}))


def _rest(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[str]:
    """The assets still to be made."""
    assets = frozenset(assets_of(run))
    return assets.intersection(JOBS["enrich"].assets) if DETAILS in assets and _listed(instance, run) else assets


def _config(run: dg.DagsterRun, rest: frozenset[str]) -> dict[str, dict[str, Any]]:
    """The config of the remaining assets. The reserve of the listing is the details' reserve, too."""
    config = _without_consent(run, rest)
    listing = config_of(run).get(LISTING, {})
    kept = {name: listing[name] for name in ("cushion_15min", "cushion_daily") if listing.get(name) is not None}
    if kept and LISTING not in rest:
        config[DETAILS] = kept | config.get(DETAILS, {})
    return config


def _without_consent(run: dg.DagsterRun, assets: Collection[str]) -> dict[str, dict[str, Any]]:
    """The run's config of these assets, without the consent to a shrink: it was given for another listing."""
    config = {name: {**own} for name, own in config_of(run).items() if name in assets}
    config.get("activities", {}).pop("allow_shrink", None)
    return config


def _listed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether its listing is complete, or it had none."""
    if LISTING not in assets_of(run):
        return True
    entries = instance.all_logs(run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [entry.dagster_event.asset_check_evaluation_data for entry in entries if entry.dagster_event]
    return any(check.check_name == "listing_complete" and check.passed for check in checks)


MARGIN = timedelta(minutes=1)  # between the end of a limit and the next call, because clocks differ


def provider_resume_sensor(
    settings: Settings, provider: str, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    """Resumes runs stopped by a limit of a provider other than Strava; one run at a time, the newest year first."""
    title = spec_of(provider).title

    @dg.sensor(
        name=f"resume_{provider}",
        job_name=provider,
        minimum_interval_seconds=600,  # its limits last from a quarter of an hour to a day
        default_status=status,
        description=f"Goes on with what a limit of {title} stopped, once calls can be made again.",
    )
    def resume(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake, instance = Lake(settings.data_dir), context.instance
        stopped = _stopped_by_provider(instance, lake, provider)
        if not stopped:
            return dg.SkipReason(f"Nothing waits for a limit of {title}.")
        until = limited_until(lake, provider)
        if until is not None and now() < until + MARGIN:
            return dg.SkipReason(f"{title} lets no calls through until {until:%Y-%m-%d %H:%M} UTC.")
        if reason := missing_login(provider, settings):
            return dg.SkipReason(reason)
        fail_dead_runs(instance, lake)  # or one of them would be taken to be at work for ever
        if our_runs(instance, lake, dg.RunsFilter(job_name=provider, statuses=UNFINISHED)):
            return dg.SkipReason("A run of the job is at work.")
        return _provider_again(lake, job_as_set_up(settings, provider), stopped[0])

    return resume


def _stopped_by_provider(instance: dg.DagsterInstance, lake: Lake, provider: str) -> list[dg.DagsterRun]:
    """The runs that a limit of the provider stopped and that nothing resumed, the newest year first.

    A pull from the watermark also does the rest of earlier ones of the same years, unless it fails.
    """
    tags = {limit_tag(provider): [*own_assets(provider)]}
    stopped = instance.get_run_records(dg.RunsFilter(statuses=_ENDED, tags=tags))
    records = [
        record for record in stopped if is_ours(record.dagster_run, lake) and _may_go_on(record.dagster_run, provider)
    ]
    waiting: list[dg.DagsterRun] = []
    pulls = [
        record
        for job in ((provider, PULL_JOB) if records else ())
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_NOT_FAILED), limit=_PULLS)
        if _is_incremental(record.dagster_run, provider) and is_ours(record.dagster_run, lake)
    ]
    for record in records:
        run = record.dagster_run
        later = _later_pulls(record, pulls) if _is_incremental(run, provider) else []
        is_done = any(pull.is_finished for pull in later)
        if is_done or not years_of_run(run) or _tries(instance, run, provider):
            instance.add_run_tags(run.run_id, {limit_tag(provider): NO_LIMIT})  # never to be looked at again
        elif not later:
            waiting.append(run)
    return sorted(waiting, key=lambda run: max(years_of_run(run)), reverse=True)


_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
_NOT_FAILED = [dg.DagsterRunStatus.SUCCESS, *UNFINISHED]


def _may_go_on(run: dg.DagsterRun, provider: str) -> bool:
    """Whether the run did not fail, or is of several services, so that another one may have failed.

    Runs for webhooks are resumed by their own sensor.
    """
    if run.job_name == events_job(provider).name:
        return False
    return is_done(run) or run.job_name != provider


_PULLS = 50  # runs of each job to look through for later pulls: those of a backfill may stand before them


def _later_pulls(record: dg.RunRecord, pulls: Sequence[dg.RunRecord]) -> list[dg.DagsterRun]:
    """Those of `pulls` that came after the run and whose years reach as far back."""
    later = [pull.dagster_run for pull in pulls if pull.storage_id > record.storage_id]
    first = min(years_of_run(record.dagster_run), default=0)
    return [pull for pull in later if years_of_run(pull) and min(years_of_run(pull)) <= first]


def _is_incremental(run: dg.DagsterRun, provider: str) -> bool:
    return bool(config_of(run).get(provider_listing(provider), {}).get("mode") == "incremental")


def _provider_again(lake: Lake, job: Job, run: dg.DagsterRun) -> dg.RunRequest:
    """The service's job for the same years with the same config. A complete listing is not repeated."""
    listing = provider_listing(job.name)
    assets = [name for name in job.assets if not run.asset_selection or name in assets_of(run)]
    if run.tags[limit_tag(job.name)] != listing:
        assets = [name for name in assets if name != listing]
    return _request(lake, run, job.name, assets, _without_consent(run, assets), f"resumes {run.run_id}")
