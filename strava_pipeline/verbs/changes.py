"""The command `changes`: proposals at services, a person's decisions about them, writing, and undoing.

Exactly the shown values are approved: the present one and the new one. There is no option that approves an unseen
change. The work is operations/changes'.
"""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs import views
from strava_pipeline.verbs.options import AsJson, Verbose, command_group
from strava_pipeline.verbs.output import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from strava_pipeline.core.changes.states import ChangeState, Verdict
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.operations.changes.deciding import Wanted

changes = command_group("Changes at services that wait for your yes: see, approve, reject, write, and take them back.")
_LISTED = ("proposed", "approved", "failed", "conflicted")  # without --status; the others are counted
_NOT_ALL_DONE = 1
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `changes list` shows them.", metavar="IDS")]
Month = Annotated[str | None, typer.Option(help="Only of this local month, as 2026-10.")]
Provider = Annotated[str | None, typer.Option(help="Only at this service.")]
Kind = Annotated[str | None, typer.Option(help="Only of this kind, such as update_name.")]
From = Annotated[Path | None, typer.Option("--from", help="A file that `changes list --out` wrote, unchanged.")]


@changes.command("list")
def list_(
    month: Month = None,
    provider: Provider = None,
    kind: Kind = None,
    status: Annotated[str | None, typer.Option(help="Only with this status, such as proposed.")] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", help="Write what is proposed to this file, for `changes approve --from`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show proposed changes: the value that is there, and the value that it gets."""
    from strava_pipeline.core.changes.states import STATES
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.changes.deciding import shown
    from strava_pipeline.operations.changes.proposing import left_out_now
    from strava_pipeline.verbs.change_view import next_lines, print_groups

    _check("--status", status, STATES)
    if out_ is not None and status not in (None, "proposed"):
        raise typer.BadParameter("only what is proposed can be approved from a file", param_hint="--status")
    settings = _settings()
    everything = _states(settings)
    states = _filtered(everything, month, provider, kind)
    if out_ is not None:
        _write_list(out_, {key: state for key, state in states.items() if state.state == "proposed"})
        return
    chosen = {key: state for key, state in states.items() if status in (None, state.state)}
    left_out = left_out_now(Lake(settings.data_dir)) if everything else 0
    if as_json:
        echo_json({"changes": {key: shown(state) for key, state in chosen.items()}, "left_out": left_out})
        return
    print_groups({key: one for key, one in chosen.items() if status or one.state in _LISTED})
    counts = Counter(state.state for state in states.values())
    views.show({"in all": counts}, nothing="No change was proposed.", advice=next_lines(states, left_out, month))


def _filtered(
    states: "Mapping[str, ChangeState]", month: str | None, provider: str | None, kind: str | None
) -> "dict[str, ChangeState]":
    """The changes of this month, service and kind. Raises BadParameter for an unknown kind."""
    from strava_pipeline.core.changes.records import KINDS

    _check("--kind", kind, KINDS)
    wanted = {"month": month, "provider": provider, "kind": kind}
    return {
        key: state
        for key, state in states.items()
        if all(value in (None, getattr(state.change, name)) for name, value in wanted.items())
    }


def _check(option: str, value: str | None, known: "Collection[str]") -> None:
    if value is not None and value not in known:
        raise typer.BadParameter(f"one of {', '.join(known)}", param_hint=option)


def _write_list(path: Path, states: "Mapping[str, ChangeState]") -> None:
    """Write a list that can be approved unchanged, and show it."""
    from strava_pipeline.operations.changes.deciding import seal_of, shown
    from strava_pipeline.verbs.change_view import print_groups
    from strava_pipeline.verbs.output import write_private

    content = {key: shown(state) for key, state in states.items()}
    sealed = {key: {**each, "seal": seal_of(key, each)} for key, each in content.items()}
    write_private(path, [json.dumps({"changes": sealed}, ensure_ascii=False, indent=1).encode(), b"\n"])
    print_groups(states)
    echo(
        f"\nWrote {counted(len(states), 'change')} to {path}. `strava-pipeline changes approve --from {path}` approves them."
    )


@changes.command()
def show(
    change_id: Annotated[str, typer.Argument(metavar="ID", help="An id, as `changes list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show one change: its values, its state, and what was sent and answered."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.changes.deciding import shown, shown_attempts
    from strava_pipeline.verbs.change_view import print_change

    settings = _settings()
    state = _one(_states(settings), change_id)
    attempts = {"attempts": shown_attempts(Lake(settings.data_dir), change_id)}
    if as_json:
        echo_json({"changes": {change_id: shown(state) | attempts}})
    else:
        print_change(change_id, state)
        views.show(attempts)


@changes.command()
def approve(
    ids: Ids = None, list_file: From = None, month: Month = None, provider: Provider = None, kind: Kind = None
) -> None:
    """Approve changes: by id, of a month, service or kind (they are shown first), or a list of `changes list --out`."""
    _decide("approved", ids, list_file, (month, provider, kind))


@changes.command()
def reject(
    ids: Ids = None, list_file: From = None, month: Month = None, provider: Provider = None, kind: Kind = None
) -> None:
    """Reject changes: they are not proposed again until the value itself is another one."""
    _decide("rejected", ids, list_file, (month, provider, kind))


def _decide(
    verdict: "Verdict", ids: list[str] | None, list_file: Path | None, which: tuple[str | None, str | None, str | None]
) -> None:
    """Decide about ids, a file, or the changes of a month, service and kind."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.operations.changes.deciding import Wanted, decide
    from strava_pipeline.verbs.change_view import print_change

    if bool(ids) + (list_file is not None) + any(which) != 1:
        raise MisuseError(
            "Name the ids, as `strava-pipeline changes list` shows them; or --month, --provider, --kind; or give --from FILE."
        )
    verb = {"approved": "approve", "rejected": "reject"}[verdict]
    if any(which):
        _decide_group(verdict, which, f"strava-pipeline changes {verb}")
        return
    wanted = [Wanted(each) for each in ids or []] if list_file is None else _listed_in(list_file)
    if not wanted:
        echo(f"{list_file} lists no change.")
        return
    found = decide(_settings(), verdict, wanted, f"strava-pipeline changes {verb}", print_change)
    _echo_decided(verdict, len(found))


def _decide_group(verdict: "Verdict", which: tuple[str | None, str | None, str | None], by: str) -> None:
    """Show the proposed changes of a month, service and kind, and ask once about all of them."""
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.verbs.change_prompt import approve_or_reject_group
    from strava_pipeline.verbs.change_view import is_asking

    settings = _settings()
    states = _filtered(_states(settings), *which)
    states = {key: state for key, state in states.items() if state.state == "proposed"}
    if not states:
        echo("No such change is proposed.")
        return
    if not is_asking():
        raise MisuseError(
            "Nobody can be asked here, so nothing was decided. Write a list with `strava-pipeline changes list --out FILE`, "
            "look at it, and give it with --from FILE."
        )
    if not (count := approve_or_reject_group(settings, verdict, states, by)):
        echo("Nothing was decided.")
        raise typer.Exit(1)
    _echo_decided(verdict, count)


def _echo_decided(verdict: "Verdict", count: int) -> None:
    from strava_pipeline.verbs.terminal import print_wrapped

    print_wrapped(f"{verdict.capitalize()}: {counted(count, 'change')}.")
    if verdict == "approved":
        print_wrapped("Nothing is written yet: `strava-pipeline changes apply` does that.")


def _listed_in(path: Path) -> "list[Wanted]":
    """The changes of a list, each as it was shown. Raises MisuseError for another file, UndecidedError for an edited one."""
    from strava_pipeline.core.errors import MisuseError, UndecidedError
    from strava_pipeline.operations.changes.deciding import Wanted, seal_of

    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["changes"]
        found = {str(key): dict(each) for key, each in listed.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise MisuseError(f"{path} is no list that `strava-pipeline changes list --out` wrote.") from None
    if edited := [key for key, each in found.items() if each.get("seal") != seal_of(key, each)]:
        raise UndecidedError(
            f"Nothing was decided: in {path} somebody changed {', '.join(edited)}. A list may have entries left out, and "
            "nothing else."
        )
    return [Wanted(key, each["seal"]) for key, each in found.items()]


@changes.command()
def apply(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="More than twenty at one service, too.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read, and show the exact requests; write nothing.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Write what you approved, each change read before and after; then merge and publish."""
    from strava_pipeline.core.changes.states import approved, year_of
    from strava_pipeline.core.years import span_of
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.jobs import APPLIED_CHANGES, APPLY_JOB
    from strava_pipeline.verbs.run_report import STOPPED, run_and_report

    settings = _settings()
    states, years = _states(settings), year_range(settings.first_year)
    for key in ids or []:
        _refuse_unapproved(key, _one(states, key))
    chosen = approved(states, ids or [], years.all, years)
    if not chosen:
        echo("Nothing is approved.")
        return
    if dry_run:
        _preview(settings, chosen, everything=everything)
        return
    of_years = {year_of(state.change, years) or years.newest for state in chosen}
    config = {APPLIED_CHANGES: {"ids": ids or [], "all": everything}}
    outcome = run_and_report(settings, APPLY_JOB, years=span_of(of_years), config=config, verbose=verbose)
    assert outcome is not None, "the command waits for its turn"
    written = outcome.metadata[APPLIED_CHANGES]
    if outcome.stopped_early:
        raise typer.Exit(STOPPED)
    if written["changes_failed"] or written["changes_conflicted"] or written.get("change_problems"):
        raise typer.Exit(_NOT_ALL_DONE)


def _preview(settings: "Settings", chosen: "list[ChangeState]", *, everything: bool) -> None:
    from strava_pipeline.operations.changes.previewing import previews
    from strava_pipeline.verbs.change_view import print_change, value_text
    from strava_pipeline.verbs.options import context_without_run
    from strava_pipeline.verbs.terminal import out, print_wrapped

    for found in previews(context_without_run(settings), settings, chosen, everything=everything):
        print_change(found.state.change.id, found.state)
        for request in found.requests:
            out.print(f"  {request.method} {request.address}")
            out.print(f"    {value_text(request.body)}")
        if found.problem:
            out.print(f"  {found.problem}", style="yellow")
    print_wrapped("Nothing was written. The login goes with each request and is not shown.")


def _refuse_unapproved(key: str, state: "ChangeState") -> None:
    from strava_pipeline.core.errors import PipelineError

    if state.state != "approved":
        raise PipelineError(
            f"{key} is {state.state}, so it is not written. `strava-pipeline changes show {key}` says more."
        )


@changes.command()
def undo(change_id: Annotated[str, typer.Argument(metavar="ID", help="The id of an applied change.")]) -> None:
    """Propose to give back the old value; approve and apply that like any other change."""
    from strava_pipeline.operations.changes.undoing import propose_undo
    from strava_pipeline.verbs.change_view import print_change
    from strava_pipeline.verbs.terminal import print_wrapped

    state = propose_undo(_settings(), change_id)
    print_change(state.change.id, state)
    key = state.change.id
    print_wrapped(f"Proposed. `strava-pipeline changes approve {key}`, then `strava-pipeline changes apply`.")


def _settings() -> "Settings":
    from strava_pipeline.environment.settings import Settings

    return Settings.load()


def _states(settings: "Settings") -> "dict[str, ChangeState]":
    from strava_pipeline.ingest.registry import primed_clock
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.changes.proposing import states_now

    return states_now(Lake(settings.data_dir), settings, primed_clock(settings).now())


def _one(states: "Mapping[str, ChangeState]", key: str) -> "ChangeState":
    from strava_pipeline.core.errors import MisuseError

    if key not in states:
        raise MisuseError(f"No change has the id {key}. `strava-pipeline changes list --json` has all of them.")
    return states[key]
