"""Where the logs of runs lie, one for people and a structured one per run in a folder per day (UTC), and for how long.

`flow/YYYY/MM/DD/flow_<stamp>.log`, `flow/structured/YYYY/MM/DD/flow_<stamp>.jsonl`, and the link `flow/latest.log` to the
newest. Their content is run_log.py's. No Dagster here, so that looking is fast.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
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
    named = {path: path.relative_to(root).as_posix() for path in root.glob(f"[0-9]*/[0-9]*/[0-9]*/flow_*{kind.suffix}")}
    return sorted(path for path, name in named.items() if _OURS.fullmatch(name) and not _is_linked(path, root))


def _is_linked(path: Path, root: Path) -> bool:
    """Whether a link stands on the way from `root` to `path`."""
    way = [each for each in (path, *path.parents) if root in each.parents]
    return any(map(os.path.islink, way))  # raises nothing where a folder may not be looked into, unlike pathlib


def log_of(logs_dir: Path, run_id: str) -> Path | None:
    """The human log of a run, which its first line names; None where there is none (any more)."""
    for path in reversed(list_logs(logs_dir, HUMAN)):
        with path.open("rb") as file:
            if run_id.encode() in file.readline():
                return path
    return None


def prune(logs_dir: Path, today: date, days: int | None = None) -> tuple[int, list[str]]:
    """Remove the logs that are older than `days`, or than their kind is kept, and the folders that this leaves empty.

    Returns how many were removed, and what kept others from it, in words, one per folder: no run fails because of its logs.
    """
    removed, faults = 0, dict[Path, str]()
    for kind in KINDS:
        age = min(kind.days if days is None else days, today.toordinal() - 1)
        oldest = (today - timedelta(days=age)).isoformat()
        for path in list_logs(logs_dir, kind):
            if "-".join(path.parts[-4:-1]) >= oldest:
                break
            try:
                path.unlink(missing_ok=True)  # another run may be removing it too
            except OSError as error:
                faults.setdefault(path.parent, f"{path}: {error.strerror}")
                continue
            removed += 1
            with suppress(OSError):  # not empty
                for folder in path.parents[:3]:
                    folder.rmdir()
    latest = latest_link(logs_dir)
    with suppress(OSError):
        if latest.is_symlink() and not latest.exists():
            latest.unlink()
    return removed, list(faults.values())
