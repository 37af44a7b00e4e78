"""The step of a run that writes approved changes: which changes, at which services, and its report.

How a change is written is applying.py's.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from strava_pipeline.core.changes.proposals import DISK
from strava_pipeline.core.changes.records import Change
from strava_pipeline.core.changes.states import ChangeState, Verdicted, approved
from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.numbers import Numbers, sentence
from strava_pipeline.core.providers import spec_of
from strava_pipeline.core.text import counted
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.writer import UnsupportedChangeError, WholeWriter, Writer
from strava_pipeline.lake.changes import verdicts
from strava_pipeline.lake.imports.files import stored_bytes
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.providers import newest_reading
from strava_pipeline.operations.changes.applying import MOST, Applied, apply_at, in_order
from strava_pipeline.operations.changes.downloading import Downloads
from strava_pipeline.operations.changes.proposing import states_now
from strava_pipeline.operations.changes.writers import connect_writer
from strava_pipeline.operations.feeds import pull_activities
from strava_pipeline.operations.options import ListingOptions
from strava_pipeline.operations.progress import progressing
from strava_pipeline.operations.provider_access import limit_in_force, outcome_kept
from strava_pipeline.operations.run_context import RunContext
from strava_pipeline.operations.sources import Sources
from strava_pipeline.operations.step_reports import StepReport
from strava_pipeline.operations.table_rules import Finding


def apply_approved(
    run: RunContext,
    settings: Settings,
    sources: Sources,
    years: Collection[int],
    *,
    ids: Collection[str] = (),
    everything: bool = False,
) -> StepReport:
    """Write the approved changes of `years`, each service by itself.

    Args:
        ids: only these; empty for all approved ones.
        everything: also more than MOST at one service.

    Raises an unexpected error of a service after the last service.
    """
    reports: dict[str, Applied] = {}
    unexpected: list[Exception] = []
    chosen = approved(states_now(run.lake, settings, run.now()), ids, years, run.years)
    for provider, states in in_order(chosen).items():
        what = f"Writing changes: {place_of(provider)}"
        with run.exclusive(f"changes-{provider}"), progressing(run.progress, what, len(states)) as advance:
            now = states_now(run.lake, settings, run.now())  # another run may have written some
            still = [now[state.change.id] for state in states if now[state.change.id].state == "approved"]
            most = None if everything else MOST
            try:
                reports[provider] = _apply(run, settings, sources, provider, still, most, advance)
            except Exception as error:  # noqa: BLE001 - of one service; raised when the others had their turn
                unexpected.append(error)
    if unexpected:
        raise unexpected[0]
    return _report(reports)


def place_of(provider: str) -> str:
    """A person's name for the place of a change."""
    return "this disk" if provider == DISK else spec_of(provider).title


def _apply(
    run: RunContext,
    settings: Settings,
    sources: Sources,
    provider: str,
    states: Sequence[ChangeState],
    most: int | None,
    advance: Any,
) -> Applied:
    """Write at one service, and record how that ended; then re-read places that are read as a whole."""
    if not states:
        return Applied()
    if provider != DISK and (limit := limit_in_force(run, provider)):
        return Applied(left=len(states), stopped=limit)

    def holds(state: ChangeState) -> bool:
        """Whether nobody has rejected the change since the run began."""
        last: Verdicted | None = verdicts(run.lake).get(state.change.id)
        return last is not None and (last.round, last.verdict) == (state.round, "approved")

    with upload_files(run.lake) as details:
        if provider == DISK:
            disk = Downloads(run, sources)
            found = apply_at(run, provider, lambda: disk, states, most=most, holds=holds, tick=advance)
            disk.finish(settings.import_limits)
            return found
        with outcome_kept(run, provider, "changes") as ending:
            connect = partial(writer_of, settings, run, sources, provider)
            found = apply_at(run, provider, connect, states, most=most, details=details, holds=holds, tick=advance)
            if found.results and is_whole(provider):
                try:
                    pull_activities(run, sources.source(provider), ListingOptions(mode="all"), ())
                except PipelineError as error:  # what was written is written
                    found.problem = found.problem or str(error)
            ending.stopped, ending.problem = found.stopped, found.problem
    return found


def is_whole(provider: str) -> bool:
    """Whether the place is read as a whole, such as a file."""
    return "whole" in spec_of(provider).capabilities


def writer_of(settings: Settings, run: RunContext, sources: Sources, provider: str) -> Writer:
    """The writer of a place, ready to read and write. Nothing is sent. Raises PipelineError."""
    if provider == DISK:
        return Downloads(run, sources)
    source = sources.source(provider)
    source.refuse_emulator()
    writer = connect_writer(provider, settings, source.waiting)
    if is_whole(provider):
        newest = newest_reading(run.lake, provider, source.account_name)
        cast(WholeWriter, writer).start_from(None if newest is None else newest[1])
    return writer


@contextmanager
def upload_files(lake: Lake) -> Iterator[Any]:
    """The writer's input for a change that uploads a file: a path to its bytes, valid during the body."""
    with TemporaryDirectory() as folder:

        def details(change: Change) -> Mapping[str, Any]:
            if change.kind != "upload_activity":
                return {}
            digest = str(change.details["sha256"])
            path = Path(folder) / digest
            if not path.exists():
                try:
                    path.write_bytes(stored_bytes(lake, digest))
                except (FileNotFoundError, ValueError) as error:
                    raise UnsupportedChangeError(
                        "The file is not in data/bronze/files any more, or damaged."
                    ) from error
            return {"path": str(path)}

        yield details


@dataclass(frozen=True, slots=True)
class ChangesWritten(Numbers):
    """The results of approved changes. `change_problems`: services that could not be written to, each with the reason."""

    changes_applied: int = 0
    changes_failed: int = 0
    changes_conflicted: int = 0
    changes_left: int = 0
    change_problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return sentence(
            f"Applied {counted(self.changes_applied, 'change')}",
            (self.changes_failed, f"{self.changes_failed} failed"),
            (self.changes_conflicted, f"{self.changes_conflicted} conflicted"),
            (self.changes_left, f"{self.changes_left} still approved"),
        )


def nothing_applied(run: RunContext, settings: Settings, years: Collection[int]) -> StepReport:
    """The report of a run that must not write, such as a backfill: the changes that wait for the job that may."""
    waiting = len(approved(states_now(run.lake, settings, run.now()), (), years, run.years))
    advice = f"{counted(waiting, 'approved change')} not written yet: run the job apply_changes."
    notes = {"result": "Nothing was written: only the job apply_changes does that."}
    written, found = (
        ChangesWritten(changes_left=waiting),
        _all_written(waiting == 0, waiting, advice if waiting else ""),
    )
    return StepReport("applied_changes", [written], notes=notes, findings=[found])


def _all_written(holds: bool, left: int, advice: str) -> Finding:
    return Finding("all_written", holds, {"changes_left": left}, advice, refuses=False)


def _report(reports: Mapping[str, Applied]) -> StepReport:
    results: Counter[str] = Counter()
    for found in reports.values():
        results.update(found.results)
    problems = [f"{place_of(name)}: {found.problem}" for name, found in reports.items() if found.problem]
    stopped = next((found.stopped for found in reports.values() if found.stopped is not None), None)
    left = sum(found.left for found in reports.values())
    written = ChangesWritten(results["applied"], results["failed"], results["conflicted"], left, problems)
    is_all = not (left or results["failed"] or results["conflicted"])
    return StepReport(
        "applied_changes",
        [written],
        findings=[_all_written(is_all, left, str(stopped or " ".join(problems)))],
        stopped=None if stopped is None else str(stopped),  # in words: a person goes on, no sensor
    )
