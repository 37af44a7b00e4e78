"""Sensors that start a run because of incoming data: files in data/inbox/files, imports, webhook events.

A file is imported when it has stopped growing; nothing in the inbox is moved, changed or deleted. An import left
unfinished by a dead run is completed by the next one. Events are handled by operations/events.py.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg

from strava_pipeline.core.providers import spec_of
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.clock import system_clock
from strava_pipeline.ingest.registry import access_problem
from strava_pipeline.lake.bronze.deliveries import are_deliveries_due, has_deliveries, load_queue
from strava_pipeline.lake.gold.event_followup import digest_of_events
from strava_pipeline.lake.gold.publish import is_published
from strava_pipeline.lake.gold.publish_pause import is_looked_after, note_look, pause_ends_at, waiting_years
from strava_pipeline.lake.imports.activities import has_activities
from strava_pipeline.lake.imports.manifests import imports
from strava_pipeline.lake.imports.merge import years_with_unmerged_imports
from strava_pipeline.lake.imports.undo import is_undo_finished
from strava_pipeline.lake.looks import is_anybody_looking
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import limited_until
from strava_pipeline.lake.requests import ImportWanted, Request, open_requests
from strava_pipeline.operations.events import years_behind_events, years_of_events
from strava_pipeline.operations.importing import inbox_marks
from strava_pipeline.operations.step_reports import PUBLISHED
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.asset_jobs import Jobs
from strava_pipeline.orchestrate.job_years import years_without_choice
from strava_pipeline.orchestrate.jobs import (
    FILE_BRONZE,
    IMPORT_ALL_JOB,
    IMPORT_JOB,
    JOBS,
    MATCH_JOB,
    MERGE_FILES_JOB,
    events_job,
)
from strava_pipeline.orchestrate.partitions import run_request
from strava_pipeline.orchestrate.runs import (
    FAILED,
    UNFINISHED,
    ended_at,
    fail_dead_runs,
    is_ours,
    newest,
    our_runs,
    years_of_run,
)
from strava_pipeline.orchestrate.tags import DATA_DIR, HIDDEN, RUN_KEY

TRIES = 3  # of the same imports: what fails thrice is for a person
MOST = 10  # runs for the same imports: what ten did not bring down, an eleventh won't
INTERVAL = 30  # seconds: several events about one activity within it cost one call
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)  # after runs that failed, four times as long each
_AFTER = f"{HIDDEN}imports"  # tag: which imports a merge is of


def inbox_sensor(
    settings: Settings, jobs: Jobs, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    @dg.sensor(
        jobs=[job for job in jobs if job.name in (IMPORT_JOB, MERGE_FILES_JOB)],
        minimum_interval_seconds=60,
        default_status=status,
        description="Takes in what is dropped into data/inbox/files, as soon as it is the same for two looks; and brings "
        "down to the warehouse what was imported and is not there yet.",
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = Lake(settings.data_dir)
        found = _taking_in(context, settings, lake, now())
        if not isinstance(found, str):
            return found
        brought = _bringing_down(context.instance, settings, lake)
        return dg.SkipReason(f"{found} {brought}".strip()) if isinstance(brought, str) else brought

    return inbox


def _taking_in(
    context: dg.SensorEvaluationContext, settings: Settings, lake: Lake, now: datetime
) -> dg.RunRequest | str:
    """The run that imports dropped files, once; or else why there is none."""
    asked_for, dropped = _asked_for(lake, now), _dropped(lake.inbox_files)
    there = {path: _state(lake, path) for path in dropped if not asked_for(path.name)}
    before: dict[str, str] = json.loads(context.cursor or "{}")
    unchanged = [path for path, state in there.items() if before.get(path.name) == state]
    context.update_cursor(json.dumps({path.name: state for path, state in there.items()}))
    if not unchanged:
        if there:
            return "Still growing."
        return "A request takes in what is there." if dropped else ""
    # existing data is recognised, and costs little
    run_key = f"{settings.data_dir} {_digest([f'{path} {there[path]}' for path in unchanged])}"
    if runs := context.instance.get_runs(filters=dg.RunsFilter(tags={RUN_KEY: run_key}), limit=1):
        return f"Run {runs[0].run_id} is of what was dropped: {runs[0].status.value.lower()}."
    paths = [str(path.absolute()) for path in unchanged]
    return run_request(settings, JOBS[IMPORT_JOB], run_key=run_key, config={FILE_BRONZE: {"paths": paths}})


def _bringing_down(instance: dg.DagsterInstance, settings: Settings, lake: Lake) -> dg.RunRequest | str:
    """The run that brings imports to the warehouse; or else why there is none."""
    if not lake.imports.is_dir():
        return "Nothing was imported."
    fail_dead_runs(instance, lake)  # or one of them would be waited for for ever
    at_work = our_runs(instance, lake, dg.RunsFilter(statuses=UNFINISHED))
    for run in at_work:
        if run.job_name in (IMPORT_JOB, MERGE_FILES_JOB, IMPORT_ALL_JOB):
            return f"Run {run.run_id} is at work on imports."
    names = [one.name for one in imports(lake)]
    unread = [name for name in names if not has_activities(lake, name)]
    years = year_range(settings.first_year)
    behind = years_with_unmerged_imports(lake, years)
    waits = lake.publish_waits.exists()
    if not behind and not at_work and not waits and not is_undo_finished(lake):
        behind = {years.newest}  # a run merged last, or undid an import, and died before readers could see it
    if not unread and not behind:
        return "All imports are in the warehouse."
    mark = {DATA_DIR: str(settings.data_dir), _AFTER: _digest(names)}
    job = IMPORT_JOB if unread else MERGE_FILES_JOB
    runs = instance.get_runs_count(dg.RunsFilter(job_name=job, tags=mark))
    failed = instance.get_runs_count(dg.RunsFilter(job_name=job, tags=mark, statuses=FAILED))
    if failed >= TRIES or runs >= MOST:
        return f"{runs} runs of imports, {failed} failed; `strava-pipeline import` of the same shows why."
    years_of_merge = [] if unread else sorted(behind)
    return run_request(settings, JOBS[job], years_of_merge, run_key=f"{job} {mark} {runs + 1}", tags=mark)


def _asked_for(lake: Lake, now: datetime) -> Callable[[str], bool]:
    """Whether an unfinished request imports the file of this name in the inbox: its run reports the result.

    False for all names while no sensor looks for requests.
    """
    requests = open_requests(lake) if is_anybody_looking(lake, now) else ()
    wanted = [each.wanted for each in requests if isinstance(each, Request)]
    asked = [each.names for each in wanted if isinstance(each, ImportWanted)]
    return lambda name: any(not names or name in names for names in asked)


def _dropped(inbox: Path) -> list[Path]:
    return (
        sorted(path for path in inbox.iterdir() if not path.name.startswith(".") and path.exists())
        if inbox.is_dir()
        else []
    )


def _state(lake: Lake, path: Path) -> str:
    """A text that differs as soon as anything in it is written or added, or it is put there again."""
    return _digest(sorted(inbox_marks(lake.inbox_files, path).values()))


def _digest(lines: list[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def webhooks_sensor(
    settings: Settings,
    sources: Sequence[str],
    jobs: Jobs,
    status: dg.DefaultSensorStatus,
    now: Callable[[], datetime],
) -> dg.SensorDefinition:
    """Each source has its own runs, so that a limit or a failure of one keeps no other waiting."""
    names = {events_job(source).name for source in sources}

    @dg.sensor(
        jobs=[job for job in jobs if job.name in names],
        minimum_interval_seconds=INTERVAL,
        default_status=status,
        description="Follows webhook events: asks for what changed, marks what is gone.",
    )
    def webhooks(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        why, broken, asked = list[str](), list[Exception](), False
        for source in sources:
            try:
                found = _following(context, settings, source, now())
            except Exception as error:  # noqa: BLE001 - raised below: the others' runs come first
                broken.append(error)
                continue
            if isinstance(found, str):
                why.append(f"{spec_of(source).title}: {found}")
            else:
                asked = True
                yield found
        if broken and not asked:
            raise broken[0]
        if not asked:
            yield dg.SkipReason(" ".join(why))

    return webhooks


def _following(
    context: dg.SensorEvaluationContext, settings: Settings, source: str, at: datetime
) -> dg.RunRequest | str:
    """The run that follows the events of a source; or else why there is none."""
    lake, job, spec = Lake(settings.data_dir), events_job(source), spec_of(source)
    if load_queue(lake, source) is None and not has_deliveries(lake, source):
        return "no event ever came."
    if reason := access_problem(source, settings):
        return reason
    failed, rest = _failed_before(context.instance, lake, job.name, at, "them")
    if rest is not None:
        return rest
    if (limited := limited_until(lake, source)) is not None and limited > at:
        return f"a limit lasts until {limited:%H:%M} UTC."
    if "details" in spec.capabilities:
        years = sorted(_years_of_details(context, settings, source, failed, at))
    else:
        is_due = failed or are_deliveries_due(lake, source, at)
        years = years_without_choice(settings, job.name, at) if is_due else []
    if not years:
        return "every event was followed, or waits for its time."
    # it is left to `publishing` to publish soon after another run did
    return run_request(settings, job, years, config={PUBLISHED: {"pause_minutes": settings.publish_minutes}})


def _years_of_details(
    context: dg.SensorEvaluationContext,
    settings: Settings,
    source: str,
    failed: Sequence[dg.RunRecord],
    at: datetime,
) -> set[int]:
    """The partitions that events concern, or that lack their results."""
    lake, years = Lake(settings.data_dir), year_range(settings.first_year)
    behind = years_of_events(source, settings, years, system_clock(settings, lambda: at))
    digest = digest_of_events(lake)  # of Strava's events, the only ones that are followed one by one
    if digest != context.cursor:  # else no event came since all were in gold
        lacking = years_behind_events(lake, years, may_wait=True)
        behind |= lacking
        context.update_cursor(context.cursor if lacking else digest)
    if failed:
        behind |= {*years_of_run(failed[0].dagster_run)}
    return behind if is_looked_after(lake, at) else behind | waiting_years(lake)


def publishing_sensor(
    settings: Settings, status: dg.DefaultSensorStatus, now: Callable[[], datetime]
) -> dg.SensorDefinition:
    """The sensor for postponed publishing. It asks no service, so it needs no login. While it does not run, nothing is
    postponed.
    """

    @dg.sensor(
        job_name=MATCH_JOB,
        minimum_interval_seconds=120,
        default_status=status,
        description="Publishes what webhook events changed, when the pause after the last publish is over.",
    )
    def publishing(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake, at = Lake(settings.data_dir), now()
        note_look(lake, at)
        years = waiting_years(lake)
        if not years:
            return dg.SkipReason("Nothing waits to be published.")
        again = pause_ends_at(lake, timedelta(minutes=settings.publish_minutes), at)
        if again and not is_published(lake):  # else another run did, and only insights are left
            return dg.SkipReason(f"What waits is published at {again:%H:%M:%S} UTC.")
        _, rest = _failed_before(context.instance, lake, MATCH_JOB, at, "it")
        if rest is not None:
            return dg.SkipReason(rest)
        return run_request(settings, JOBS[MATCH_JOB], sorted(years))

    return publishing


def _failed_before(
    instance: dg.DagsterInstance, lake: Lake, job_name: str, now: datetime, work: str
) -> tuple[list[dg.RunRecord], str | None]:
    """The runs of a job that failed since the last success, newest first, and why none may begin now, if so.

    The reason is a run at work on `work`, or the pause after the last failure.
    """
    fail_dead_runs(instance, lake)  # or one of them would be waited for for ever
    if at_work := newest(instance, lake, job_name, UNFINISHED):
        return [], f"Run {at_work.dagster_run.run_id} is at work on {work}."
    failed = _failed_in_a_row(instance, lake, job_name)
    if failed and now < (again := ended_at(failed[0]) + _pause(len(failed))):
        return failed, f"The last run failed; the next try is at {again:%H:%M} UTC."
    return failed, None


def _failed_in_a_row(instance: dg.DagsterInstance, lake: Lake, job_name: str) -> list[dg.RunRecord]:
    """The runs of a job that failed since the last success, newest first."""
    failed = []
    for record in instance.get_run_records(dg.RunsFilter(job_name=job_name), limit=10):
        if is_ours(record.dagster_run, lake):
            if record.dagster_run.status not in FAILED:
                break
            failed.append(record)
    return failed


def _pause(failures: int) -> timedelta:
    return min(FIRST_PAUSE * int(4 ** (failures - 1)), LONGEST_PAUSE)
