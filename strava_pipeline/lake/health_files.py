"""What `doctor` looks at in files and folders: bronze that can't be read, what died processes left, room and rights.

Reads only. Of bronze everything is unpacked that a rebuild would read, so that its checksum tells; some seconds for
ten thousand details.
"""

import os
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from strava_pipeline.core.errors import Finding, ok, problem, skipped, warning
from strava_pipeline.lake.decisions import decided_files
from strava_pipeline.lake.detail_files import detail_files
from strava_pipeline.lake.files import bytes_free, nearest, unpacked
from strava_pipeline.lake.manifests import Manifest
from strava_pipeline.lake.paths import Lake, log_of

LISTINGS, DETAILS, DECISIONS, LEFTOVERS = "bronze: listings", "bronze: details", "decisions", "leftovers"
UNFINISHED = timedelta(hours=1)  # no file takes longer to write; a younger one may be a live run's
SPARE = 200_000_000  # bytes; a year of bronze, shards and Dagster's records of a busy athlete
NAMED = 20  # of many files of one kind, that many are named


def listings_health(lake: Lake) -> Finding:
    """Whether every listing can be read: the runs pass over one whose manifest can't be."""
    if not lake.listings.is_dir():
        return skipped(LISTINGS, "none yet")
    unread, damaged, pages = [], [], 0
    for folder in sorted(path for path in lake.listings.iterdir() if path.is_dir()):
        try:
            manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
        except (OSError, ValidationError):
            held = any(folder.glob("page-*")) or (folder / "manifest.json").exists()
            unread += [folder] if held else []  # else nothing is lost
            continue
        whole = [page for page in manifest.pages if not page.lost]  # the others are known, and listed again
        pages += len(whole)
        damaged += [folder / page.file for page in whole if _is_damaged(folder / page.file)]
    if not (unread or damaged):
        return ok(LISTINGS, f"all {pages} pages can be read")
    told = [f"manifest.json of {_names(unread)} can't be read"] if unread else []
    told += [f"{_names(damaged)}: missing or damaged"] if damaged else []
    mend = "Bring the files back from a backup. Without one: the next run makes a manifest anew from its pages, and what a "
    mend += (
        "page held is listed again, and the page noted as lost, by:\nstrava-pipeline run-all\nstrava-pipeline rebuild"
    )
    return (problem if damaged else warning)(LISTINGS, "; ".join(told) + ".", mend)


def details_health(lake: Lake) -> Finding:
    """Whether the newest answer of every activity can be read."""
    if not lake.details.is_dir():
        return skipped(DETAILS, "none yet")
    years = [int(path.name.removeprefix("year=")) for path in lake.details.glob("year=*")]
    files = [file for year in years for file in detail_files(lake, year).values()]
    newest = [file for file in files if file.good or file.lost]
    damaged = sorted(file.activity_id for file in newest if file.lost or (file.good and _is_damaged(file.good)))
    if not damaged:
        return ok(DETAILS, f"all {len(newest)} can be read")
    ids = ",".join(map(str, damaged))
    return problem(
        DETAILS,
        f"{len(damaged)} of {len(newest)} are damaged.",
        f"Bring them back from a backup, or fetch them again, a call each:\nstrava-pipeline enrich --ids {ids}",
    )


def decisions_health(lake: Lake) -> Finding:
    """Whether every line of what a person decided can be read; the runs pass over one that can't be."""
    files = decided_files(lake)
    torn = [f"{file.path}, line {number}" for file in files for number in file.unreadable]
    if not torn:
        taken = sum(len(file.all) for file in files)
        return ok(DECISIONS, f"all {taken} can be read" if taken else "none yet")
    mend = "If it was torn by a power cut, it was never taken: decide again where you meant to. Then delete the line."
    return warning(DECISIONS, f"can't be read: {'; '.join(torn[:NAMED])}.", mend)


def leftovers(lake: Lake, now: datetime) -> Finding:
    """Files that a process left when it died, or that were set aside as evidence."""
    warehouse, working = lake.snapshot.parent, lake.working
    found = [
        log_of(lake.snapshot),
        working.with_suffix(".old"),
        working.with_suffix(".damaged"),
        *sorted(lake.state.glob("*.corrupt-*")),
        *sorted(lake.shards.rglob("*.damaged")),
        *sorted(lake.shards.rglob("*.outdated")),
        *sorted(path for path in (lake.data_dir / "bronze").rglob("*.damaged") if not _is_awaited(lake, path)),
        *(
            path
            for folder in (warehouse, lake.state, lake.shards, lake.data_dir / "bronze")
            for path in sorted(folder.rglob(".*.tmp"))
            if now.timestamp() - path.stat().st_mtime > UNFINISHED.total_seconds()
        ),
    ]
    there = [path for path in found if path.exists()]
    if not there:
        return ok(LEFTOVERS, "none")
    return warning(
        LEFTOVERS,
        f"{_names(there)} from a process that died, or set aside because it was damaged or older.",
        "\n".join(["When all else here is well, they can go:", *(f"rm -f '{path}'" for path in there[:NAMED])]),
    )


def room(name: str, folder: Path, warehouse: Path | None = None) -> Finding:
    """Whether the disk of `folder` has room; publishing needs that of a copy of `warehouse`, and as much to grow."""
    size = warehouse.stat().st_size if warehouse is not None and warehouse.exists() else 0
    return judged_room(name, bytes_free(folder), size)


def judged_room(name: str, free: int, warehouse: int) -> Finding:
    """As `room`, in bytes."""
    reserve = 2 * warehouse + SPARE
    told = f"{_size(free)} free"
    mend = f"Free some space: {_size(reserve)} should be, so that a year goes in and a copy of the warehouse can be published."
    if free <= warehouse:
        return problem(name, f"{told}, but publishing copies the warehouse of {_size(warehouse)}.", mend)
    if free < reserve:
        return warning(name, f"{told}.", mend)
    return ok(name, told)


def writable(name: str, folder: Path) -> Finding:
    """Whether `folder` can be written to, or made."""
    there = nearest(folder)
    if not there.is_dir():
        return problem(name, f"{there} is in the way: not a folder.", f"mv '{there}' '{there}.away'")
    if not os.access(there, os.W_OK | os.X_OK):
        mend = f"chmod u+rwx '{there}'      # if it is yours: ls -ld '{there}'"
        return problem(name, f"{there} can't be written to.", mend)
    return ok(name, f"{folder} can be written to" if there == folder else f"{folder} can be made")


def _is_damaged(path: Path) -> bool:
    try:
        unpacked(path)
    except (OSError, EOFError, zlib.error):
        return True
    return False


def _is_awaited(lake: Lake, damaged: Path) -> bool:
    """Whether this is all there is of a detail: it says that it is to be fetched again."""
    if lake.details not in damaged.parents:
        return False
    return not any(path.name > damaged.name for path in damaged.parent.glob("*.json.gz"))


def _names(paths: Iterable[Path]) -> str:
    listed = [str(path) for path in paths]
    more = f" and {len(listed) - NAMED} more" if len(listed) > NAMED else ""
    return ", ".join(listed[:NAMED]) + more


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
