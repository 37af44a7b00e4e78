"""What a person drops into data/inbox/files: taken in when it has stopped growing. Nothing there is moved, changed or deleted.

And whatever was imported, however, and has not come down to the warehouse: a run that died in the middle is made up for.
"""

import hashlib
import json
from pathlib import Path

import dagster as dg

from strava_pipeline.lake.imported import is_made
from strava_pipeline.lake.imports import imports
from strava_pipeline.lake.imports_behind import years_behind_imports
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.undoing import is_finished
from strava_pipeline.operations.inbox_marks import inbox_marks
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.asset_jobs import asset_jobs
from strava_pipeline.orchestrate.janitor import fail_dead_runs
from strava_pipeline.orchestrate.jobs import FILE_BRONZE, IMPORT_JOB, JOBS, MERGE_FILES_JOB
from strava_pipeline.orchestrate.partitions import range_tags
from strava_pipeline.orchestrate.runs import UNFINISHED, is_ours
from strava_pipeline.orchestrate.tags import DATA_DIR
from strava_pipeline.settings import Settings

TRIES = 3  # of the same imports: what fails thrice is for a person
MOST = 10  # runs for the same imports: what ten did not bring down, an eleventh won't


def inbox_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="inbox",
        job_name=IMPORT_JOB,
        minimum_interval_seconds=30,
        default_status=status,
        description="Takes in what is dropped into data/inbox/files, as soon as it is the same for two looks.",
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = Lake(settings.data_dir)
        there = {path: _state(lake, path) for path in _dropped(lake.inbox_files)}
        before: dict[str, str] = json.loads(context.cursor or "{}")
        settled = [path for path, state in there.items() if before.get(path.name) == state]
        context.update_cursor(json.dumps({path.name: state for path, state in there.items()}))
        if not settled:
            return dg.SkipReason("Still growing." if there else f"Nothing in {lake.inbox_files}.")
        key = _digest([f"{path} {there[path]}" for path in settled])  # what is there already is known, and costs little
        return dg.RunRequest(
            job_name=IMPORT_JOB,
            run_key=f"{settings.data_dir} {key}",
            run_config=JOBS[IMPORT_JOB].run_config(
                **{FILE_BRONZE: {"paths": [str(path.absolute()) for path in settled]}}
            ),
            tags={DATA_DIR: str(settings.data_dir)},
        )

    return inbox


def imported_sensor(settings: Settings, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="imported",
        jobs=[job for job in asset_jobs() if job.name in (IMPORT_JOB, MERGE_FILES_JOB)],
        minimum_interval_seconds=30,
        default_status=status,
        description="Brings down to the warehouse what was imported and is not there yet.",
    )
    def imported(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = Lake(settings.data_dir)
        if not lake.imports.is_dir():
            return dg.SkipReason("Nothing was imported.")
        fail_dead_runs(context.instance, lake)  # or one of them would be waited for for ever
        at_work = [
            run for run in context.instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)) if is_ours(run, lake)
        ]
        for run in at_work:
            if run.job_name in (IMPORT_JOB, MERGE_FILES_JOB):
                return dg.SkipReason(f"Run {run.run_id} is at work on it.")
        names = [one.name for one in imports(lake)]
        unread = [name for name in names if not is_made(lake, name)]
        years = year_range(settings.first_year)
        behind = years_behind_imports(lake, years)
        if not behind and not at_work and not is_finished(lake):
            behind = {years.newest}  # who merged it last, or undid an import, died before readers could see it
        if not unread and not behind:
            return dg.SkipReason("All of it is in the warehouse.")
        mark = {DATA_DIR: str(settings.data_dir), _AFTER: _digest(names)}
        job = IMPORT_JOB if unread else MERGE_FILES_JOB
        made = context.instance.get_runs_count(dg.RunsFilter(job_name=job, tags=mark))
        failed = context.instance.get_runs_count(dg.RunsFilter(job_name=job, tags=mark, statuses=_FAILED))
        if failed >= TRIES or made >= MOST:
            return dg.SkipReason(f"{made} runs of it, {failed} failed; `strava-pipeline import` of the same shows why.")
        return dg.RunRequest(
            job_name=job,
            run_key=f"{job} {mark} {made + 1}",
            tags=mark | ({} if unread else range_tags(sorted(behind))),
        )

    return imported


_FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_AFTER = "strava_pipeline/imports"  # tag: which imports a merge is of


def _dropped(inbox: Path) -> list[Path]:
    return (
        sorted(path for path in inbox.iterdir() if not path.name.startswith(".") and path.exists())
        if inbox.is_dir()
        else []
    )


def _state(lake: Lake, path: Path) -> str:
    """What differs as soon as anything in it is written or added, or it is put there again."""
    return _digest(sorted(inbox_marks(lake.inbox_files, path).values()))


def _digest(lines: list[str]) -> str:
    return hashlib.blake2b("\n".join(lines).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
