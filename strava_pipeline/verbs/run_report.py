"""What a command says of the runs that it made: a line for each asset, one JSON object, and the exit code.

Running the job itself is run_job.py.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import typer

from strava_pipeline.core.tables import ACTIVITY_MATCHES, CAR_TRIPS, TRACKS
from strava_pipeline.core.text import counted
from strava_pipeline.lake.gold.quality import unknown_gear
from strava_pipeline.lake.gold.warehouse import reading
from strava_pipeline.lake.locks import holder, locked_or_none
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.strava_source import FLOW_LOCK
from strava_pipeline.orchestrate.jobs import (
    DETAILS,
    EVENTS,
    FILE_BRONZE,
    FILE_READINGS,
    LISTING,
    NEW_GEAR_JOB,
    PINGS,
    STREAMS,
)
from strava_pipeline.settings import Settings
from strava_pipeline.verbs.output import echo_json, left_out_line
from strava_pipeline.verbs.run_job import RunOutcome, run_job
from strava_pipeline.verbs.terminal import err, out, progress_for_terminal, say_left_out

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


def shape(outcomes: "Sequence[RunOutcome]", already_at_work: str | None) -> dict[str, Any]:
    """The object. `already_at_work`: who is, where no run was made for that."""
    stopped = next((outcome.stopped_early for outcome in reversed(outcomes) if outcome.stopped_early), None)
    published = [told["replaced"] for told in _told_by(outcomes, "published_warehouse")]
    return {
        "run_ids": [outcome.run_id for outcome in outcomes],
        "already_at_work": already_at_work,
        "stopped_early": stopped,
        "calls": sum(told.get("calls", 0) for outcome in outcomes for told in outcome.metadata.values()),
        **{name: _sum(outcomes, reported) for name, reported in _SUMS.items()},
        "failed_ids": _ids(outcomes, "failed_ids"),
        "gone_ids": _ids(outcomes, "gone_at_strava_ids"),
        "held_back": [
            {"year": int(year), "missing": missing}
            for told in _told_by(outcomes, "activities")
            for year, missing in told.get("deletions_not_marked_by_year", {}).items()
        ],
        "published": any(published) if published else None,
    }


def _sum(outcomes: "Sequence[RunOutcome]", reported: list[tuple[str, str]]) -> int | None:
    found = [told[name] for asset, name in reported for told in _told_by(outcomes, asset)]
    return sum(found) if found else None


def _ids(outcomes: "Sequence[RunOutcome]", name: str) -> list[int]:
    return [int(one) for outcome in outcomes for told in outcome.metadata.values() for one in told.get(name, [])]


def _told_by(outcomes: "Sequence[RunOutcome]", asset: str) -> list[dict[str, Any]]:
    return [outcome.metadata[asset] for outcome in outcomes if asset in outcome.metadata]


Told = Mapping[str, Any]
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


def run_line(asset: str, told: Told) -> str | None:
    """What `asset` reported as metadata; None: nothing that a person asks about."""
    line = _LINES.get(asset)
    return line(told) if line else None


def _listed(told: Told) -> str:
    return f"Listed {counted(told['rows_received'], 'activity')} in {counted(told['calls'], 'call')} ({told['seconds']:.1f} s)"


def _followed(told: Told) -> str:
    waiting = f"; {told['activities_waiting']} wait" if told["activities_waiting"] else ""
    refused = "".join(
        f"; {count} refused: {why}" for why, count in sorted(told.get("events_refused_by_reason", {}).items())
    )
    followed = f"{counted(told['activities_followed'], 'activity')} in {counted(told['calls'], 'call')}"
    return f"Followed webhooks: {followed}{waiting}{refused}"


def _files(told: Told) -> str:
    odd = f"; {counted(told['problems'], 'problem')}" if told["problems"] else ""
    return f"Took in files: {told['dagster/row_count']}, {told['new_files']} of them new ({told['seconds']:.1f} s){odd}"


def _read(told: Told) -> str:
    odd = f", {told['files_with_problems']} of them with problems" if told["files_with_problems"] else ""
    return f"Read {counted(told['files_read'], 'file')}{odd}: {counted(told['activities'], 'activity')} ({told['seconds']:.1f} s)"


def _shards(told: Told) -> str:
    return f"Shards written: {told['files']}, with {counted(told['rows'], 'row')}"


def _merged(told: Told) -> str:
    if "result" in told:
        return str(told["result"])
    gone = f", {told['deleted']} deleted at Strava" if told["deleted"] else ""
    back = f", {told['restored']} back" if told["restored"] else ""
    return f"Merged: {told['inserted']} new, {told['updated']} changed{gone}{back}, {told['rows']} in these years"


def _matched(told: Told) -> str | None:
    """Silent where every activity has one source, and nothing became another one."""
    if not told["matches_changed"]:
        return None
    proposed = (
        f"; {counted(told['pairs_proposed'], 'pair')} may be one: `strava-pipeline matches list`"
        if told["pairs_proposed"]
        else ""
    )
    return (
        f"Counted once, from several sources: {counted(told['activities_with_several_sources'], 'activity')}{proposed}"
    )


def _details(told: Told) -> str:
    parts = [f"{told[name]} {word}" for name, word in _DETAILS_LEFT.items() if told[name]]
    named = {"gone_at_strava_ids": "gone", "failed_ids": "failed"}
    parts += [f"{word}: {', '.join(told[name])}" for name, word in named.items() if name in told]
    return _fetched("details", told, parts)


def _streams(told: Told) -> str:
    return _fetched("streams", told, [f"{told[name]} {word}" for name, word in _STREAMS_LEFT.items() if told[name]])


def _fetched(what: str, told: Told, left: list[str]) -> str:
    rest = "".join(f"; {part}" for part in left)
    received = f"{counted(told[f'{what}_received'], what[:-1])} in {counted(told['calls'], 'call')}"
    return f"Fetched {received} ({told['seconds']:.1f} s){rest}"


def _tracks(told: Told) -> str:
    return f"Made {counted(told['tracks_written'], 'track')}; {told['tracks']} in these years"


def _profile(name: str) -> Callable[[Told], str]:
    def line(told: Told) -> str:
        failed = f"; failed, to be asked for again: {told['failed_names']}" if "failed_names" in told else ""
        return f"{name}: {told['dagster/row_count']} known, {counted(told['calls'], 'call')}{failed}"

    return line


def _pings(told: Told) -> str:
    nets = f"; safety nets for silent trips: {told['safety_nets_sent']}" if told["safety_nets_sent"] else ""
    return f"Took in {counted(told['pings_received'], 'ping')} ({told['seconds']:.1f} s){nets}"


def _car_trips(told: Told) -> str:
    return f"Trips by car: {told['rows_merged']} new"


def _published(told: Told) -> str:
    return "Published" if told["replaced"] else "Nothing changed since the last publish"


_LINES: dict[str, Callable[[Told], str | None]] = {
    LISTING: _listed,
    EVENTS: _followed,
    FILE_BRONZE: _files,
    FILE_READINGS: _read,
    "activity_shards": _shards,
    "activities": _merged,
    ACTIVITY_MATCHES.name: _matched,
    DETAILS: _details,
    STREAMS: _streams,
    TRACKS.name: _tracks,
    "athlete": _profile("Athlete"),
    "gear": _profile("Gear"),
    PINGS: _pings,
    CAR_TRIPS.name: _car_trips,
    "published_warehouse": _published,
}
