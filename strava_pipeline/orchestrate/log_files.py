"""Where the logs of runs lie: a human and a structured one per run, in a folder per day (UTC).

`flow/YYYY/MM/DD/flow_<stamp>.log`, `flow/structured/YYYY/MM/DD/flow_<stamp>.jsonl`, and `flow/latest.log`, which leads to
the newest. What is written into them is run_log.py's, what is removed log_prune.py's. No Dagster: looking is fast.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import BinaryIO

from strava_pipeline.lake.files import stamp

_OURS = re.compile(r"flow_\d{8}T\d{12}Z\.(log|jsonl)")  # made by us and nobody else
_DAY = re.compile(r"\d{4}/\d{2}/\d{2}")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two: the folder below `flow` that its days lie in, its ending, and for how long it is kept."""

    folder: str
    ending: str
    days: int

    def root(self, logs_dir: Path) -> Path:
        return logs_dir / "flow" / self.folder

    def path(self, logs_dir: Path, at: datetime) -> Path:
        at = at.astimezone(UTC)
        return self.root(logs_dir) / f"{at:%Y/%m/%d}" / f"flow_{stamp(at)}{self.ending}"


HUMAN = Kind("", ".log", 14)  # two weeks of daily runs to look back on
STRUCTURED = Kind("structured", ".jsonl", 30)  # a month, to count over
KINDS = (HUMAN, STRUCTURED)


def create(logs_dir: Path, at: datetime) -> tuple[BinaryIO, BinaryIO]:
    """A new human and a new structured log of a run that began at `at`, unbuffered; never those of another run."""
    for later in count():
        moment = at + timedelta(microseconds=later)
        human, structured = (kind.path(logs_dir, moment) for kind in KINDS)
        human.parent.mkdir(parents=True, exist_ok=True)
        structured.parent.mkdir(parents=True, exist_ok=True)
        if structured.exists():
            continue
        try:
            text = human.open("xb", buffering=0)
        except FileExistsError:
            continue
        try:
            return text, structured.open("xb", buffering=0)
        except OSError:
            text.close()
            raise
    raise AssertionError("count() never ends")


def point_latest(logs_dir: Path, human: Path) -> None:
    """Let `flow/latest.log` lead to `human`: a relative link, replaced in one step; a file that is no link is left."""
    latest = latest_link(logs_dir)
    if latest.exists() and not latest.is_symlink():
        return
    temporary = latest.with_name(f".{human.name}.tmp")
    temporary.symlink_to(os.path.relpath(human, latest.parent))
    temporary.replace(latest)


def latest_link(logs_dir: Path) -> Path:
    return HUMAN.root(logs_dir) / "latest.log"


def newest(logs_dir: Path, kind: Kind) -> Path | None:
    """The log of the run that began last; None where there is none."""
    for _, folder in sorted(day_folders(logs_dir, kind), reverse=True):
        if found := logs_in(folder, kind):
            return max(found)
    return None


def all_logs(logs_dir: Path) -> list[Path]:
    """Every log of every run that we wrote."""
    return [path for kind in KINDS for _, folder in day_folders(logs_dir, kind) for path in logs_in(folder, kind)]


def log_of(logs_dir: Path, run_id: str, began: datetime) -> Path | None:
    """The human log of a run that began at about `began`; its first line names the run."""
    for day in (began, began + timedelta(days=1)):
        folder = HUMAN.root(logs_dir) / f"{day.astimezone(UTC):%Y/%m/%d}"
        for path in logs_in(folder, HUMAN) if folder.is_dir() else ():
            with path.open("rb") as file:
                if run_id.encode() in file.readline():
                    return path
    return None


def day_folders(logs_dir: Path, kind: Kind) -> Iterator[tuple[date, Path]]:
    """The folders of days, each with its day; what is named otherwise is not ours."""
    root = kind.root(logs_dir)
    for folder in root.glob("[0-9]*/[0-9]*/[0-9]*"):
        name = folder.relative_to(root).as_posix()
        if _DAY.fullmatch(name) and folder.is_dir() and not folder.is_symlink():
            try:
                yield date(*map(int, name.split("/"))), folder
            except ValueError:  # 2026/13/45
                continue


def logs_in(folder: Path, kind: Kind) -> list[Path]:
    """The logs of one day that we wrote."""
    return [
        path
        for path in folder.iterdir()
        if path.suffix == kind.ending and _OURS.fullmatch(path.name) and path.is_file() and not path.is_symlink()
    ]
