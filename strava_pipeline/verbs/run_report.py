"""How a command reports its runs: a line for each asset, one JSON object, and the exit code.

Running the job itself is run_job.py's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import typer

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import ACTIVITY_MATCHES, TRACKS
from strava_pipeline.core.text import counted
from strava_pipeline.lake.gold.quality import unknown_gear
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import holder, try_locked
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.budgeted_source import FLOW_LOCK
from strava_pipeline.operations.years import years_in_words
from strava_pipeline.orchestrate.jobs import (
    APPLIED_CHANGES,
    DETAILS,
    EVENTS,
    FILE_BRONZE,
    FILE_READINGS,
    LISTING,
    NEW_GEAR_JOB,
    STREAMS,
    provider_of,
)
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.output import echo_json, left_out_line
from strava_pipeline.verbs.run_job import PartialRunError, RunOutcome, run_job
from strava_pipeline.verbs.terminal import err, out, print_views_left_out, print_wrapped, progress_for_terminal

STOPPED = 3


class Report:
    """The results of one command's runs: lines as each run ends, or one JSON object at the command's end.

    Work that is left, and errors, are shown on stderr in both cases.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._outcomes: list[RunOutcome] = []
        self._at_work: str | None = None

    def heading(self, years: Sequence[int]) -> None:
        if not self.as_json:
            out.print(years_in_words(years), style="bold")

    def busy(self, who: str) -> None:
        """No run was started, because another one is at work."""
        self._at_work = who
        if not self.as_json:
            out.print(f"Already at work: {who}. Nothing to do here; --wait waits for it.")

    def ended(self, outcome: RunOutcome) -> None:
        self._outcomes.append(outcome)
        print_outcome(outcome, lines=not self.as_json)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the object after the body, also where that ends with an exit code; not where it fails. Refused years: 1."""
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
    years: Sequence[int] | None,
    config: dict[str, dict[str, Any]] | None = None,
    wait: bool = True,
    verbose: bool = False,
    report: Report | None = None,
) -> RunOutcome | None:
    """Run `job` and print its outcome. `config`: by asset. None: another run is at work and `wait` is off."""
    lake, report = Lake(settings.data_dir), report or Report()
    with nullcontext(True) if wait else try_locked(lake, FLOW_LOCK, who=job) as free:  # held until the run has it
        if not free:
            report.busy(holder(lake, FLOW_LOCK))
            return None
        try:
            outcome = run_job(
                settings,
                job,
                years=years,
                config=config,
                progress_of=progress_for_terminal(),
                log_level="INFO" if verbose else "CRITICAL",
            )
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

    `limits`: what is left of the command's own (max_calls, cushions). Returns the run, if there was one.
    """
    if outcome is None or outcome.stopped_early:
        return None
    with reading(Lake(settings.data_dir)) as connection:
        missing = unknown_gear(connection)
    if not missing:
        return None
    fetched = run_job(settings, NEW_GEAR_JOB, years=None, config={"gear": limits}, progress_of=progress_for_terminal())
    (report or Report()).ended(fetched)
    return fetched


def print_outcome(outcome: RunOutcome, *, lines: bool = True) -> None:
    """A line per stage, what is still missing, and when work goes on after a limit; without `lines` only problems."""
    for asset, metadata in outcome.metadata.items():
        if lines and (line := run_line(asset, metadata)):
            print_wrapped(line)
        print_views_left_out(metadata.get("views_left_out", {}), to=out if lines else err)
        _print_unmarked_deletions(metadata)
        _print_import_problems(metadata)
        for problem in metadata.get("change_problems", []):
            err.print(f"  {problem}", style="yellow")
    if outcome.stopped_early:
        err.print(
            f"Stopped early. {outcome.stopped_early} What was fetched is kept; the same command goes on.",
            style="yellow",
        )


def _print_import_problems(metadata: Mapping[str, Any]) -> None:
    if unknown := metadata.get("unknown_columns_and_sports"):
        err.print(f"  Columns or sports that are not known; kept as they are: {', '.join(unknown)}", style="yellow")
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
    """Exit code 3 where a limit ended the work early."""
    if any(outcome is not None and outcome.stopped_early for outcome in outcomes):
        raise typer.Exit(STOPPED)


# name in the object → the asset that reports it, and under which name; null where no run of the command made that asset
_SUMS = {
    "listed": [("bronze_activities", "rows_received")],
    "inserted": [("activities", "inserted")],
    "changed": [("activities", "updated")],
    "deleted": [("activities", "deleted")],
    "restored": [("activities", "restored")],
    "fetched": [("bronze_activity_details", "details_received"), ("bronze_activity_streams", "streams_received")],
    "failed": [("bronze_activity_details", "failed"), ("bronze_activity_streams", "failed")],
    "gone": [("bronze_activity_details", "gone_at_strava"), ("bronze_activity_streams", "nothing_recorded")],
    "missing": [("bronze_activity_details", "details_missing"), ("bronze_activity_streams", "streams_missing")],
    "resting": [
        ("bronze_activity_details", "details_waiting_for_retry"),
        ("bronze_activity_streams", "streams_waiting_for_retry"),
    ],
}


def report_json(outcomes: "Sequence[RunOutcome]", already_at_work: str | None) -> dict[str, Any]:
    """The results as JSON. `already_at_work`: the process that holds the lock, where no run was started for that."""
    stopped = next((outcome.stopped_early for outcome in reversed(outcomes) if outcome.stopped_early), None)
    published = [metadata["replaced"] for metadata in _metadata_of(outcomes, "published_warehouse")]
    return {
        "run_ids": [outcome.run_id for outcome in outcomes],
        "already_at_work": already_at_work,
        "stopped_early": stopped,
        "calls": sum(metadata.get("calls", 0) for outcome in outcomes for metadata in outcome.metadata.values()),
        **{name: _sum(outcomes, reported) for name, reported in _SUMS.items()},
        "failed_ids": _ids(outcomes, "failed_ids"),
        "gone_ids": _ids(outcomes, "gone_at_strava_ids"),
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


def _sum(outcomes: "Sequence[RunOutcome]", reported: list[tuple[str, str]]) -> int | None:
    found = [metadata[name] for asset, name in reported for metadata in _metadata_of(outcomes, asset)]
    return sum(found) if found else None


def _ids(outcomes: "Sequence[RunOutcome]", name: str) -> list[int]:
    return [
        int(one) for outcome in outcomes for metadata in outcome.metadata.values() for one in metadata.get(name, [])
    ]


def _metadata_of(outcomes: "Sequence[RunOutcome]", asset: str) -> list[dict[str, Any]]:
    return [outcome.metadata[asset] for outcome in outcomes if asset in outcome.metadata]


Metadata = Mapping[str, Any]
_FILES_LEFT = {
    "activities_without_file": "of which there is none",
    "files_missing": "missing",
    "files_waiting_for_retry": "resting",
    "failed": "failed",
}
_DETAILS_LEFT = {
    "details_missing": "missing",
    "details_waiting_for_retry": "resting",
    "gone_at_strava": "gone",
    "failed": "failed",
}
_STREAMS_LEFT = {
    "nothing_recorded": "of which nothing was recorded",
    "streams_missing": "missing",
    "streams_waiting_for_retry": "resting",
    "failed": "failed",
}
_CHANGES_LEFT = {
    "changes_failed": "failed",
    "changes_conflicted": "conflicted",
    "changes_left": "still approved",
}


def run_line(asset: str, values: Metadata) -> str | None:
    """The line for what `asset` reported; None where that interests no person."""
    if line := _LINES.get(asset):
        return line(values)
    if "rows_received" in values:  # a provider's listing
        return _listed(values, f" of {spec_of(provider_of(asset)).title}")
    return _files_fetched(values) if "files_received" in values else None


def _listed(values: Metadata, of_provider: str = "") -> str:
    activities, calls = counted(values["rows_received"], "activity"), counted(values["calls"], "call")
    return f"Listed {activities}{of_provider} in {calls} {_seconds(values)}"


def _seconds(values: Metadata) -> str:
    return f"({values['seconds']:.1f} s)"


def _followed(values: Metadata) -> str:
    waiting = f"; {values['activities_waiting']} wait" if values["activities_waiting"] else ""
    refused = "".join(
        f"; {count} refused: {why}" for why, count in sorted(values.get("events_refused_by_reason", {}).items())
    )
    followed = f"{counted(values['activities_followed'], 'activity')} in {counted(values['calls'], 'call')}"
    return f"Followed webhooks: {followed}{waiting}{refused}"


def _files(values: Metadata) -> str:
    odd = f"; {counted(values['problems'], 'problem')}" if values["problems"] else ""
    return f"Took in files: {values['dagster/row_count']}, {values['new_files']} of them new ({values['seconds']:.1f} s){odd}"


def _read(values: Metadata) -> str:
    odd = f", {values['files_with_problems']} of them with problems" if values["files_with_problems"] else ""
    return f"Read {counted(values['files_read'], 'file')}{odd}: {counted(values['activities'], 'activity')} {_seconds(values)}"


def _merged(values: Metadata) -> str:
    if "result" in values:
        return str(values["result"])
    gone = f", {values['deleted']} deleted at the source" if values["deleted"] else ""
    back = f", {values['restored']} back" if values["restored"] else ""
    return f"Merged: {values['inserted']} new, {values['updated']} changed{gone}{back}, {values['rows']} in these years"


def _matched(values: Metadata) -> str | None:
    """No line where every activity has one source, and no match changed."""
    if not values["matches_changed"]:
        return None
    proposed = (
        f"; {counted(values['pairs_proposed'], 'pair')} may be one: `strava-pipeline matches list`"
        if values["pairs_proposed"]
        else ""
    )
    return f"Counted once, from several sources: {counted(values['activities_with_several_sources'], 'activity')}{proposed}"


def _details(values: Metadata) -> str:
    named = {"gone_at_strava_ids": "gone", "failed_ids": "failed"}
    ids = (f"; {word}: {', '.join(values[name])}" for name, word in named.items() if name in values)
    return _fetched("details", _DETAILS_LEFT, values) + "".join(ids)


def _fetched(what: str, left: Mapping[str, str], values: Metadata) -> str:
    received = f"{counted(values[f'{what}_received'], what[:-1])} in {counted(values['calls'], 'call')}"
    return f"Fetched {received} {_seconds(values)}{_rest(values, left)}"


def _rest(values: Metadata, words: Mapping[str, str]) -> str:
    """How many there are of each, by its word; nothing of what there is none of."""
    return "".join(f"; {values[name]} {word}" for name, word in words.items() if values[name])


def _files_fetched(values: Metadata) -> str | None:
    """No line where nothing was asked for."""
    return _fetched("files", _FILES_LEFT, values) if values["calls"] or _rest(values, _FILES_LEFT) else None


def _profile(name: str, values: Metadata) -> str:
    failed = f"; failed, to be asked for again: {values['failed_names']}" if "failed_names" in values else ""
    return f"{name}: {values['dagster/row_count']} known, {counted(values['calls'], 'call')}{failed}"


def _changes(values: Metadata) -> str:
    if "result" in values:
        return str(values["result"])
    return f"Applied {counted(values['changes_applied'], 'change')} {_seconds(values)}{_rest(values, _CHANGES_LEFT)}"


_LINES: dict[str, Callable[[Metadata], str | None]] = {
    LISTING: _listed,
    EVENTS: _followed,
    FILE_BRONZE: _files,
    FILE_READINGS: _read,
    APPLIED_CHANGES: _changes,
    "activity_shards": lambda values: f"Shards written: {values['files']}, with {counted(values['rows'], 'row')}",
    "activities": _merged,
    ACTIVITY_MATCHES.name: _matched,
    DETAILS: _details,
    STREAMS: partial(_fetched, "streams", _STREAMS_LEFT),
    TRACKS.name: lambda values: f"Made {counted(values['tracks_written'], 'track')}; {values['tracks']} in these years",
    "athlete": partial(_profile, "Athlete"),
    "gear": partial(_profile, "Gear"),
    "published_warehouse": lambda values: (
        "Published" if values["replaced"] else "Nothing changed since the last publish"
    ),
    **{asset: line for system in parts("words") for asset, line in system.LINES.items()},
}
