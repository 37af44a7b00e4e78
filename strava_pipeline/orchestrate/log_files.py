"""Where the logs of runs lie, one for people and a structured one per run in a folder per day (UTC), and for how long.

`flow/YYYY/MM/DD/flow_<stamp>.log`, `flow/structured/YYYY/MM/DD/flow_<stamp>.jsonl`, and the link `flow/latest.log` to the
newest. Their content is run_log.py's. No Dagster here, so that looking is fast.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from strava_pipeline.lake.files import stamp

_OURS = re.compile(r"(\d{4})/(\d\d)/(\d\d)/flow_\1\2\3T\d{12}Z\.(log|jsonl)")  # written by nobody else


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two logs: its folder below `flow`, its suffix, and for how many days it is kept."""

    folder: str
    suffix: str
    days: int

    def root(self, logs_dir: Path) -> Path:
        return logs_dir / "flow" / self.folder

    def path(self, logs_dir: Path, at: datetime) -> Path:
        at = at.astimezone(UTC)
        return self.root(logs_dir) / f"{at:%Y/%m/%d}" / f"flow_{stamp(at)}{self.suffix}"


HUMAN = Kind("", ".log", 14)  # two weeks of daily runs to look back on
STRUCTURED = Kind("structured", ".jsonl", 30)  # a month, to count over
KINDS = (HUMAN, STRUCTURED)
RETENTION: Mapping[Kind, int] = {kind: kind.days for kind in KINDS}


@dataclass(slots=True)
class PruneReport:
    """How many logs were removed, and by folder what kept others from being removed."""

    removed: int = 0
    faults: dict[Path, str] = field(default_factory=dict)


def reserve(logs_dir: Path, at: datetime) -> tuple[Path, Path]:
    """The human and the structured log of a run that began at `at`: the first as an empty file, which no other run gets."""
    while True:
        human, structured = (kind.path(logs_dir, at) for kind in KINDS)
        for path in (human, structured):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            human.touch(exist_ok=False)
        except FileExistsError:
            at += timedelta(microseconds=1)
        else:
            return human, structured


def latest_link(logs_dir: Path) -> Path:
    return HUMAN.root(logs_dir) / "latest.log"


def point_latest(logs_dir: Path, human: Path) -> None:
    """Let `flow/latest.log` lead to `human`: a relative link, replaced in one step. A file that is no link is left alone."""
    latest = latest_link(logs_dir)
    if latest.exists() and not latest.is_symlink():
        return
    temporary = latest.with_name(f".{human.name}.tmp")
    temporary.symlink_to(os.path.relpath(human, latest.parent))
    temporary.replace(latest)


def list_logs(logs_dir: Path, kind: Kind) -> list[Path]:
    """All logs of a kind that runs wrote, the oldest first. A link, or what lies behind one, is none of them."""
    root = kind.root(logs_dir)
    real_root = root.resolve()
    named = {path: path.relative_to(root) for path in root.glob(f"[0-9]*/[0-9]*/[0-9]*/flow_*{kind.suffix}")}
    return sorted(
        path
        for path, name in named.items()
        if _OURS.fullmatch(name.as_posix()) and path.is_file() and path.resolve() == real_root / name
    )


def log_of(logs_dir: Path, run_id: str) -> Path | None:
    """The human log of a run, which its first line names; None where there is none (any more)."""
    for path in reversed(list_logs(logs_dir, HUMAN)):
        with path.open("rb") as file:
            if run_id.encode() in file.readline():
                return path
    return None


def prune(logs_dir: Path, today: date, days: Mapping[Kind, int] = RETENTION) -> PruneReport:
    """Remove the logs of each kind that are older than so many days, and the folders that this leaves empty.

    What can't be removed is reported, never raised: no run fails because of its logs.
    """
    report = PruneReport()
    for kind in KINDS:
        oldest = (today - timedelta(days=min(days[kind], today.toordinal() - 1))).isoformat()
        for path in list_logs(logs_dir, kind):
            if "-".join(path.parts[-4:-1]) < oldest:
                report.removed += _remove(path, report)
                with suppress(OSError):  # not empty
                    for folder in path.parents[:3]:
                        folder.rmdir()
    latest = latest_link(logs_dir)
    if latest.is_symlink() and not latest.exists():
        _remove(latest, report)
    return report


def _remove(path: Path, report: PruneReport) -> bool:
    try:
        path.unlink(missing_ok=True)  # another run may be removing it too
    except OSError as error:
        report.faults.setdefault(path.parent, f"{path}: {error.strerror}")
        return False
    return True
