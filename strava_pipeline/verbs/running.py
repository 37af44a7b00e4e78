"""Running a job for a verb: who else is at work, the run itself, gear that appeared, and what is said at the end."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import typer

from strava_pipeline.lake.counts import unknown_gear
from strava_pipeline.lake.imported import all_listings
from strava_pipeline.lake.locks import holder, locked_or_none
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.orchestrate.execute import RunOutcome, run_job
from strava_pipeline.orchestrate.jobs import NEW_GEAR_JOB
from strava_pipeline.orchestrate.partitions import year_range
from strava_pipeline.orchestrate.progress import LogProgress
from strava_pipeline.orchestrate.resources import FLOW_LOCK, Pipeline
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.run_lines import run_line
from strava_pipeline.verbs.terminal import err, out, progress_for_terminal, say_left_out

STOPPED = 3


def run_verb(
    settings: Settings,
    job: str,
    *,
    years: Sequence[int] | None,
    told: dict[str, dict[str, Any]] | None = None,
    wait: bool = True,
    verbose: bool = False,
) -> RunOutcome | None:
    """Run `job` and print what came of it. None: another run is at work and `wait` is off."""
    lake = Lake(settings.data_dir)
    with nullcontext(True) if wait else locked_or_none(lake, FLOW_LOCK, who=job) as free:  # held until the run has it
        if not free:
            out.print(f"Already at work: {holder(lake, FLOW_LOCK)}. Nothing to do here; --wait waits for it.")
            return None
        outcome = run_job(
            settings,
            job,
            years=years,
            told=told,
            progress_of=progress_for_terminal(),
            log_level="INFO" if verbose else "CRITICAL",
        )
    say(outcome)
    return outcome


def what_is_left(limits: dict[str, Any], outcome: RunOutcome | None) -> dict[str, Any]:
    """The verb's limits after a run: its calls are taken off `max_calls`."""
    if outcome is None or limits.get("max_calls") is None:
        return limits
    made = sum(told.get("calls", 0) for told in outcome.metadata.values())
    return {**limits, "max_calls": max(limits["max_calls"] - made, 0)}


def fetch_new_gear(settings: Settings, outcome: RunOutcome | None, limits: dict[str, Any]) -> RunOutcome | None:
    """Gear that an activity names and nobody fetched yet: a call each, unless a limit was met before.

    `limits`: what is left of the verb's own (max_calls, cushions). Returns the run, if there was one.
    """
    if outcome is None or outcome.stopped_early:
        return None
    with reading(Lake(settings.data_dir)) as connection:
        missing = unknown_gear(connection)
    if not missing:
        return None
    fetched = run_job(settings, NEW_GEAR_JOB, years=None, told={"gear": limits}, progress_of=progress_for_terminal())
    say(fetched)
    return fetched


def say(outcome: RunOutcome) -> None:
    """One line per stage, what is still missing, and when it goes on after a limit."""
    for asset, metadata in outcome.metadata.items():
        if line := run_line(asset, metadata):
            out.print(line)
        say_left_out(metadata.get("views_left_out", {}))
        _say_held_back(metadata.get("held_back", {}))
        _say_left_out_of_import(metadata)
    if outcome.stopped_early:
        err.print(
            f"Stopped early. {outcome.stopped_early} What was fetched is kept; the same command goes on.",
            style="yellow",
        )


def _say_left_out_of_import(told: Mapping[str, Any]) -> None:
    if unknown := told.get("unknown_columns_and_sports"):
        err.print(f"  Columns or sports that are not known; kept as they are: {', '.join(unknown)}", style="yellow")
    for problem in told.get("first_problems", []):
        err.print(f"  {problem}", style="yellow")
    if told.get("healed_files"):
        err.print(
            f"Damaged or lost files that are back: {told['healed_files']}. `strava-pipeline rebuild` brings down what they hold.",
            style="yellow",
        )


def _say_held_back(held: Mapping[str, str]) -> None:
    for year, missing in held.items():
        err.print(
            f"{year}: the listing lacks {missing} activities, too much to be believed, so nothing was marked as deleted. Look "
            f"at Strava; if that is meant: strava-pipeline reconcile --years {year} --allow-shrink",
            style="yellow",
        )


def end(*outcomes: RunOutcome | None) -> None:
    """Exit code 3 where a limit ended the work early."""
    if any(outcome is not None and outcome.stopped_early for outcome in outcomes):
        raise typer.Exit(STOPPED)


def quiet_pipeline(settings: Settings) -> Pipeline:
    """For verbs that only look: settings, lake and clock, without a run."""
    return Pipeline(settings, LogProgress(logging.getLogger(__name__)))


def all_years(settings: Settings) -> list[int]:
    return year_range(settings.first_year).all


def lake_years(settings: Settings) -> list[int]:
    """The years of which anything was listed, to the newest; all where nothing was."""
    years = all_years(settings)
    first = min(
        (year for listing in all_listings(Lake(settings.data_dir)) for year in listing.manifest.years), default=years[0]
    )
    return [year for year in years if year >= first]
