"""The steps of a run for activity trips. Each does and reports; the work is operations.py's.

No report holds a position, a device's detail or free text.
"""

from collections.abc import Sequence
from typing import Any

from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.step_reports import (
    ROWS,
    StepReport,
    if_any,
    table_report,
    timed,
)
from strava_pipeline.settings import Settings
from strava_pipeline.trips.activity.operations import (
    NO_SOURCE,
    TripsUpdate,
    diagnose_trips,
    replay_trips,
    update_trip_index,
)
from strava_pipeline.trips.activity.tables import TRIP_DIAGNOSTICS, TRIP_INDEX, TRIP_REPLAY


def index_trips(run: RunContext, settings: Settings, years: Sequence[int], *, allow_shrink: bool) -> StepReport:
    """Read which activity trips there are. `allow_shrink`: a person means what the source lacks."""
    with timed() as seconds:
        update = update_trip_index(run, settings, years, allow_shrink=allow_shrink)
    return _trips(TRIP_INDEX.name, update, years, seconds.value)


def judge_trips(run: RunContext, settings: Settings, years: Sequence[int], *, allow_shrink: bool) -> StepReport:
    """Measure and judge the activity trips of `years`. `allow_shrink`: a person means what the source lacks."""
    with timed() as seconds:
        update = diagnose_trips(run, settings, years, allow_shrink=allow_shrink)
    return _trips(TRIP_DIAGNOSTICS.name, update, years, seconds.value)


def _trips(table: str, update: TripsUpdate, years: Sequence[int], seconds: float) -> StepReport:
    read = update.read
    if read is None:
        return StepReport(table, {"skipped": NO_SOURCE}, findings=update.findings)
    counts: dict[str, Any] = {
        "seconds": seconds,
        "inserted": read.changed.inserted,
        "updated": read.changed.updated,
        "deleted": read.changed.deleted,
    }
    if read.tally.trips:
        counts |= if_any(keys_used=read.tally.keys_used, payloads_by_state=read.tally.counts)
    return table_report(table, counts, read.rows, years, update.findings)


def replay_all_trips(run: RunContext, settings: Settings) -> StepReport:
    """Every version of the algorithms over all activity trips."""
    with timed() as seconds:
        replay = replay_trips(run, settings)
    counts = {ROWS: len(replay.totals), **if_any(totals_by_algorithm=replay.totals), "seconds": seconds.value}
    return StepReport(TRIP_REPLAY.name, counts, findings=replay.findings)
