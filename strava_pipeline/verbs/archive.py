"""The command `archive verify`: every row of Strava's archive compared with the warehouse, field by field, without a call."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import fields_of
from strava_pipeline.verbs.options import Json, command_group

if TYPE_CHECKING:
    from strava_pipeline.core.files.agreement import Agreement
    from strava_pipeline.core.limits import ImportLimits
    from strava_pipeline.ingest.archive.bulk_export import BulkExport
    from strava_pipeline.ingest.archive.container import Container
    from strava_pipeline.lake.gold.warehouse import Connection


archive = command_group("Compare Strava's archive of everything with the warehouse: verify.")
_DIFFERENT = 4


@archive.callback()
def _group() -> None:
    """Compare Strava's archive of everything with the warehouse."""


@archive.command()
def verify(
    path: Annotated[
        Path, typer.Argument(help="Strava's archive, a zip or unpacked.", metavar="ZIP", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Compare every row, file and piece of gear of an archive with the warehouse: ends with 4 if anything differs.

    Changes nothing, makes no call.
    """

    from strava_pipeline.core.files.agreement import compare_activities, gold_id
    from strava_pipeline.core.files.objects import row_id
    from strava_pipeline.environment.settings import Settings
    from strava_pipeline.ingest.archive.container import open_container
    from strava_pipeline.lake.gold.publish import current_snapshot
    from strava_pipeline.lake.gold.quality import gold_activities, stand_ins
    from strava_pipeline.lake.made.tracks import tracked_ids
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.verbs.views import MOST, show

    settings = Settings.load()
    lake, limits = Lake(settings.data_dir), settings.import_limits
    with open_container(path, limits) as container:
        export = _only_export(container)
        with current_snapshot(lake) as connection:
            held, athlete_id = gold_activities(connection), export.athlete_id
            export = export.with_ids(lambda row: gold_id(row, held, athlete_id))
            agreement = compare_activities(export.activities.rows, held, stand_ins(connection), athlete_id)
            comparison = _files_and_gear(connection, container, export, limits)
    files = {row_id(row) for row in export.files.values()}
    tracks = {"rows_with_file": len(files), "with_track": len(files & tracked_ids(lake))}
    agrees = agreement.agrees and not comparison["files"]["differing"] and not comparison["gear"]
    report = {"path": path, "agrees": agrees, "athlete_id": export.athlete_id, **fields_of(agreement)}
    report |= {
        "fields": agreement.fields,
        "problems": [*map(str, export.activities.faults)],
        "tracks": tracks,
        **comparison,
    }
    forms = {"problem": lambda each: each.replace("_", " ")}
    show(report, as_json=as_json, advice=_advice(agreement, comparison), forms=forms, most=MOST)
    raise typer.Exit(0 if agrees else _DIFFERENT)


def _only_export(container: "Container") -> "BulkExport":
    from strava_pipeline.core.errors import MisuseError, PipelineError
    from strava_pipeline.ingest.archive.bulk_export import bulk_exports

    exports = bulk_exports(container, refuse_foreign=True)
    if len(exports) > 1:
        names = ", ".join(export.list_name for export in exports)
        raise MisuseError(f"{container.path} holds several archives ({names}). Name one of them.")
    if not exports:
        faults = "".join(f"\n  {each}" for each in container.faults[:3])
        raise PipelineError(
            f"{container.path} is no archive of Strava's, or too damaged: no list of activities (activities.csv) could be "
            "read in it. Name the zip that Strava mailed, or the folder to which it was unpacked; "
            f"`strava-pipeline import {container.path} --dry-run` says what is in it.{faults}"
        )
    return exports[0]


def _advice(agreement: "Agreement", comparison: dict[str, Any]) -> Iterator[str]:
    if agreement.other_athletes:
        return
    if agreement.only_in_archive:
        yield "`strava-pipeline reconcile`, or `import` of this archive, imports what only the archive has."
    if agreement.only_in_gold or agreement.differing:
        yield "`strava-pipeline reconcile` looks for what was deleted or edited at Strava since it was last asked."
    if comparison["files"]["differing"]:
        yield (
            "`strava-pipeline import` of this archive imports files that only it has. Where files are missing or can't be read "
            "in it, unpack it again, or request another one at Strava."
        )


def _files_and_gear(
    connection: "Connection", container: "Container", export: "BulkExport", limits: "ImportLimits"
) -> dict[str, Any]:
    """Every file that the archive has or should have, and its gear, compared. `compared` is 0 if gold has no archive's files."""
    from strava_pipeline.core.files.agreement import FileDifference, FileProblem, compare_files, compare_gear
    from strava_pipeline.ingest.archive.bulk_export import archive_files
    from strava_pipeline.ingest.archive.container import Kind
    from strava_pipeline.lake.gold.quality import gold_files
    from strava_pipeline.verbs.terminal import watched

    held = gold_files(connection)
    with watched("Comparing files", None, output_follows=True) as advance:
        found = list(archive_files(container, export, limits, advance))
    wrong = [FileDifference(row.filename or "", FileProblem.SHARED) for row in export.shared]
    if container.kind is not Kind.FILE:  # a list alone has no files with it
        wrong += [FileDifference(row.filename or "", FileProblem.NOT_IN_ARCHIVE) for row in export.missing]
        wrong += [FileDifference(name, FileProblem.PICTURE_MISSING) for name in export.missing_media]
    wrong += compare_files(found, held)
    gear = compare_gear(export.gear, held).items()
    return {
        "files": {"compared": len(found) if held.of_archives else 0, "differing": wrong},
        "gear": [{"name": name, "archive": archived, "gold": gold} for name, (archived, gold) in gear],
    }
