"""A command's report of its runs: a line for each asset (`words` of its report), one JSON object, and the exit code.

Running the job itself is run_job.py's.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Unpack

import typer

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.quality import unknown_gear
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import holder, try_locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.source import FLOW_LOCK
from strava_pipeline.operations.step_reports import SUMMARY
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.jobs import NEW_GEAR_JOB
from strava_pipeline.orchestrate.tags import STOPPED_EARLY
from strava_pipeline.verbs.output import echo_json, left_out_line
from strava_pipeline.verbs.run_job import PartialRunError, RunOptions, RunOutcome, run_in_terminal
from strava_pipeline.verbs.terminal import err, out, print_views_left_out, print_wrapped

STOPPED = 3


class Report:
    """The results of one command's runs: lines as each run ends, or one JSON object at the command's end.

    Unfinished work, and errors, are shown on stderr in both cases.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._outcomes: list[RunOutcome] = []
        self._at_work: str | None = None

    def heading(self, years: Sequence[int]) -> None:
        if not self.as_json:
            out.print(years_in_words(years), style="bold")

    def busy(self, who: str) -> None:
        """Record that no run was started, because another one is at work."""
        self._at_work = who
        if not self.as_json:
            out.print(f"Already at work: {who}. Nothing to do here; --wait waits for it.")

    def ended(self, outcome: RunOutcome) -> None:
        self._outcomes.append(outcome)
        print_outcome(outcome, lines=not self.as_json)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the object after the body, also if that ends with an exit code, but not if it fails. Refused years: 1."""
        code = 0
        try:
            yield
        except typer.Exit as ended:
            code = ended.exit_code
        if self.as_json:
            echo_json(report_json(self._outcomes, self._at_work))
        if code or any(outcome.refused_years for outcome in self._outcomes):
            raise typer.Exit(code or 1)


def run_and_report(
    settings: Settings,
    job: str,
    *,
    wait: bool = True,
    verbose: bool = False,
    report: Report | None = None,
    **asked: Unpack[RunOptions],
) -> RunOutcome | None:
    """Run `job` and print its outcome. `asked` as in `run_job`.

    None if another run is at work and `wait` is off.
    """
    lake, report = Lake(settings.data_dir), report or Report()
    with nullcontext(True) if wait else try_locked(lake, FLOW_LOCK, who=job) as free:  # held until the run has it
        if not free:
            report.busy(holder(lake, FLOW_LOCK))
            return None
        try:
            outcome = run_in_terminal(settings, job, verbose=verbose, **asked)
        except PartialRunError as error:
            outcome = error.outcome
            err.print(str(error), style="red")
    report.ended(outcome)
    return outcome


def remaining_limits(limits: dict[str, Any], outcome: RunOutcome | None) -> dict[str, Any]:
    """The command's limits after a run: the calls of the run are subtracted from `max_calls`."""
    if outcome is None or limits.get("max_calls") is None:
        return limits
    calls = sum(metadata.get("calls", 0) for metadata in outcome.metadata.values())
    return {**limits, "max_calls": max(limits["max_calls"] - calls, 0)}


def fetch_new_gear(
    settings: Settings, outcome: RunOutcome | None, limits: dict[str, Any], report: Report | None = None
) -> RunOutcome | None:
    """Fetch gear that an activity names and that was never fetched: a call each, unless a limit was met before.

    `limits`: the rest of the command's own (max_calls, cushions). Returns the run, if there was one.
    """
    if outcome is None or outcome.stopped_early:
        return None
    with reading(Lake(settings.data_dir)) as connection:
        missing = unknown_gear(connection)
    if not missing:
        return None
    fetched = run_in_terminal(settings, NEW_GEAR_JOB, config={"gear": limits})
    (report or Report()).ended(fetched)
    return fetched


def print_outcome(outcome: RunOutcome, *, lines: bool = True) -> None:
    """A line per stage, the missing parts, and when work continues after a limit; without `lines` only problems."""
    if lines:
        for line in dict.fromkeys(made[SUMMARY] for made in outcome.metadata.values() if SUMMARY in made):
            print_wrapped(line)
    for metadata in outcome.metadata.values():
        print_views_left_out(metadata.get("views_left_out", {}), to=out if lines else err)
        _print_unmarked_deletions(metadata)
        _print_import_problems(metadata)
        for problem in metadata.get("change_problems", []):
            err.print(f"  {problem}", style="yellow")
    stops = {metadata[STOPPED_EARLY] for metadata in outcome.metadata.values() if STOPPED_EARLY in metadata}
    for stop in sorted(stops) or filter(None, [outcome.stopped_early]):
        err.print(f"Stopped early. {stop} What was fetched is kept; the same command goes on.", style="yellow")


def _print_import_problems(metadata: Mapping[str, Any]) -> None:
    if unknown := metadata.get("unknown_columns_and_sports"):
        err.print(
            f"  Columns of tables, or sports, that this version doesn't know; they are kept as written: {', '.join(unknown)}",
            style="yellow",
        )
    for problem in metadata.get("first_problems", []):
        err.print(f"  {problem}", style="yellow")
    if kinds := metadata.get("left_out_by_kind"):
        err.print(f"  {left_out_line(kinds)}")
    if recovered := metadata.get("recovered_files"):
        err.print(
            f"Damaged or lost files that are back: {recovered}. `strava-pipeline rebuild` brings down what they hold.",
            style="yellow",
        )


def _print_unmarked_deletions(metadata: Mapping[str, Any]) -> None:
    for year, missing in metadata.get("deletions_not_marked_by_year", {}).items():
        what = f"{year}: the listing lacks {missing} activities, too much to be believed, so nothing was marked as deleted."
        err.print(what, style="yellow")
    if advice := metadata.get("deletions_not_marked_advice"):
        err.print(advice, style="yellow")


def exit_if_stopped(*outcomes: RunOutcome | None) -> None:
    """Exit with code 3 if a limit ended the work early."""
    if any(outcome is not None and outcome.stopped_early for outcome in outcomes):
        raise typer.Exit(STOPPED)


# name in the object → the number that assets report; null where no run of the command made such an asset
_SUMS = {
    "listed": "rows_received",
    "inserted": "inserted",
    "changed": "updated",
    "deleted": "deleted",
    "restored": "restored",
    "fetched": "received",
    "failed": "failed",
    "gone": "gone",
    "missing": "missing",
    "resting": "waiting_for_retry",
}


def report_json(outcomes: "Sequence[RunOutcome]", already_at_work: str | None) -> dict[str, Any]:
    """The results as JSON. `already_at_work`: the process that holds the lock, if no run was started because of it."""
    stopped = next((outcome.stopped_early for outcome in reversed(outcomes) if outcome.stopped_early), None)
    published = [metadata["replaced"] for metadata in _metadata_of(outcomes, "published_warehouse")]
    every = [metadata for outcome in outcomes for metadata in outcome.metadata.values()]
    return {
        "run_ids": [outcome.run_id for outcome in outcomes],
        "already_at_work": already_at_work,
        "stopped_early": stopped,
        "calls": sum(metadata.get("calls", 0) for metadata in every),
        **{name: _sum(every, number) for name, number in _SUMS.items()},
        "failed_ids": _ids(every, "failed_ids"),
        "gone_ids": _ids(every, "gone_ids"),
        "held_back": [
            {"year": int(year), "missing": missing}
            for metadata in _metadata_of(outcomes, "activities")
            for year, missing in metadata.get("deletions_not_marked_by_year", {}).items()
        ],
        "refused_years": [
            {"year": year, "why": why} for outcome in outcomes for year, why in outcome.refused_years.items()
        ],
        "published": any(published) if published else None,
    }


def _sum(every: Sequence[Mapping[str, Any]], number: str) -> int | None:
    found = [metadata[number] for metadata in every if number in metadata]
    return sum(found) if found else None


def _ids(every: Sequence[Mapping[str, Any]], name: str) -> list[int]:
    return [int(one) for metadata in every for one in metadata.get(name, [])]


def _metadata_of(outcomes: "Sequence[RunOutcome]", asset: str) -> list[dict[str, Any]]:
    return [outcome.metadata[asset] for outcome in outcomes if asset in outcome.metadata]
