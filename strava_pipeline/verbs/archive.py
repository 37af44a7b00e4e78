"""The command `archive verify`: every row of Strava's archive compared with the warehouse, field by field, without a call."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strava_pipeline.core.text import counted
from strava_pipeline.verbs.options import Json, command_group
from strava_pipeline.verbs.output import echo_json

if TYPE_CHECKING:
    from datetime import datetime

    from strava_pipeline.core.files.agreement import Agreement, FileDifference, NamedActivity
    from strava_pipeline.core.limits import ImportLimits
    from strava_pipeline.ingest.archive.bulk_export import BulkExport
    from strava_pipeline.ingest.archive.container import Container
    from strava_pipeline.lake.gold.warehouse import Connection


archive = command_group("Compare Strava's archive of everything with the warehouse: verify.")
_LONGEST = 40  # characters of a value
_BEFORE = 12  # of these, before a difference
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
    from strava_pipeline.ingest.archive.container import open_container
    from strava_pipeline.lake.gold.publish import current_snapshot
    from strava_pipeline.lake.gold.quality import gold_activities, stand_ins
    from strava_pipeline.lake.paths import Lake
    from strava_pipeline.lake.tracks import tracked_ids
    from strava_pipeline.settings import Settings
    from strava_pipeline.verbs.output import plain
    from strava_pipeline.verbs.terminal import out

    settings = Settings.load()
    lake, limits = Lake(settings.data_dir), settings.import_limits
    with open_container(path, limits) as container:
        export = _only_export(container)
        with current_snapshot(lake) as connection:
            held, athlete_id = gold_activities(connection), export.athlete_id
            export = export.with_ids(lambda row: gold_id(row, held, athlete_id))
            agreement = compare_activities(export.activities.rows, held, stand_ins(connection), athlete_id)
            comparison = compare_files_and_gear(connection, container, export, limits)
    files = {row_id(row) for row in export.files.values()}
    tracks = {"rows_with_file": len(files), "with_track": len(files & tracked_ids(lake))}
    agrees = agreement.agrees and comparison.agrees
    if as_json:
        report = {"path": str(path), **agreement_json(agreement, export), "tracks": tracks}
        echo_json(plain(report | {"agrees": agrees} | files_json(comparison)))
    else:
        head = [f"{path}: {counted(agreement.rows, 'activity')}", *lines(agreement, export, tracks)]
        for line in [*head, *files_lines(comparison), *_verdict(agreement, comparison)]:
            out.print(line)
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


def agreement_json(agreement: "Agreement", export: "BulkExport") -> dict[str, Any]:
    """The result of the comparison, as JSON."""
    return {
        "agrees": agreement.agrees,
        "athlete_id": export.athlete_id,
        "other_athletes": agreement.other_athletes,
        "rows": agreement.rows,
        "newest_start": agreement.newest_start,
        "in_both": agreement.in_both,
        "stood_for": agreement.stood_for,
        "only_in_archive": [_named(each) for each in agreement.only_in_archive],
        "only_in_gold": [_named(each) for each in agreement.only_in_gold],
        "deleted_in_gold": [
            _named(each.activity) | {"deleted_at": each.deleted_at, "archive_is_newer": each.archive_is_newer}
            for each in agreement.deleted
        ],
        "differing": [
            _named(each.activity)
            | {"fields": {name: {"archive": archived, "gold": held} for name, (archived, held) in each.fields.items()}}
            for each in agreement.differing
        ],
        "fields": agreement.fields,
        "problems": [str(fault) for fault in export.activities.faults],
    }


def lines(agreement: "Agreement", export: "BulkExport", tracks: dict[str, int]) -> list[str]:
    """The result of the comparison, as lines: counts first, then a sample of each kind."""
    missing, unknown = agreement.only_in_archive, agreement.only_in_gold
    wrong = [each for each in agreement.deleted if each.archive_is_newer]
    gone = [each for each in agreement.deleted if not each.archive_is_newer]
    problems = export.activities.faults
    report = [f"  in both                   {agreement.in_both}"]
    report += [f"    as another activity     {agreement.stood_for}"] * bool(agreement.stood_for)
    report += [
        f"    that differ             {len(agreement.differing)}{_by_field(agreement.fields)}",
        f"  only in the archive       {len(missing)}",
        f"  only in the warehouse     {len(unknown)}",
        f"  deleted in the warehouse  {len(agreement.deleted)}",
        f"  with a file               {tracks['rows_with_file']}, {tracks['with_track']} of them with a track in the warehouse",
    ]
    if agreement.other_athletes:
        whose = ", ".join(map(str, agreement.other_athletes))
        report.append(f"This is the archive of athlete {export.athlete_id}; the warehouse holds athlete {whose}.")
    report += sample_lines("Only in the archive:", missing, _activity_line)
    report += sample_lines("Only in the warehouse, though no newer than the archive:", unknown, _activity_line)
    report += sample_lines(
        "Deleted in the warehouse before the archive was created, which still has them:",
        wrong,
        lambda each: f"{_activity_line(each.activity)}, deleted {_moment(each.deleted_at)}",
    )
    report += sample_lines(
        "Differing (archive → warehouse):",
        agreement.differing,
        lambda each: f"{_activity_line(each.activity)}: {_changes(each.fields)}",
    )
    report += sample_lines(
        "Deleted since the archive was created, which is no difference:",
        gone,
        lambda each: f"{_activity_line(each.activity)}, deleted {_moment(each.deleted_at)}",
    )
    report += sample_lines("Could not be read in the archive's list, and so not be compared:", problems, str)
    return report


def _verdict(agreement: "Agreement", comparison: "FileComparison") -> list[str]:
    if agreement.agrees and comparison.agrees:
        return ["Nothing is missing and nothing differs."]
    report = ["They differ."]
    if agreement.other_athletes:
        return report
    if agreement.only_in_archive:
        report.append("`strava-pipeline reconcile`, or `import` of this archive, imports what only the archive has.")
    if agreement.only_in_gold or agreement.differing:
        report.append(
            "`strava-pipeline reconcile` looks for what was deleted or edited at Strava since it was last asked."
        )
    if comparison.differing:
        report.append(
            "`strava-pipeline import` of this archive imports files that only it has. Where files are missing or can't be read "
            "in it, unpack it again, or request another one at Strava."
        )
    return report


def _named(activity: "NamedActivity") -> dict[str, Any]:
    return {"id": activity.activity_id, "start_date": activity.start_date, "name": activity.name}


def _by_field(fields: dict[str, int]) -> str:
    return f" ({', '.join(f'{name} {count}' for name, count in fields.items())})" if fields else ""


def _activity_line(activity: "NamedActivity") -> str:
    return f"{activity.activity_id}  {_moment(activity.start_date)}  {_text(activity.name or '(no name)')}"


def _changes(fields: Any) -> str:
    return "; ".join(f"{name} {side_by_side(archived, held)}" for name, (archived, held) in fields.items())


def side_by_side(archived: Any, held: Any) -> str:
    """Two values that differ; of texts the part around the first difference, in quotes, so that a blank is visible."""
    if not (isinstance(archived, str) and isinstance(held, str)):
        return f"{_text(archived)} → {_text(held)}"
    differing = (place for place, (one, other) in enumerate(zip(archived, held, strict=False)) if one != other)
    begin = max(0, next(differing, min(len(archived), len(held))) - _BEFORE)
    return f"{_part(archived, begin)} → {_part(held, begin)}"


def _part(text: str, begin: int) -> str:
    signs = text[begin : begin + _LONGEST]
    part = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in signs)
    return f'{"…" * (begin > 0)}"{part}"{"…" * (begin + _LONGEST < len(text))}'


def _moment(at: "datetime | None") -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z" if at is not None else "no start"


def _text(value: Any) -> str:
    """A value in one short line, whatever characters it holds."""
    from datetime import datetime

    if value is None or isinstance(value, datetime):
        return "nothing" if value is None else _moment(value)
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in str(value)).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


_SHOWN = 20  # of each kind; --json has all


@dataclass(frozen=True, slots=True)
class FileComparison:
    """The result of comparing files and gear. `compared`: number of files, 0 where the warehouse has no archive's files."""

    compared: int
    differing: Sequence["FileDifference"]
    gear: Mapping[str, tuple[str, str | None]]

    @property
    def agrees(self) -> bool:
        return not self.differing and not self.gear


def compare_files_and_gear(
    connection: "Connection", container: "Container", export: "BulkExport", limits: "ImportLimits"
) -> FileComparison:
    """Compare every file that the archive has or should have, and its gear."""
    from strava_pipeline.core.files.agreement import (
        FileDifference,
        FileProblem,
        compare_files,
        compare_gear,
    )
    from strava_pipeline.ingest.archive.bulk_export import archive_files
    from strava_pipeline.ingest.archive.container import Kind
    from strava_pipeline.lake.gold.quality import gold_files
    from strava_pipeline.verbs.terminal import watched

    held = gold_files(connection)
    with watched("Comparing files", None, output_follows=True) as advance:
        found = list(archive_files(container, export, limits, advance))
    wrong = [FileDifference(row.filename or "", FileProblem.SHARED) for row in export.shared]
    if container.kind is not Kind.FILE:  # a list alone has no files beside it
        wrong += [FileDifference(row.filename or "", FileProblem.NOT_IN_ARCHIVE) for row in export.missing]
        wrong += [FileDifference(name, FileProblem.PICTURE_MISSING) for name in export.missing_media]
    wrong += compare_files(found, held)
    return FileComparison(len(found) if held.of_archives else 0, wrong, compare_gear(export.gear, held))


def files_json(comparison: FileComparison) -> dict[str, Any]:
    """The comparison of files and gear, as JSON."""
    return {
        "files": {
            "compared": comparison.compared,
            "differing": [{"name": each.name, "problem": each.problem.name.lower()} for each in comparison.differing],
        },
        "gear": [
            {"name": name, "archive": archived, "gold": held} for name, (archived, held) in comparison.gear.items()
        ],
    }


def files_lines(comparison: FileComparison) -> list[str]:
    """The comparison of files and gear, as lines."""
    if not comparison.compared:
        report = ["No files were compared: there are none in it, or the warehouse has none of any archive."]
    else:
        report = [f"Files compared by their bytes: {comparison.compared}"]
    report += sample_lines("Files that differ:", comparison.differing, str)
    report += sample_lines(
        "Gear that differs (archive → warehouse):",
        list(comparison.gear.values()),
        lambda both: f"{both[0]} → {both[1] or 'nothing'}",
    )
    return report


def sample_lines(title: str, items: Sequence[Any], line: Callable[[Any], str]) -> Iterable[str]:
    """A title and the first items, a line each; nothing without items."""
    if not items:
        return []
    more = [f"  … and {len(items) - _SHOWN:,} more (--json)"] * (len(items) > _SHOWN)
    return [title, *(f"  {line(each)}" for each in items[:_SHOWN]), *more]
