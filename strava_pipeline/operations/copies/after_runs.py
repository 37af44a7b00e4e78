"""The second copy at the end of a run that published. Whatever happens to it, the run itself is done."""

from strava_pipeline.core.errors import PipelineError, told
from strava_pipeline.lake.notifications import notify
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import StepReport, timed
from strava_pipeline.operations.table_rules import Finding
from strava_pipeline.settings import Settings

SECOND_COPY, COPIED = "second_copy", "copied"  # the asset, and its check


def copy_after_run(run: RunContext, settings: Settings) -> StepReport:
    """Bring the copy up to date. Where that fails, the check says why, and a notification does once a day."""
    try:
        from strava_pipeline.operations.copies.mirroring import mirror  # not without the extra `mirror`

        with timed() as seconds:
            done = mirror(run, settings)
    except (PipelineError, OSError) as error:
        message = f"The second copy could not be brought up to date: {told(error)}"
        notify(
            run.lake, "warning", message, run.now(), about=SECOND_COPY, link="strava-pipeline mirror", run_id=run.run_id
        )
        return StepReport(SECOND_COPY, _numbers(0, 0, 0), complete=Finding(COPIED, False, advice=message))
    numbers = _numbers(done.files, done.bytes, sum(done.calls.values())) | {"seconds": seconds.value}
    return StepReport(SECOND_COPY, numbers, complete=Finding(COPIED, True))


def _numbers(files: int, size: int, calls: int) -> dict[str, int | float]:
    return {"files_copied": files, "bytes_copied": size, "store_calls": calls}
