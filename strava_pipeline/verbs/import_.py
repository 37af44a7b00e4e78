"""The command `import`: archives, folders and files into the warehouse; with --dry-run, what they hold.

Reading them is ingest's, importing the job's. `import list` and `import undo` stand in imports.py.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import Verbose
from strava_pipeline.verbs.output import echo_json, left_out_line

if TYPE_CHECKING:
    from strava_pipeline.core.files.recording import DecodedFile
    from strava_pipeline.ingest.archive.bulk_export import BulkExport
    from strava_pipeline.ingest.archive.survey import Survey
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.run_job import RunOutcome

_SHOWN = 20  # problems and names of a kind; --json has all


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Strava's archives (zip or unpacked), folders, single files.", metavar="PATH", show_default=False
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is found; change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    verbose: Verbose = False,
) -> None:
    """Take in Strava's archive, folders and files: activities, laps, tracks. Twice changes nothing; no call is made.

    `import list` shows what came in, `import undo NAME` takes one import out again.
    """
    if dry_run:
        _preview(paths, as_json=as_json)
    else:
        _import(paths, as_json=as_json, verbose=verbose)


def _import(paths: list[Path], *, as_json: bool, verbose: bool) -> None:
    from strava_pipeline.ingest.archive.bulk_export import refuse_foreign_lists
    from strava_pipeline.ingest.archive.container import open_container
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.run_report import print_outcome
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    for path in paths:
        with open_container(path, settings.import_limits) as container:  # a refusal comes before a run is started
            refuse_foreign_lists(container)
    runs = import_runs(settings, paths, verbose=verbose)
    if as_json:
        echo_json(_import_json(list(runs)))
        return
    runs_shown = 0
    for outcome in runs:
        print_outcome(outcome)
        runs_shown += 1
    if runs_shown == 1:
        out.print("Nothing of it is new: the warehouse holds it already")


def import_runs(settings: "Settings", paths: list[Path], *, verbose: bool = False) -> Iterator["RunOutcome"]:
    """Run the import, and yield each run when it has ended: first the files and their readings, then the merge of what is new."""
    from strava_pipeline.lake.gold.publish import is_published
    from strava_pipeline.lake.imports.merge import years_with_unmerged_imports
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.operations.years import year_range
    from strava_pipeline.orchestrate.jobs import FILE_BRONZE, IMPORT_JOB, MERGE_FILES_JOB
    from strava_pipeline.verbs.run_job import run_job
    from strava_pipeline.verbs.terminal import progress_for_terminal

    run = partial(run_job, settings, progress_of=progress_for_terminal(), log_level="INFO" if verbose else "CRITICAL")
    config = {"paths": [str(path.absolute()) for path in paths], "also_undone": True}
    yield run(IMPORT_JOB, years=None, config={FILE_BRONZE: config})
    lake, years = Lake(settings.data_dir), year_range(settings.first_year)
    behind = years_with_unmerged_imports(lake, years)
    if not behind and not is_published(lake):  # who merged it last died before readers could see it
        behind = {years.newest}
    if behind:
        yield run(MERGE_FILES_JOB, years=list(range(min(behind), max(behind) + 1)))


_COUNTS = {
    "files": ("bronze_files", "dagster/row_count"),
    "new_files": ("bronze_files", "new_files"),
    "problems": ("bronze_files", "problems"),
    "files_read": ("file_readings", "files_read"),
    "files_with_problems": ("file_readings", "files_with_problems"),
    "activities_new": ("activities", "inserted"),
    "activities_changed": ("activities", "updated"),
    "activities_of_several_sources": ("activity_matches", "activities_with_several_sources"),
    "pairs_proposed": ("activity_matches", "pairs_proposed"),
    "tracks_written": ("tracks", "tracks_from_files"),
}


def _import_json(outcomes: list["RunOutcome"]) -> dict[str, Any]:
    """What was imported, as JSON; 0 where nothing had to be merged."""
    reported = {asset: metadata for outcome in outcomes for asset, metadata in outcome.metadata.items()}
    counts = {name: reported.get(asset, {}).get(key, 0) for name, (asset, key) in _COUNTS.items()}
    others = reported.get("bronze_files", {}).get("left_out_by_kind", {})
    return {"run_ids": [outcome.run_id for outcome in outcomes], **counts, "others_by_kind": others}


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
        "salvaged": found.salvaged,
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
    if found.salvaged:
        lines.append(
            "  It is cut off or damaged: what follows was found by looking through it. Get a whole copy if you can."
        )
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
        f"{counts['rows_without_file']} typed in by hand, {counts['rows_not_exported']} that Strava could not export"
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
