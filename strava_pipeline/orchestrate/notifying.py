"""The notifications at the end of a run: that it failed, that a limit stopped it, that something new came.

lake/notifications.py defines a notification. Foreign errors may contain anything, so the message names only their types
(failures.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from strava_pipeline.core.text import counted, printable
from strava_pipeline.core.wellness import days_in_words
from strava_pipeline.lake.notifications import Notification, notify
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import end_request
from strava_pipeline.operations.log_files import Outcome
from strava_pipeline.operations.map_region import MAP_REGION, RegionReport
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.job_records import plain_name
from strava_pipeline.orchestrate.runs import years_of_run
from strava_pipeline.orchestrate.tags import REQUEST

MOST_NAMED = 10  # files that the message of a request names; the table `files` has all
Reports = Mapping[str, Mapping[str, Any]]
"""The reports of a run, by asset."""
_CHANGED = (("inserted", "new"), ("updated", "changed"), ("deleted", "deleted"), ("restored", "back again"))


def note_end(
    lake: Lake, run: dg.DagsterRun, ui: str | None, outcome: Outcome, why: str, reports: Reports, at: datetime
) -> None:
    """Store a notification about a run that ended, and the end of its request, if it has one.

    Args:
        ui: the address of Dagster's web interface, if one is running.
        why: the error or the limit in words, if any.
    """
    link, at = f"{ui}/runs/{run.run_id}" if ui else "strava-pipeline logs latest", at.astimezone(UTC)
    is_done = outcome.name in ("done", "stopped early")
    years = years_in_words(years_of_run(run))
    job = plain_name(run.job_name)
    name = f"{job} ({years})" if years else job
    if outcome.name == "failed":
        message = f"The run {name} failed: {why or 'it ended without a word'}"
        notify(lake, "error", message, at, about=f"{job} {years} {why}", link=link, run_id=run.run_id)
    elif outcome.name == "stopped early":
        message = f"The run {name} stopped early: {why} What was fetched is kept."
        notify(lake, "warning", message, at, about=f"{job} {why}", link=link, run_id=run.run_id)
    if (news := _news(reports)) is not None and is_done:
        notify(lake, "info", f"{name}: {news}.", at, link=link, run_id=run.run_id)
    if proposed := reports.get("proposed_changes", {}).get("newly_proposed"):
        message = f"{counted(proposed, 'change')} at your services to decide about."
        notify(lake, "info", message, at, link="strava-pipeline changes list", run_id=run.run_id)
    if (request := run.tags.get(REQUEST)) is not None:
        message = why or outcome.why or (_taken_in(reports) if is_done else "")
        end_request(lake, request, "done" if is_done else "failed", at, message, run.run_id)


def _taken_in(reports: Reports) -> str:
    """The results of an import, with exclusions and their reasons; empty if a run imported no files."""
    if said := reports.get(MAP_REGION):
        return str(RegionReport(**{each.name: said[each.name] for each in fields(RegionReport)}))
    landed, read = reports.get("bronze_files"), reports.get("file_readings", {})
    if landed is None:
        return ""
    files, rows = landed["new_files"], counted(read.get("activities", 0), "row")
    came = f"{counted(files, 'file')} came in, with {rows} of new or known activities." if files else "No file came in."
    rest = {"Here already": landed["dagster/row_count"] - files, "Of purged activities": landed.get("purged_files")}
    unsupported = [
        f"{printable(name)} (it is of a kind that is not read)" for name in landed.get("unsupported_files", ())
    ]
    problems = [*landed.get("first_problems", ()), *read.get("first_problems", ())]
    left_out, faulty = landed.get("unsupported", 0), landed.get("problems", 0) + read.get("files_with_problems", 0)
    others = sum(landed.get("left_out_by_kind", {}).values()) - left_out
    of_archives = f"{counted(others, 'other file')} of archives and folders held no activities." if others > 0 else ""
    parts = [
        came,
        *(f"{what}: {counted(number, 'file')}." for what, number in rest.items() if number),
        _first_of("Left out", unsupported, left_out),
        _first_of("With problems", problems, faulty),
        of_archives,
        f"{days}." if (days := _days(reports)) else "",
    ]
    return " ".join(filter(None, parts))


def _first_of(title: str, examples: Sequence[str], count: int) -> str:
    """The first few examples in a sentence, and how many more there are; empty without any."""
    shown = examples[:MOST_NAMED]
    more = f"; and {count - len(shown)} more" if count > len(shown) else ""
    text = f"{title}: {'; '.join(shown)}{more}"
    return (text if text.endswith(".") else f"{text}.") if shown else ""


def is_about_failure(made: Notification) -> bool:
    """Whether a notification is about a failed run, for which the sensor sends its own messages."""
    return made.run_id is not None and made.category == "error"


def _news(reports: Reports) -> str | None:
    """A listing run's news for gold, in words, or None if there are none, or it listed nothing."""
    if not any("rows_received" in report for report in reports.values()):
        return None
    merged = reports.get("activities", {})
    parts = [f"{merged[key]} {word}" for key, word in _CHANGED if merged.get(key)]
    return "; ".join(filter(None, [f"activities: {', '.join(parts)}" if parts else "", _days(reports)])) or None


def _days(reports: Reports) -> str:
    """How many days and nights came in the run, in words."""
    return days_in_words(max((report.get("days_merged", 0) for report in reports.values()), default=0))
