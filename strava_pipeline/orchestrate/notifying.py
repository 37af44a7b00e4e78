"""Which notifications the end of a run makes: that it failed, that a limit stopped it, that something new came.

What a notification is, lake/notifications.py says. Errors that are not ours may carry anything, so of these the message names
the type alone (run_log.fault).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from strava_pipeline.core.text import counted
from strava_pipeline.lake.notifications import Notification, notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import end_request
from strava_pipeline.operations.log_files import Outcome
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.tags import REQUEST

Reports = Mapping[str, Mapping[str, Any]]
"""What each asset of a run reported, by asset."""
_CHANGED = (("inserted", "new"), ("updated", "changed"), ("deleted", "deleted"), ("restored", "back again"))


def note_end(
    lake: Lake, run: dg.DagsterRun, ui: str | None, outcome: Outcome, why: str, reports: Reports, at: datetime
) -> None:
    """Keep what a person should know of a run that ended, and how the request ended that it carried out. Args as below."""
    notify_of_run(lake, run, ui, outcome, why, reports, at)
    if (request := run.tags.get(REQUEST)) is not None:
        is_done = outcome.name in ("done", "stopped early")
        end_request(lake, request, "done" if is_done else "failed", at, why or outcome.why, run.run_id)


def notify_of_run(
    lake: Lake, run: dg.DagsterRun, ui: str | None, outcome: Outcome, why: str, reports: Reports, at: datetime
) -> None:
    """Keep the notifications of a run that ended.

    Args:
        ui: the address of Dagster's web interface, where one is running.
        why: the error or the limit in words, where there was one.
    """
    link, at = f"{ui}/runs/{run.run_id}" if ui else "strava-pipeline logs latest", at.astimezone(UTC)
    years = years_in_words(years_of_run(run))
    name = f"{run.job_name} ({years})" if years else run.job_name
    if outcome.name == "failed":
        message = f"The run {name} failed: {why or 'it ended without a word'}"
        notify(lake, "error", message, at, about=f"{run.job_name} {years} {why}", link=link, run_id=run.run_id)
    elif outcome.name == "stopped early":
        message = f"The run {name} stopped early: {why} What was fetched is kept."
        notify(lake, "warning", message, at, about=f"{run.job_name} {why}", link=link, run_id=run.run_id)
    if (news := _news(reports)) is not None and outcome.name in ("done", "stopped early"):
        notify(lake, "info", f"{name}: {news}.", at, link=link, run_id=run.run_id)
    if proposed := reports.get("proposed_changes", {}).get("newly_proposed"):
        message = f"{counted(proposed, 'change')} at your services wait for a yes or a no."
        notify(lake, "info", message, at, link="strava-pipeline changes list", run_id=run.run_id)


def is_about_failure(made: Notification) -> bool:
    """Whether a notification is of a run that failed: the sensor sends messages of its own about these."""
    return made.run_id is not None and made.category == "error"


def _news(reports: Reports) -> str | None:
    """What a run that listed brought into gold, in words; None: nothing, or it listed nothing."""
    if not any("rows_received" in report for report in reports.values()):
        return None
    merged = reports.get("activities", {})
    parts = [f"{merged[key]} {word}" for key, word in _CHANGED if merged.get(key)]
    return f"activities: {', '.join(parts)}" if parts else None
