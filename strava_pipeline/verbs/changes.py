"""The command `changes`: what is proposed at services, a person's decisions about it, writing it, and taking it back.

What is approved is what was shown: the value that is there and the value that it gets. There is no option that approves what
nobody saw. The work is operations/changes'.
"""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import AsJson, Verbose
from strava_pipeline.verbs.output import echo, echo_json, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strava_pipeline.core.changes.states import ChangeState, Verdict
    from strava_pipeline.operations.changes.deciding import Wanted
    from strava_pipeline.settings import Settings

changes = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Changes at services that wait for your yes: see, approve, reject, write, and take them back.",
)
_LISTED = ("proposed", "approved", "failed", "conflicted")  # without --status; the others are counted
_COLOURS = {"proposed": "cyan", "approved": "green", "failed": "red", "conflicted": "yellow"}
_NOT_ALL_DONE = 1
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `changes list` shows them.", metavar="IDS")]
From = Annotated[Path | None, typer.Option("--from", help="A file that `changes list --out` wrote, unchanged.")]


@changes.command("list")
def list_(
    month: Annotated[str | None, typer.Option(help="Only of this local month, as 2026-10.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only at this service.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as update_name.")] = None,
    status: Annotated[str | None, typer.Option(help="Only with this status, such as proposed.")] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", help="Write what is proposed to this file, for `changes approve --from`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show proposed changes: the value that is there, and the value that it gets."""
    from strava_pipeline.core.changes.records import KINDS
    from strava_pipeline.core.changes.states import STATES

    for option, value, known in (("--kind", kind, KINDS), ("--status", status, STATES)):
        if value is not None and value not in known:
            raise typer.BadParameter(f"one of {', '.join(known)}", param_hint=option)
    if out_ is not None and status not in (None, "proposed"):
        raise typer.BadParameter("only what is proposed can be approved from a file", param_hint="--status")
    wanted = {"month": month, "provider": provider, "kind": kind}
    states = {
        key: state
        for key, state in _states(_settings()).items()
        if all(value in (None, getattr(state.change, name)) for name, value in wanted.items())
    }
    if out_ is not None:
        _write_list(out_, {key: state for key, state in states.items() if state.state == "proposed"})
        return
    shown = {key: state for key, state in states.items() if status in (None, state.state)}
    if as_json:
        echo_json({"changes": {key: _json(state) for key, state in shown.items()}})
        return
    _print_list(shown if status else {key: one for key, one in shown.items() if one.state in _LISTED}, states)


def _write_list(path: Path, states: "Mapping[str, ChangeState]") -> None:
    """Write a list that can be approved as it is, and show it."""
    from strava_pipeline.operations.changes.deciding import seal_of, shown
    from strava_pipeline.verbs.output import write_private

    content = {key: shown(state) for key, state in states.items()}
    sealed = {key: {**each, "seal": seal_of(key, each)} for key, each in content.items()}
    write_private(path, [json.dumps({"changes": sealed}, ensure_ascii=False, indent=1).encode(), b"\n"])
    for key, state in states.items():
        print_change(key, state)
    echo(
        f"Wrote {counted(len(states), 'change')} to {path}. `strava-pipeline changes approve --from {path}` approves them."
    )


def _print_list(shown: "Mapping[str, ChangeState]", states: "Mapping[str, ChangeState]") -> None:
    from strava_pipeline.verbs.terminal import out

    for key, state in shown.items():
        print_change(key, state)
    counts = Counter(state.state for state in states.values())
    others = ", ".join(f"{count} {state}" for state, count in counts.items())
    out.print(f"In all: {others}." if others else "Nothing was ever proposed.")
    if counts["proposed"]:
        out.print("`strava-pipeline changes approve ID …` approves, `… reject ID …` rejects.")
    if counts["approved"]:
        out.print("`strava-pipeline changes apply` writes what is approved; `--dry-run` shows the requests.")


@changes.command()
def show(
    change_id: Annotated[str, typer.Argument(metavar="ID", help="An id, as `changes list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Show one change: its values, its state, and what was sent and answered."""
    from strava_pipeline.lake.changes import attempts_of
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.changes.deciding import shown_attempts
    from strava_pipeline.verbs.terminal import out

    settings = _settings()
    state = _one(_states(settings), change_id)
    if as_json:
        attempts = plain(shown_attempts(Lake(settings.data_dir), change_id))
        echo_json({"changes": {change_id: {**_json(state), "attempts": attempts}}})
        return
    record = attempts_of(Lake(settings.data_dir), change_id)
    print_change(change_id, state)
    for number in sorted({*record.intents, *record.outcomes}):
        intent, outcome = record.intents.get(number), record.outcomes.get(number)
        for request in intent.requests if intent is not None else ():
            out.print(f"  {number}: {request.method} {request.address}  {_value(request.body)}")
        if outcome is None:
            out.print(f"  {number}: what became of it is not known: the next run reads it first", style="yellow")
        else:
            said = outcome.result or "not written"
            out.print(f"  {number}: {said} at {outcome.at:%Y-%m-%d %H:%M} UTC. {outcome.message}".rstrip())
            out.print(f"     the service had: {_value(outcome.found)}")


@changes.command()
def approve(ids: Ids = None, list_file: From = None) -> None:
    """Approve changes: what is shown here, or a list that `changes list --out` wrote."""
    _decide("approved", ids, list_file)


@changes.command()
def reject(ids: Ids = None, list_file: From = None) -> None:
    """Reject changes: they are not proposed again until the value itself is another one."""
    _decide("rejected", ids, list_file)


def _decide(verdict: "Verdict", ids: list[str] | None, list_file: Path | None) -> None:
    from strava_pipeline.core.errors import MisuseError
    from strava_pipeline.operations.changes.deciding import Wanted, decide

    if bool(ids) == (list_file is not None):
        raise MisuseError("Name the ids, as `strava-pipeline changes list` shows them, or give --from FILE.")
    wanted = [Wanted(each) for each in ids or []] if list_file is None else _listed_in(list_file)
    if not wanted:
        echo(f"{list_file} lists no change.")
        return
    verb = {"approved": "approve", "rejected": "reject"}[verdict]
    found = decide(_settings(), verdict, wanted, f"strava-pipeline changes {verb}", print_change)
    echo(f"{verdict.capitalize()}: {counted(len(found), 'change')}.")
    if verdict == "approved":
        echo("Nothing is written yet: `strava-pipeline changes apply` does that.")


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
    from strava_pipeline.operations.changes.apply_step import approved, year_of
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
    outcome = run_and_report(
        settings, APPLY_JOB, years=list(range(min(of_years), max(of_years) + 1)), config=config, verbose=verbose
    )
    assert outcome is not None, "the command waits for its turn"
    written = outcome.metadata[APPLIED_CHANGES]
    if outcome.stopped_early:
        raise typer.Exit(STOPPED)
    if written["changes_failed"] or written["changes_conflicted"] or written.get("change_problems"):
        raise typer.Exit(_NOT_ALL_DONE)


def _preview(settings: "Settings", chosen: "list[ChangeState]", *, everything: bool) -> None:
    from strava_pipeline.operations.changes.previewing import previews
    from strava_pipeline.verbs.options import context_without_run
    from strava_pipeline.verbs.terminal import out

    for found in previews(context_without_run(settings), settings, chosen, everything=everything):
        print_change(found.state.change.id, found.state)
        for request in found.requests:
            out.print(f"  {request.method} {request.address}")
            out.print(f"    {_value(request.body)}")
        if found.problem:
            out.print(f"  {found.problem}", style="yellow")
    out.print("Nothing was written. The login goes with each request and is not shown.")


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

    state = propose_undo(_settings(), change_id)
    print_change(state.change.id, state)
    echo(f"Proposed. `strava-pipeline changes approve {state.change.id}`, then `strava-pipeline changes apply`.")


def _settings() -> "Settings":
    from strava_pipeline.settings import Settings

    return Settings.load()


def _states(settings: "Settings") -> "dict[str, ChangeState]":
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.changes.proposing import states_now
    from strava_pipeline.operations.strava_access import primed_clock

    return states_now(Lake(settings.data_dir), settings, primed_clock(settings).now())


def _one(states: "Mapping[str, ChangeState]", key: str) -> "ChangeState":
    from strava_pipeline.core.errors import MisuseError

    if key not in states:
        raise MisuseError(f"No change has the id {key}. `strava-pipeline changes list --json` has all of them.")
    return states[key]


def _json(state: "ChangeState") -> dict[str, Any]:
    from strava_pipeline.operations.changes.deciding import shown

    return dict(plain(shown(state)))


def print_change(key: str, state: "ChangeState") -> None:
    """A change: where, what is there, what it gets."""
    from strava_pipeline.operations.changes.apply_step import place_of
    from strava_pipeline.verbs.terminal import out

    change = state.change
    place = place_of(change.provider)
    of = f"{change.start:%Y-%m-%d}" if change.start else change.month
    undoes = f", takes {change.undoes} back" if change.undoes else ""
    out.print(f"{key}  {state.state}", style=_COLOURS.get(state.state, ""))
    out.print(f"  {change.kind} at {place}, {of}{undoes}" + (f": {change.title}" if change.title else ""))
    out.print(f"  is:   {_value(change.old)}")
    out.print(f"  gets: {_value(change.new)}")
    if state.reason:
        out.print(f"  {state.reason}", style="yellow")


def _value(value: object) -> str:
    """A value for a person; a text as it is, in quotes, so that blanks show."""
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
