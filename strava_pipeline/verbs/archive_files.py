"""The files and the gear of an archive beside the warehouse's: opened and hashed here, told to a person and to a program.

What is the same is core/files/agreement.py's to say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strava_pipeline.core.files.agreement import FileDifference
    from strava_pipeline.core.size_limits import ImportLimits
    from strava_pipeline.ingest.archive.bulk_export import BulkExport
    from strava_pipeline.ingest.archive.container import Container
    from strava_pipeline.lake.warehouse import Connection

_SHOWN = 20  # of each kind; --json has all


@dataclass(frozen=True, slots=True)
class Beside:
    """What came of comparing. `compared`: files, 0 where the warehouse has none of any archive."""

    compared: int
    differing: Sequence["FileDifference"]
    gear: Mapping[str, tuple[str, str | None]]

    @property
    def agrees(self) -> bool:
        return not self.differing and not self.gear


def compare_whole(
    connection: "Connection", container: "Container", export: "BulkExport", limits: "ImportLimits"
) -> Beside:
    """Every file that the archive has or should have, and its gear."""
    from strava_pipeline.core.files.agreement import (
        FileDifference,
        FileProblem,
        compare_files,
        compare_gear,
    )
    from strava_pipeline.ingest.archive.container import Kind
    from strava_pipeline.ingest.archive.hashes import archive_files
    from strava_pipeline.lake.compared import held_files
    from strava_pipeline.verbs.terminal import watched

    held = held_files(connection)
    with watched("Comparing files", None, output_follows=True) as advance:
        found = list(archive_files(container, export, limits, advance))
    wrong = [FileDifference(row.filename or "", FileProblem.SHARED) for row in export.shared]
    if container.kind is not Kind.FILE:  # a list alone has no files beside it
        wrong += [FileDifference(row.filename or "", FileProblem.NOT_IN_ARCHIVE) for row in export.missing]
        wrong += [FileDifference(name, FileProblem.PICTURE_MISSING) for name in export.missing_media]
    wrong += compare_files(found, held)
    return Beside(len(found) if held.of_archives else 0, wrong, compare_gear(export.gear, held))


def file_shape(beside: Beside) -> dict[str, Any]:
    """The same for programs."""
    return {
        "files": {
            "compared": beside.compared,
            "differing": [{"name": each.name, "problem": each.problem.name.lower()} for each in beside.differing],
        },
        "gear": [{"name": name, "archive": told, "gold": held} for name, (told, held) in beside.gear.items()],
    }


def file_lines(beside: Beside) -> list[str]:
    """The same for a person."""
    if not beside.compared:
        told = ["No files were compared: there are none in it, or the warehouse has none of any archive."]
    else:
        told = [f"Files compared by their bytes: {beside.compared}"]
    told += some("Files that differ:", beside.differing, str)
    told += some(
        "Gear that differs (archive → warehouse):",
        list(beside.gear.values()),
        lambda both: f"{both[0]} → {both[1] or 'nothing'}",
    )
    return told


def some(title: str, items: Sequence[Any], line: Callable[[Any], str]) -> Iterable[str]:
    """A title and some of the items, a line each; nothing where there is none."""
    if not items:
        return []
    more = [f"  … and {len(items) - _SHOWN:,} more (--json)"] * (len(items) > _SHOWN)
    return [title, *(f"  {line(each)}" for each in items[:_SHOWN]), *more]
