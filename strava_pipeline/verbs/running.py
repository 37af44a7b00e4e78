"""Running a job for a verb: who else is at work, the run itself, gear that appeared, and what is said at the end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import typer

from strava_pipeline.lake.counts import unknown_gear
from strava_pipeline.lake.locks import holder, locked_or_none
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.warehouse import reading
from strava_pipeline.operations.strava_source import FLOW_LOCK
from strava_pipeline.orchestrate.jobs import NEW_GEAR_JOB
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.echo import echo_json
from strava_pipeline.verbs.run_job import RunOutcome, run_job
from strava_pipeline.verbs.run_json import shape
from strava_pipeline.verbs.run_lines import run_line
from strava_pipeline.verbs.terminal import err, out, progress_for_terminal, say_left_out
from strava_pipeline.verbs.values import left_out_line

STOPPED = 3


class Report:
    """What the runs of one command come to: lines as each ends, or one JSON object at the command's end.

    Where work is left or an error is to be told, stderr has it in both cases.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._outcomes: list[RunOutcome] = []
        self._at_work: str | None = None

    def heading(self, year: int) -> None:
        if not self.as_json:
            out.print(str(year), style="bold")

    def busy(self, who: str) -> None:
        """No run was made, because another one is at work."""
        self._at_work = who
        if not self.as_json:
            out.print(f"Already at work: {who}. Nothing to do here; --wait waits for it.")

    def ended(self, outcome: RunOutcome) -> None:
        self._outcomes.append(outcome)
        say(outcome, lines=not self.as_json)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the object after the body, also where the body ends with an exit code; not where it fails."""
        try:
            yield
        except typer.Exit:
            self._echo()
            raise
        self._echo()

    def _echo(self) -> None:
        if self.as_json:
            echo_json(shape(self._outcomes, self._at_work))


def run_verb(
    settings: Settings,
    job: str,
    *,
    years: Sequence[int] | None,
    told: dict[str, dict[str, Any]] | None = None,
    wait: bool = True,
    verbose: bool = False,
    report: Report | None = None,
) -> RunOutcome | None:
    """Run `job` and print what came of it. None: another run is at work and `wait` is off."""
    lake, report = Lake(settings.data_dir), report or Report()
    with nullcontext(True) if wait else locked_or_none(lake, FLOW_LOCK, who=job) as free:  # held until the run has it
        if not free:
            report.busy(holder(lake, FLOW_LOCK))
            return None
        outcome = run_job(
            settings,
            job,
            years=years,
            told=told,
            progress_of=progress_for_terminal(),
            log_level="INFO" if verbose else "CRITICAL",
        )
    report.ended(outcome)
    return outcome


def what_is_left(limits: dict[str, Any], outcome: RunOutcome | None) -> dict[str, Any]:
    """The verb's limits after a run: its calls are taken off `max_calls`."""
    if outcome is None or limits.get("max_calls") is None:
        return limits
    made = sum(told.get("calls", 0) for told in outcome.metadata.values())
    return {**limits, "max_calls": max(limits["max_calls"] - made, 0)}


def fetch_new_gear(
    settings: Settings, outcome: RunOutcome | None, limits: dict[str, Any], report: Report | None = None
) -> RunOutcome | None:
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
    (report or Report()).ended(fetched)
    return fetched


def say(outcome: RunOutcome, *, lines: bool = True) -> None:
    """One line per stage, what is still missing, and when it goes on after a limit; without `lines` only what is amiss."""
    for asset, metadata in outcome.metadata.items():
        if lines and (line := run_line(asset, metadata)):
            out.print(line)
        say_left_out(metadata.get("views_left_out", {}), to=out if lines else err)
        _say_held_back(metadata.get("deletions_not_marked_by_year", {}))
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
    if kinds := told.get("left_out_by_kind"):
        err.print(f"  {left_out_line(kinds)}")
    if recovered := told.get("recovered_files"):
        err.print(
            f"Damaged or lost files that are back: {recovered}. `strava-pipeline rebuild` brings down what they hold.",
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
