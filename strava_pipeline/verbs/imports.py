"""The commands `import list` and `import undo`: which imports there are, and how one leaves the warehouse again.

What an undo removes is decided in operations/undoing.py; the rebuild removes it.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import Verbose
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from strava_pipeline.lake.imports.manifests import Import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.undoing import UndoPlan
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.run_job import RunOutcome

_COUNTED = ("activities_all", "files")
_WORD = "undo"
_SHOWN = 20  # imports; --json has all


def list_(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show every import: the name that `import undo` takes, what came in, when, and which are undone."""
    from strava_pipeline.lake.imports.manifests import all_imports, effective_imports
    from strava_pipeline.lake.imports.undo import describe_import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import out

    came = all_imports(Lake(Settings.load().data_dir))
    held = {one.name: one for one in effective_imports(came)}
    if as_json:
        echo_json(plain({"imports": [_import_json(one, held.get(one.name)) for one in came]}))
        return
    for one in came:
        line = describe_import(held.get(one.name, one))
        if one.undone is not None:
            line += f"; undone {one.undone.undone_at:%Y-%m-%d %H:%M} UTC"
        elif one.name not in held:
            line += "; earlier imports hold all of it"
        out.print(line)
    if not came:
        out.print("Nothing was imported.")


def undo(
    name: Annotated[
        str,
        typer.Argument(
            help="The import: its name as `import list` shows it (`import_name` in the table files), or the name of the "
            "archive, folder or file that came in, where only one has it.",
            metavar="NAME",
            show_default=False,
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would leave; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Undo it without a question.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    verbose: Verbose = False,
) -> None:
    """Take one import's rows and files out of the warehouse. Bronze keeps them and a note; no call is made."""
    from datetime import UTC, datetime

    from strava_pipeline.lake.imports.undo import find_import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.undoing import plan_undo
    from strava_pipeline.operations.undoing import undo as note
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs import terminal

    settings = Settings.load()
    lake = Lake(settings.data_dir)
    one, now = find_import(lake, name), datetime.now(UTC)
    plan = None
    if one.undone is None:
        _ensure_all_read(settings, verbose=verbose)
        plan = plan_undo(lake, one, now)
        if not (as_json and dry_run):
            _print_plan(plan, terminal.out if dry_run and not as_json else terminal.err)
        if not dry_run:
            _confirm(yes=yes)
            plan = note(lake, one, now)
    elif not dry_run:
        terminal.err.print(f"{one.name} is undone already, but was not removed completely: that is done now.")
    if dry_run:
        if as_json:
            _echo(one, plan, None, {})
    else:
        _take_out(settings, one, plan, as_json=as_json, verbose=verbose)


def _take_out(settings: "Settings", one: "Import", plan: "UndoPlan | None", *, as_json: bool, verbose: bool) -> None:
    """Rebuild everything without the import, which is noted as undone, and show what left."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.terminal import out

    lake = Lake(settings.data_dir)
    before = _published_keys(lake)
    outcome = _rebuild(settings, verbose=verbose)
    after = _published_keys(lake)
    gone = {table: len(before[table] - after[table]) for table in _COUNTED}
    if as_json:
        _echo(one, plan, outcome, gone)
        return
    out.print(
        f"Undone: {one.name} ({one.manifest.came_as}). {gone['activities_all']} activities and {gone['files']} files left the "
        f"warehouse. Their bytes stay in {lake.files}; `strava-pipeline import` of the same path brings them back."
    )


def _ensure_all_read(settings: "Settings", *, verbose: bool) -> None:
    """Rebuild where files are unread: what an undo keeps must be on disk first, so that nothing of it can be lost."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.importing import unmade
    from strava_pipeline.operations.reading_files import unread

    lake = Lake(settings.data_dir)
    if unmade(lake) or unread(lake):
        _rebuild(settings, verbose=verbose)


def _rebuild(settings: "Settings", *, verbose: bool) -> "RunOutcome":
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_job
    from strava_pipeline.verbs.terminal import progress_for_terminal

    log_level = "INFO" if verbose else "CRITICAL"
    return run_job(settings, REBUILD_JOB, years=None, progress_of=progress_for_terminal(), log_level=log_level)


def _confirm(*, yes: bool) -> None:
    from strava_pipeline.core.errors import MisuseError, PipelineError
    from strava_pipeline.verbs.terminal import err

    if yes:
        return
    if not sys.stdin.isatty():
        raise MisuseError(
            "Nothing was undone: a person has to agree, and nobody is at this terminal. `import undo NAME --yes` undoes it "
            "without a question."
        )
    err.print(f"To take it out of the warehouse, type the word {_WORD}: ", end="")
    if sys.stdin.readline().strip() != _WORD:
        raise PipelineError("Nothing was undone: the typed word was another one.")


def _print_plan(plan: "UndoPlan", console: Any) -> None:
    """What leaves and what stays, for a person."""
    from strava_pipeline.lake.imports.undo import describe_import

    console.print(describe_import(plan.one))
    console.print(
        f"  {plan.activities_leaving} of its {plan.activities} activities and {plan.files_leaving} of its {plan.files} files "
        "leave the warehouse. The others stay with what Strava and other imports say of them."
    )
    if plan.unnoted:
        console.print(
            f"  {plan.unnoted} of these {plan.files_leaving} files came in by an earlier version, which did not note what other "
            "paths held, too. If you imported some of them from another path as well, they leave all the same, unless you "
            "import that path again first: that notes it, and reads nothing twice.",
            style="yellow",
        )
        for one in plan.unclear[:_SHOWN]:
            console.print(f"    may hold some of them: {describe_import(one)}", style="yellow")
        if len(plan.unclear) > _SHOWN:
            console.print(f"    … and {len(plan.unclear) - _SHOWN} more (--json)", style="yellow")


def _echo(one: "Import", plan: "UndoPlan | None", outcome: "RunOutcome | None", gone: dict[str, int]) -> None:
    """What is to leave, or what left, as JSON."""
    report: dict[str, Any] = {"import_name": one.name, "came_as": one.manifest.came_as, "undone": outcome is not None}
    report |= {
        "run_id": outcome and outcome.run_id,
        "activities": gone["activities_all"] if gone else plan and plan.activities_leaving,
        "files": gone["files"] if gone else plan and plan.files_leaving,
        "files_unnoted": plan.unnoted if plan else 0,
        "may_hold_some": [each.name for each in plan.unclear] if plan else [],
    }
    echo_json(report)


def _import_json(one: "Import", counted: "Import | None") -> dict[str, Any]:
    manifest = (counted or one).manifest
    return {
        "import_name": one.name,
        "came_as": manifest.came_as,
        "kind": manifest.kind,
        "received_at": manifest.received_at,
        "files": len(manifest.files),
        "undone_at": one.undone and one.undone.undone_at,
    }


def _published_keys(lake: "Lake") -> dict[str, set[object]]:
    """The keys of the published rows that are counted; none where nothing was published."""
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.gold.quality import table_keys

    if not lake.snapshot.exists():
        return {table: set() for table in _COUNTED}
    with snapshot(lake) as connection:
        return {table: {key for (key,) in table_keys(connection, table)} for table in _COUNTED}
