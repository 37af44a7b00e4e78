"""Removing the logs of runs that have become old, by the day in their folder's name. Only files that we wrote.

What can't be removed is reported, never raised: no run fails for its logs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from strava_pipeline.orchestrate.log_files import KINDS, Kind, day_folders, latest_link, logs_in

KEPT: Mapping[Kind, int] = {kind: kind.days for kind in KINDS}


@dataclass(slots=True)
class PruneReport:
    """How many logs went, and what kept others from going."""

    removed: int = 0
    faults: list[str] = field(default_factory=list)


def prune(logs_dir: Path, today: date, days: Mapping[Kind, int] = KEPT) -> PruneReport:
    """Remove the logs of each kind that are older than so many days, and the day folders that this leaves empty."""
    report = PruneReport()
    for kind in KINDS:
        oldest = today - timedelta(days=min(days[kind], today.toordinal() - 1))
        for day, folder in list(day_folders(logs_dir, kind)):
            if day < oldest:
                _clear(folder, kind, report)
    _clear_link(logs_dir, report)
    return report


def _clear_link(logs_dir: Path, report: PruneReport) -> None:
    """A link that leads nowhere any more goes with its log."""
    link = latest_link(logs_dir)
    try:
        if link.is_symlink() and not link.exists():
            link.unlink(missing_ok=True)
    except OSError as error:
        report.faults.append(_words(link, error))


def _clear(folder: Path, kind: Kind, report: PruneReport) -> None:
    try:
        for path in logs_in(folder, kind):
            path.unlink(missing_ok=True)  # another run may be at the same
            report.removed += 1
        for emptied in (folder, folder.parent, folder.parent.parent):
            if any(emptied.iterdir()):
                break
            emptied.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        report.faults.append(_words(folder, error))


def _words(path: Path, error: OSError) -> str:
    return f"{error.filename or path}: {error.strerror or type(error).__name__}"
