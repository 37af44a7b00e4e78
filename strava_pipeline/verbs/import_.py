"""The commands `import` and `import undo`: archives, folders and files into the warehouse, and out of it again.

Reading files is ingest's, importing them the job's. The effect of an undo is determined in operations/undoing.py.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.verbs.options import Json, Verbose
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from strava_pipeline.core.files.recording import DecodedFile
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.archive.bulk_export import BulkExport
    from strava_pipeline.ingest.archive.survey import Survey
    from strava_pipeline.lake.imports.manifests import Import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.undoing import UndoPlan


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Strava's archives (zip or unpacked), folders, single files.", metavar="PATH", show_default=False
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is found; change nothing.")] = False,
    request: Annotated[
        str | None, typer.Option(hidden=True, help="The request of a page that this carries out.")
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Import archives, folders and files: activities, laps, tracks. Twice changes nothing; no call is made.

    `import undo` shows all imports, `import undo NAME` takes one out again.
    """
    if dry_run:
        _preview(paths, as_json=as_json)
    else:
        _import(paths, request, as_json=as_json, verbose=verbose)


def _import(paths: list[Path], request: str | None, *, as_json: bool, verbose: bool) -> None:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.without_activities import without_activities
    from strava_pipeline.verbs.import_outcome import import_result
    from strava_pipeline.verbs.run_job import import_runs
    from strava_pipeline.verbs.run_report import print_outcome
    from strava_pipeline.verbs.terminal import err, out
    from strava_pipeline.verbs.views import show

    settings = Settings.load()
    if request is None:  # else its run says why
        check_paths(settings, paths)  # a refusal comes before a run is started
    outcomes = []
    for outcome in import_runs(settings, paths, request=request, verbose=verbose):
        print_outcome(outcome, lines=not as_json)
        outcomes.append(outcome)
    nothing_kept = outcomes[0].metadata.get("bronze_files", {}).get("paths_without_files", [])
    without = without_activities(Lake(settings.data_dir), paths, nothing_kept)
    result = import_result(outcomes, without)
    if as_json:
        echo_json(result)
    else:
        show({"without_activities": result["without_activities"]}, to=err)
        if len(outcomes) == 1 and len(without) < len(paths):
            out.print("Nothing else is new: the warehouse holds it already")
    if len(without) == len(paths) and not all(each.is_planned for each in without):
        raise typer.Exit(1)


def check_paths(settings: "Settings", paths: list[Path]) -> None:
    """Raise SourceError if one of the paths can't be imported, as far as its names and headers show."""
    from strava_pipeline.ingest.archive.bulk_export import refuse_foreign_lists
    from strava_pipeline.ingest.archive.container import open_container

    for path in paths:
        with open_container(path, settings.import_limits) as container:
            refuse_foreign_lists(container)


def _preview(paths: list[Path], *, as_json: bool) -> None:
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.archive.survey import survey
    from strava_pipeline.ingest.files.reading import read_file
    from strava_pipeline.verbs.terminal import watched
    from strava_pipeline.verbs.views import MOST, show

    now, limits = datetime.now(UTC), Settings.load().import_limits
    with watched("Reading activity files", None, output_follows=True) as advance:

        def read(name: str, content: bytes) -> "DecodedFile":
            advance(1)
            return read_file(content, name, now, limits)

        found = [survey(path, read, limits) for path in paths]
    if as_json:
        echo_json({"paths": [survey_json(each) for each in found]})
        return
    for each in found:
        show(survey_json(each), most=MOST)


def survey_json(found: "Survey") -> dict[str, Any]:
    """The contents of a path; docs/formats.md describes them."""
    by_year = sorted(found.activities.items(), key=lambda item: (item[0][0] or 0, -item[1], item[0][1]))
    return {
        "path": found.path,
        "kind": found.kind,
        "activities": [{"year": year, "sport_type": sport, "activities": count} for (year, sport), count in by_year],
        "files": dict(sorted(found.files.items())),
        "files_without_row": found.loose,
        "objects": dict(sorted(found.objects.items())),
        "others": found.others,
        "others_by_kind": {kind: len(names) for kind, names in found.left_out.items()},
        "exports": [_export_json(each) for each in found.exports],
        "problems": found.problems,
    }


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


_COUNTED = ("activities_all", "files")
_WORD = "undo"


def _list(lake: "Lake", *, as_json: bool) -> None:
    from strava_pipeline.lake.imports.manifests import all_imports, effective_imports
    from strava_pipeline.verbs.views import show

    everything = all_imports(lake)
    effective = {one.name: one for one in effective_imports(everything)}
    found = [_import_json(one, effective.get(one.name)) for one in everything]
    show({"imports": found}, as_json=as_json, nothing="Nothing was imported.")


def undo(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The import: its name (`import_name` in the table files), or the name of the archive, folder or file that "
            "came in, where only one has it; none: show all imports.",
            metavar="NAME",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would leave; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Undo it without a question.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Take one import out of the warehouse, or show all imports. Bronze keeps its files and a note; no call is made."""
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.lake.imports.undo import find_import
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.undoing import plan_undo
    from strava_pipeline.operations.undoing import undo as note
    from strava_pipeline.verbs import terminal
    from strava_pipeline.verbs.views import show

    settings = Settings.load()
    lake = Lake(settings.data_dir)
    if name is None:
        _list(lake, as_json=as_json)
        return
    one, now = find_import(lake, name), datetime.now(UTC)
    plan = None
    if one.undone is None:
        _ensure_all_read(settings, verbose=verbose)
        plan = plan_undo(lake, one, now)
    show(
        _undo_json(one, plan),
        as_json=as_json and dry_run,
        to=terminal.out if dry_run else terminal.err,
        advice=[_UNNOTED] if plan and plan.unnoted else [],
    )
    if dry_run:
        return
    if plan is None:
        terminal.err.print(f"{one.name} is undone already, but was not removed completely: that is done now.")
    else:
        if not yes:
            _agree()
        plan = note(lake, one, now)
    _take_out(settings, one, plan, as_json=as_json, verbose=verbose)


def _agree() -> None:
    """Wait for a person's confirmation. Raises PipelineError for another answer, MisuseError if nobody is there."""
    from strava_pipeline.verbs.terminal import ask_to_type, refuse_without_person

    refuse_without_person(
        "Nothing was undone: a person has to agree, and nobody is at this terminal. `import undo NAME --yes` undoes it "
        "without a question."
    )
    question = f"To take it out of the warehouse, type the word {_WORD}: "
    ask_to_type(_WORD, question, "Nothing was undone: the typed word was another one.")


def _take_out(settings: "Settings", one: "Import", plan: "UndoPlan | None", *, as_json: bool, verbose: bool) -> None:
    """Rebuild everything without the import, which is recorded as undone, and show what left."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_in_terminal
    from strava_pipeline.verbs.views import show

    lake = Lake(settings.data_dir)
    before = _published_keys(lake)
    outcome = run_in_terminal(settings, REBUILD_JOB, verbose=verbose)
    after = _published_keys(lake)
    gone = {table: len(before[table] - after[table]) for table in _COUNTED}
    left = {"undone": True, "run_id": outcome.run_id, "activities": gone["activities_all"], "files": gone["files"]}
    advice = f"Their bytes stay in {lake.files}; `strava-pipeline import` of the same path brings them back."
    show(_undo_json(one, plan) | left, as_json=as_json, advice=[advice])


def _ensure_all_read(settings: "Settings", *, verbose: bool) -> None:
    """Rebuild if files are unread: everything that an undo keeps must be on disk first, so that nothing can be lost."""
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.importing import lacks_activities
    from strava_pipeline.operations.reading_files import unread_files
    from strava_pipeline.orchestrate.jobs import REBUILD_JOB
    from strava_pipeline.verbs.run_job import run_in_terminal

    lake = Lake(settings.data_dir)
    if lacks_activities(lake) or unread_files(lake):
        run_in_terminal(settings, REBUILD_JOB, verbose=verbose)


_UNNOTED = (
    "The files that are not noted came in by an earlier version, which did not note what other paths held, too. If you imported "
    "some of them from another path as well, they leave all the same, unless you import that path again first: that notes it, "
    "and reads nothing twice."
)


def _undo_json(one: "Import", plan: "UndoPlan | None") -> dict[str, Any]:
    """The effect of an undo; None if the import is already undone."""
    return {
        "import_name": one.name,
        "came_as": one.manifest.came_as,
        "undone": False,
        "run_id": None,
        "activities": plan and plan.activities_leaving,
        "files": plan and plan.files_leaving,
        "files_unnoted": plan.unnoted if plan else 0,
        "may_hold_some": [each.name for each in plan.unclear] if plan else [],
    }


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
    """The keys of the published rows that are counted; empty if nothing was published."""
    from strava_pipeline.lake.gold.publish import snapshot
    from strava_pipeline.lake.gold.quality import table_columns, table_keys

    if not lake.snapshot.exists():
        return {table: set() for table in _COUNTED}
    with snapshot(lake) as connection:
        columns = table_columns(connection)
        return {table: {key for (key,) in table_keys(connection, table, columns)} for table in _COUNTED}
