"""Fetch and land the athlete and gear. A limit ends the work early and is told in the report. No Dagster objects."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from strava_pipeline.core.errors import (
    BudgetExhaustedError,
    CallCapReachedError,
    GoneError,
    RefusedError,
    TransientError,
)
from strava_pipeline.lake.bronze.answers import gear_folder, land_athlete, land_gear
from strava_pipeline.lake.bronze.landing import require_writable
from strava_pipeline.operations.options import CallOptions
from strava_pipeline.operations.pulling import Stopped
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.strava_source import StravaSource


@dataclass(slots=True)
class ProfileReport:
    """What became of the athlete and the gear asked for. One that `failed` doesn't keep the others from being asked."""

    calls: int = 0
    failed: list[str] = field(default_factory=list)
    stopped: Stopped | None = None


def pull_profile(
    run: RunContext, source: StravaSource, gear_ids: Sequence[str], limits: CallOptions, *, athlete: bool
) -> ProfileReport:
    """Fetch the athlete and the gear named, each landed at once."""
    report = ProfileReport()
    client = source.client(limits)
    calls = client.calls
    try:
        if athlete:
            require_writable(run.lake, run.lake.athlete)
            try:
                with client.landing():
                    answer = client.get_athlete()
                    land_athlete(run.lake, answer.body, answer.fetched_at)
            except (TransientError, RefusedError, GoneError):
                report.failed.append("athlete")
        for gear_id in gear_ids:
            require_writable(run.lake, gear_folder(run.lake, gear_id))
            try:
                with client.landing():
                    answer = client.get_gear(gear_id)
                    land_gear(run.lake, gear_id, answer.body, answer.fetched_at)
            except GoneError as error:
                land_gear(run.lake, gear_id, error.body, run.now(), gone=True)
            except (TransientError, RefusedError):
                report.failed.append(gear_id)
    except (BudgetExhaustedError, CallCapReachedError) as error:
        report.stopped = error
    report.calls = client.calls - calls
    return report
