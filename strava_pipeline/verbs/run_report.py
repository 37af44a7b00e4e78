"""How a command reports its runs: a line for each asset, one JSON object, and the exit code.

Running the job itself is run_job.py's.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from string import Formatter
from typing import Any

import typer

from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.systems import parts
from strava_pipeline.core.tables import ACTIVITY_MATCHES, TRACKS
from strava_pipeline.core.text import at_minute, counted
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
from strava_pipeline.orchestrate.tags import STOPPED_EARLY
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.output import echo_json, left_out_line
from strava_pipeline.verbs.run_job import PartialRunError, RunOutcome, run_in_terminal
from strava_pipeline.verbs.terminal import err, out, print_views_left_out, print_wrapped

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
    assets: Collection[str] | None = None,
    go_on: bool = False,
    wait: bool = True,
    verbose: bool = False,
    report: Report | None = None,
) -> RunOutcome | None:
    """Run `job` and print its outcome. `config`, `assets` and `go_on` as of `run_job`.

    None: another run is at work and `wait` is off.
    """
    lake, report = Lake(settings.data_dir), report or Report()
    with nullcontext(True) if wait else try_locked(lake, FLOW_LOCK, who=job) as free:  # held until the run has it
        if not free:
            report.busy(holder(lake, FLOW_LOCK))
            return None
        try:
            outcome = run_in_terminal(
                settings, job, years=years, config=config, assets=assets, go_on=go_on, verbose=verbose
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
    fetched = run_in_terminal(settings, NEW_GEAR_JOB, config={"gear": limits})
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
    stops = {metadata[STOPPED_EARLY] for metadata in outcome.metadata.values() if STOPPED_EARLY in metadata}
    for stop in sorted(stops) or filter(None, [outcome.stopped_early]):
        err.print(
            f"Stopped early. {stop} What was fetched is kept; the same command goes on.",
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


class _Words(Formatter):
    """`{name:noun}`: a number of these; `{name:this|that}`: of a truth value; `{name:moment}`: of epoch seconds.

    Lists get commas, numbers their reasons.
    """

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, dict):
            return "".join(f"; {count} {format_spec}: {why}" for why, count in sorted(value.items()))
        if isinstance(value, list):
            return ", ".join(value)
        if isinstance(value, bool):
            return format_spec.split("|")[not value]
        if format_spec == "moment":
            return str(at_minute(datetime.fromtimestamp(value, UTC)))
        return counted(value, format_spec) if format_spec.isalpha() else str(format(value, format_spec))


_SECONDS = "({seconds:.1f} s)"
_FILES_FETCHED = (
    "Fetched {files_received:file} in {calls:call} " + _SECONDS,
    "activities_without_file?; {} of which there is none",
    "files_missing?; {} missing",
    "files_waiting_for_retry?; {} resting",
    "failed?; {} failed",
)
_PROFILE = (": {dagster/row_count} known, {calls:call}", "failed_names?; failed, to be asked for again: {}")
# asset → the parts of its line. `name?part`: only where there is a value of that name, not 0 or empty; `{}` is that value.
# Without its first part there is no line: it interests no person.
_LINES: dict[str, tuple[str, ...]] = {
    LISTING: (
        "Listed {rows_received:activity} in {calls:call} " + _SECONDS,
        "listing_as_of?; older pages are as of {:moment}",
    ),
    EVENTS: (
        "Followed webhooks: {activities_followed:activity} in {calls:call}",
        "activities_waiting?; {} wait",
        "events_refused_by_reason?{:refused}",
    ),
    FILE_BRONZE: (
        "Took in files: {dagster/row_count}, {new_files} of them new " + _SECONDS,
        "problems?; {:problem}",
    ),
    FILE_READINGS: (
        "Read {files_read:file}",
        "files_with_problems?, {} of them with problems",
        ": {activities:activity} " + _SECONDS,
    ),
    APPLIED_CHANGES: (
        "Applied {changes_applied:change} " + _SECONDS,
        "changes_failed?; {} failed",
        "changes_conflicted?; {} conflicted",
        "changes_left?; {} still approved",
    ),
    "activity_shards": ("Shards written: {files}, with {rows:row}",),
    "activities": (
        "Merged: {inserted} new, {updated} changed",
        "deleted?, {} deleted at the source",
        "restored?, {} back",
        ", {rows} in these years",
    ),
    ACTIVITY_MATCHES.name: (
        "matches_changed?Counted once, recorded several times: {activities_with_several_sources:activity}",
        "pairs_proposed?; {:pair} may be one: `strava-pipeline matches list`",
    ),
    DETAILS: (
        "Fetched {details_received:detail} in {calls:call} " + _SECONDS,
        "details_missing?; {} missing",
        "details_waiting_for_retry?; {} resting",
        "gone_at_strava?; {} gone",
        "failed?; {} failed",
        "gone_at_strava_ids?; gone: {}",
        "failed_ids?; failed: {}",
    ),
    STREAMS: (
        "Fetched {streams_received:stream} in {calls:call} " + _SECONDS,
        "nothing_recorded?; {} of which nothing was recorded",
        "streams_missing?; {} missing",
        "streams_waiting_for_retry?; {} resting",
        "failed?; {} failed",
    ),
    TRACKS.name: ("Made {tracks_written:track}; {tracks} in these years",),
    "athlete": ("Athlete" + _PROFILE[0], _PROFILE[1]),
    "gear": ("Gear" + _PROFILE[0], _PROFILE[1]),
    "published_warehouse": ("{replaced:Published|Nothing changed since the last publish}",),
    "exported_gold": ("rows_written?Exported {rows_written:row} to PostgreSQL " + _SECONDS,),
    **{asset: parts for system in parts("words") for asset, parts in system.LINES.items()},
}


def run_line(asset: str, values: Mapping[str, Any]) -> str | None:
    """The line for what `asset` reported; None where that interests no person."""
    if "result" in values and asset in ("activities", APPLIED_CHANGES):
        return str(values["result"])
    template = _LINES.get(asset, ())
    if not template and "rows_received" in values:
        of_service = f" of {spec_of(provider_of(asset)).title} in"
        template = tuple(part.replace(" in", of_service) for part in _LINES[LISTING])
    if is_files := not template and "files_received" in values:
        of_service = f" of {spec_of(provider_of(asset)).title} in"
        template = tuple(part.replace(" in", of_service) for part in _FILES_FETCHED)
    shown = []
    for part in template:
        name, is_conditional, text = part.rpartition("?")
        if not is_conditional or values.get(name):
            shown.append(_Words().vformat(text, (values.get(name),), values))
        elif not shown:
            return None
    is_idle = is_files and not values["calls"] and len(shown) == 1
    return None if is_idle else "".join(shown) or None
