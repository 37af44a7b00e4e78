"""The logs of runs, one for people and one of JSON lines each, in a folder per day (UTC): their places, and how they are written.

`flow/YYYY/MM/DD/flow_<stamp>.log`, `flow/structured/YYYY/MM/DD/flow_<stamp>.jsonl`, and the link `flow/latest.log` to
the newest. A log that can't be written never fails a run; that is reported once. Dagster's events reach it through
orchestrate/run_log.py; nothing of Dagster's is imported here, so that looking at logs is fast.
"""

import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal

from strava_pipeline.lake.files import stamp

ToStdout = Literal["json", "runs"]
_OURS = re.compile(r"(\d{4})/(\d\d)/(\d\d)/flow_\1\2\3T\d{12}Z\.(log|jsonl)")  # written by nobody else
_MADE = 60  # seconds in which a live run has made its link


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
    """Let `flow/latest.log` lead to `human`: a relative link, replaced in one step. A file that isn't a link is left alone."""
    latest = latest_link(logs_dir)
    if latest.exists() and not latest.is_symlink():
        return
    temporary = latest.with_name(f".{human.name}.tmp")
    temporary.symlink_to(os.path.relpath(human, latest.parent))
    temporary.replace(latest)


def house_logs(logs_dir: Path) -> Path:
    """The folder of output from athletes' commands that the house's Dagster started: a file for each job, of its last run."""
    return logs_dir / "house"


def list_logs(logs_dir: Path, kind: Kind) -> list[Path]:
    """All logs of a kind that runs wrote, the oldest first, without links and files behind links."""
    root = kind.root(logs_dir)
    named = {path: path.relative_to(root).as_posix() for path in root.glob(f"[0-9]*/[0-9]*/[0-9]*/flow_*{kind.suffix}")}
    return sorted(path for path, name in named.items() if _OURS.fullmatch(name) and not _is_linked(path, root))


def _is_linked(path: Path, root: Path) -> bool:
    """Whether a link stands on the way from `root` to `path`."""
    way = [each for each in (path, *path.parents) if root in each.parents]
    return any(map(os.path.islink, way))  # raises nothing where a folder may not be looked into, unlike pathlib


def log_of(logs_dir: Path, run_id: str) -> Path | None:
    """The human log of a run, which its first line names, or None."""
    for path in reversed(list_logs(logs_dir, HUMAN)):
        with path.open("rb") as file:
            if run_id.encode() in file.readline():
                return path
    return None


def prune(logs_dir: Path, today: date, days: int | None = None) -> tuple[int, list[str]]:
    """Remove the logs that are older than `days`, or than their kind is kept, and the folders that this leaves empty.

    Returns the number removed, and obstacles for the others, in words, one per folder: no run fails because of its
    logs.
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
    # a run leaves these if it is killed just before it points `latest` to its log
    for link in latest.parent.glob(".flow_*.log.tmp"):
        with suppress(OSError):  # another run took it
            if link.is_symlink() and time.time() - link.lstat().st_mtime > _MADE:
                link.unlink()
    with suppress(OSError):
        if latest.is_symlink() and not latest.exists():
            latest.unlink()
    return removed, list(faults.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage or a run ended: in a word, its severity (a level of `logging`), why, and more for programs."""

    name: str
    level: int = logging.INFO
    why: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


DONE = Outcome("done")


@dataclass(slots=True)
class _Stage:
    """A step so far; `assets`: the reports by asset."""

    began: datetime
    outcome: str = "broken off"
    why: str = ""
    seconds: float | None = None
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)


class RunLog:
    """Writes the two logs of one run.

    Args:
        run_id: Dagster's.
        began: when the run began, which names the files.
        warn: called with a message for a person about trouble with the log.
        to_stdout: the part that also goes to the present standard output, since Dagster replaces it for each step: the
            JSON lines, or (`runs`) how the run began and ended.
    """

    def __init__(
        self, run_id: str, began: datetime, warn: Callable[[str], object], *, to_stdout: ToStdout | None = None
    ) -> None:
        self._run_id, self._began, self._warn, self._to_stdout = run_id, began, warn, to_stdout
        self._files: list[BinaryIO] = []
        self._stdout: list[BinaryIO] = [os.fdopen(os.dup(1), "wb")] if to_stdout else []
        self._stages: dict[str, _Stage] = {}
        self._trouble: str | None = None

    def open(self, logs_dir: Path, text: str, fields: Mapping[str, Any]) -> None:
        """Make the files, write how the run began, remove old files."""
        try:
            human, structured = reserve(logs_dir, self._began)
            self._files.append(human.open("ab"))
            self._files.append(structured.open("ab"))
        except OSError as error:
            self._give_up(error)
            self.report_trouble()
        self.write(self._began, logging.INFO, "run_begins", text, fields)
        if not self._files:
            return
        try:
            point_latest(logs_dir, human)
        except OSError as error:
            text = f"latest.log can't lead here ({error.strerror}); `strava-pipeline logs latest` finds this log"
            self.message(self._began, logging.WARNING, text)
        _, faults = prune(logs_dir, self._began.date())
        if faults:
            self._warn(f"Old logs could not be removed: {'; '.join(faults)}")

    def message(self, at: datetime, level: int, text: str, step: str | None = None) -> None:
        """Log a line of `step`; None: of the run."""
        self.write(at, level, "message", text, {"text": text}, step)

    def begin_stage(self, step: str, at: datetime) -> None:
        """Log that a step begins."""
        self._stages[step] = _Stage(at)
        self.write(at, logging.INFO, "stage_begins", "begins", {}, step)

    def add_report(self, step: str, at: datetime, asset: str, values: Mapping[str, Any]) -> None:
        """Keep an asset's report for the line that ends its step."""
        self._stages.setdefault(step, _Stage(at)).assets.setdefault(asset, {}).update(values)

    def end_stage(self, step: str, at: datetime, outcome: Outcome) -> None:
        """Log how a step ended, with its assets' reports if all went well."""
        stage = self._stages.setdefault(step, _Stage(at))
        stage.outcome, stage.why = outcome.name, outcome.why
        stage.seconds = _seconds(stage.began, at)
        words = in_words(stage.assets, step) if outcome is DONE else outcome.why
        text = f"{outcome.name} after {stage.seconds:.1f} s" + (f": {words}" if words else "")
        fields = {"outcome": outcome.name, "seconds": stage.seconds, "assets": stage.assets, **outcome.fields}
        self.write(at, outcome.level, "stage_ends", text, fields, step)

    @property
    def has_failed_stage(self) -> bool:
        """Whether a step failed; its line says why."""
        return any(stage.outcome == "failed" for stage in self._stages.values())

    @property
    def failure(self) -> str:
        """Why the first failed step failed; empty if none did, or it gave no reason."""
        return next((stage.why for stage in self._stages.values() if stage.outcome == "failed"), "")

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        """The reports so far, by asset."""
        return {asset: values for stage in self._stages.values() for asset, values in stage.assets.items()}

    def end_run(self, at: datetime, outcome: Outcome) -> None:
        """Log how the run ended and how long each step took, and close the files."""
        seconds = _seconds(self._began, at)
        for stage in self._stages.values():
            if stage.seconds is None:  # begun and not ended
                stage.seconds = _seconds(stage.began, at)
        stages = {name: {"outcome": stage.outcome, "seconds": stage.seconds} for name, stage in self._stages.items()}
        table = [f"{stage['seconds']:>10.1f} s  {name}, {stage['outcome']}" for name, stage in stages.items()]
        why = f". {outcome.why}" if outcome.why else ""
        text = "\n".join([f"run ends: {outcome.name} after {seconds:.1f} s{why}", *table])
        fields = {"outcome": outcome.name.replace(" ", "_"), "seconds": seconds, "stages": stages, **outcome.fields}
        self.write(at, outcome.level, "run_ends", text, fields)
        _close(self._files)
        _close(self._stdout)
        self.report_trouble()

    def write(
        self, at: datetime, level: int, event: str, text: str, fields: Mapping[str, Any], step: str | None = None
    ) -> None:
        """Write a line to each sink. `text` is for people, `fields` for programs: docs/formats.md names them."""
        name, stage = logging.getLevelName(level), f"{step}: " if step else ""
        human = f"{at:%Y-%m-%d %H:%M:%S}Z {name:<7} {stage}{text}".replace("\n", "\n    ")
        row = {"ts": iso(at), "level": name, "event": event, "run_id": self._run_id, "step": step, "fields": fields}
        structured = json.dumps(row, ensure_ascii=False, default=str)
        try:
            _write(self._files, human, structured)
        except OSError as error:
            self._give_up(error)
        try:
            if self._to_stdout == "json":
                _write(self._stdout, structured)
            elif event in ("run_begins", "run_ends"):
                _write(self._stdout, human.partition("\n")[0])
        except OSError:  # nobody reads it any more
            _close(self._stdout)

    def report_trouble(self) -> None:
        """Report once the error that keeps the log from being written."""
        text, self._trouble = self._trouble, None
        if text is not None:
            self._warn(text)

    def _give_up(self, error: OSError) -> None:
        where = error.filename or "the file"
        self._trouble = f"This run's log can't be written ({where}: {error.strerror}); it goes on without."
        _close(self._files)


def _write(files: list[BinaryIO], *lines: str) -> None:
    """Write each file's own line, if it is still open."""
    for file, line in zip(files, lines, strict=False):
        file.write(f"{line}\n".encode(errors="backslashreplace"))
        file.flush()  # lines written before a kill are there


def _close(files: list[BinaryIO]) -> None:
    while files:
        with suppress(OSError):
            files.pop().close()


def in_words(reports: Mapping[str, Mapping[str, Any]], step: str) -> str:
    """The reports of a step's assets, as `name value` pairs; the step's own name and seconds are not repeated."""
    parts = []
    for asset, values in reports.items():
        pairs = ", ".join(
            f"{name.removeprefix('dagster/')} {_word(value)}" for name, value in values.items() if name != "seconds"
        )
        if pairs:
            parts.append(pairs if asset == step else f"{asset}: {pairs}")
    return "; ".join(parts)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list | dict) else str(value)


def iso(at: datetime) -> str:
    """A moment in UTC as ISO 8601, to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _seconds(began: datetime, ended: datetime) -> float:
    return round(max((ended - began).total_seconds(), 0.0), 3)
