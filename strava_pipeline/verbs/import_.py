"""The commands `import`, `import list` and `import undo`: archives, folders and files into the warehouse, and out of it again.

Reading files is ingest's, importing them the job's. What an undo removes is decided in operations/undoing.py.
"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import Json, Verbose
from strava_pipeline.verbs.output import echo_json, left_out_line

if TYPE_CHECKING:
    from strava_pipeline.core.files.recording import DecodedFile
    from strava_pipeline.ingest.archive.bulk_export import BulkExport
    from strava_pipeline.ingest.archive.survey import Survey
    from strava_pipeline.lake.imports.manifests import Import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.undoing import UndoPlan
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.run_job import RunOutcome


_SHOWN = 20  # problems, names or imports of a kind; --json has all


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Strava's archives (zip or unpacked), folders, single files.", metavar="PATH", show_default=False
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is found; change nothing.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Import Strava's archive, folders and files: activities, laps, tracks. Twice changes nothing; no call is made.

    `import list` shows all imports, `import undo NAME` takes one out again.
    """
    if dry_run:
        _preview(paths, as_json=as_json)
    else:
        _import(paths, as_json=as_json, verbose=verbose)


def _import(paths: list[Path], *, as_json: bool, verbose: bool) -> None:
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.without_activities import without_activities
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.import_outcome import print_without, result_json
    from strava_pipeline.verbs.run_job import import_runs
    from strava_pipeline.verbs.run_report import print_outcome
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    check_paths(settings, paths)  # a refusal comes before a run is started
    outcomes = []
    for outcome in import_runs(settings, paths, verbose=verbose):
        print_outcome(outcome, lines=not as_json)
        outcomes.append(outcome)
    nothing_kept = outcomes[0].metadata.get("bronze_files", {}).get("paths_without_files", [])
    without = without_activities(Lake(settings.data_dir), paths, nothing_kept)
    if as_json:
        echo_json(result_json(outcomes, without))
    else:
        print_without(without, outcomes)
        if len(outcomes) == 1 and len(without) < len(paths):
            rest = "the others" if without else "it"
            out.print(f"Nothing of {rest} is new: the warehouse holds it already")
    if len(without) == len(paths) and not all(each.is_planned for each in without):
        raise typer.Exit(1)


def check_paths(settings: "Settings", paths: list[Path]) -> None:
    """Raise SourceError where one of the paths can't be imported, as far as its names and headers say."""
    from strava_pipeline.ingest.archive.bulk_export import refuse_foreign_lists
    from strava_pipeline.ingest.archive.container import open_container

    for path in paths:
        with open_container(path, settings.import_limits) as container:
            refuse_foreign_lists(container)


def _preview(paths: list[Path], *, as_json: bool) -> None:
    from strava_pipeline.ingest.archive.survey import survey
    from strava_pipeline.ingest.files.reading import read_file
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import out, watched

    now, limits = datetime.now(UTC), Settings.load().import_limits
    with watched("Reading activity files", None, output_follows=True) as advance:

        def read(name: str, content: bytes) -> "DecodedFile":
            advance(1)
            return read_file(content, name, now, limits)

        found = [survey(path, read, limits) for path in paths]
    if as_json:
        echo_json(plain({"paths": [survey_json(each) for each in found]}))
        return
    for each in found:
        for line in survey_lines(each):
            out.print(line)


def survey_json(found: "Survey") -> dict[str, Any]:
    """What a path holds, as JSON."""
    return {
        "path": str(found.path),
        "kind": found.kind,
        "activities": [
            {"year": year, "sport_type": sport, "activities": count} for (year, sport), count in _by_year(found)
        ],
        "files": dict(sorted(found.files.items())),
        "files_without_row": found.loose,
        "objects": dict(sorted(found.objects.items())),
        "others": found.others,
        "others_by_kind": {kind: len(names) for kind, names in found.left_out.items()},
        "exports": [_export_json(each) for each in found.exports],
        "problems": found.problems,
    }


def survey_lines(found: "Survey") -> list[str]:
    """What a path holds, as lines for a person."""
    what = counted(len(found.exports), "Strava export") if found.exports else "no Strava export"
    lines = [f"{found.path}: {'a ' + found.kind}, {what}"]
    for year in sorted({year for year, _ in found.activities}, key=lambda year: year or 0):
        sports = Counter({sport: count for (at, sport), count in found.activities.items() if at == year})
        shown = ", ".join(f"{sport} {count}" for sport, count in sports.most_common())
        lines.append(f"  {year or 'no date'}: {counted(sports.total(), 'activity')} ({shown})")
    if found.files:
        formats = ", ".join(f"{form} {count}" for form, count in found.files.most_common())
        lines.append(
            f"  {counted(found.files.total(), 'activity file')} ({formats}), {found.loose} of them without a row"
        )
    lines += [f"  {count} × {kind}" for kind, count in found.objects.most_common()]
    for export in found.exports:
        lines += _export_lines(export)
    if found.left_out:
        lines.append(f"  {left_out_line({kind: len(names) for kind, names in found.left_out.items()})}")
    if found.problems:
        lines.append(f"  {counted(len(found.problems), 'problem')}:")
        lines += [f"    {problem}" for problem in found.problems[:_SHOWN]]
        lines += [f"    … and {len(found.problems) - _SHOWN} more (--json)"] * (len(found.problems) > _SHOWN)
    return lines


def _by_year(found: "Survey") -> list[tuple[tuple[int | None, str], int]]:
    return sorted(found.activities.items(), key=lambda item: (item[0][0] or 0, -item[1], item[0][1]))


def _export_json(export: "BulkExport") -> dict[str, Any]:
    rows = export.activities.rows
    return {
        "root": export.root,
        "athlete_id": export.athlete_id,
        "rows": len(rows),
        "rows_with_file": len(export.files),
        "rows_without_file": sum(row.filename is None and not row.unexported for row in rows),
        "rows_not_exported": sum(row.unexported for row in rows),
        "rows_file_missing": [row.filename for row in export.missing],
        "rows_sharing_a_file": [row.filename for row in export.shared],
        "files_without_row": list(export.unlisted),
        "media_missing": len(export.missing_media),
        "gear": len(export.gear),
        "columns_not_named": list(export.activities.header.unnamed),
        "columns_unknown": list(export.activities.header.unknown),
        "sports_unknown": dict(export.activities.unknown_sports),
    }


def _export_lines(export: "BulkExport") -> list[str]:
    counts = _export_json(export)
    lines = [
        f"  {export.root or ''}activities.csv: {counted(counts['rows'], 'row')}, {counts['rows_with_file']} with their file, "
        f"{counts['rows_without_file']} entered by hand, {counts['rows_not_exported']} that Strava could not export"
    ]
    for name, text in (
        ("rows_file_missing", "rows whose file is missing"),
        ("files_without_row", "files without a row"),
        ("columns_not_named", "columns in a language not known, read by their place or content if at all"),
        ("columns_unknown", "columns of which nothing is known; kept as they are"),
        ("sports_unknown", "sports not known; kept as they are"),
    ):
        if found := list(counts[name]):
            more = f", … {len(found) - _SHOWN} more" * (len(found) > _SHOWN)
            lines.append(f"    {len(found)} {text}: {', '.join(found[:_SHOWN])}{more}")
    return lines


_COUNTED = ("activities_all", "files")
_WORD = "undo"


def list_(as_json: Json = False) -> None:
    """Show every import: its name for `import undo`, its source, when, and which are undone."""
    from strava_pipeline.lake.imports.manifests import all_imports, effective_imports
    from strava_pipeline.lake.imports.undo import describe_import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import out

    everything = all_imports(Lake(Settings.load().data_dir))
    effective = {one.name: one for one in effective_imports(everything)}
    if as_json:
        echo_json(plain({"imports": [_import_json(one, effective.get(one.name)) for one in everything]}))
        return
    for one in everything:
        line = describe_import(effective.get(one.name, one))
        if one.undone is not None:
            line += f"; undone {one.undone.undone_at:%Y-%m-%d %H:%M} UTC"
        elif one.name not in effective:
            line += "; earlier imports hold all of it"
        out.print(line)
    if not everything:
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
    as_json: Json = False,
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
            if not yes:
                terminal.refuse_without_person(
                    "Nothing was undone: a person has to agree, and nobody is at this terminal. `import undo NAME --yes` undoes "
                    "it without a question."
                )
                question = f"To take it out of the warehouse, type the word {_WORD}: "
                terminal.ask_to_type(_WORD, question, "Nothing was undone: the typed word was another one.")
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
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_in_terminal
    from strava_pipeline.verbs.terminal import out

    lake = Lake(settings.data_dir)
    before = _published_keys(lake)
    outcome = run_in_terminal(settings, REBUILD_JOB, verbose=verbose)
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
    from strava_pipeline.operations.importing import lacks_activities
    from strava_pipeline.operations.reading_files import unread_files
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_in_terminal

    lake = Lake(settings.data_dir)
    if lacks_activities(lake) or unread_files(lake):
        run_in_terminal(settings, REBUILD_JOB, verbose=verbose)


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
    from strava_pipeline.lake.gold.quality import table_columns, table_keys

    if not lake.snapshot.exists():
        return {table: set() for table in _COUNTED}
    with snapshot(lake) as connection:
        columns = table_columns(connection)
        return {table: {key for (key,) in table_keys(connection, table, columns)} for table in _COUNTED}
