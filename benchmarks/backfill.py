"""A backfill of many years, launched as Dagster's UI does: `python -m benchmarks.backfill 15 100` (years, activities of each).

A real `strava-pipeline dev` runs beside an emulator, with schedules and sensors off. CPU seconds are those of its whole tree of
processes, from the start to the end; the emulator's don't count. Prints the aims beside the figures. Linux only.
"""

import argparse
import ctypes
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
from rich import box
from rich.console import Console
from rich.table import Table

from strava_pipeline.environment.settings import Settings
from strava_pipeline.lake.gold.publish import snapshot
from strava_pipeline.lake.paths import Lake
from strava_pipeline.orchestrate.jobs import JOBS
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.demo import demo_settings
from strava_pipeline.verbs.emulator import emulator_process

LAST_YEAR = 2026
PATIENCE = 1800  # seconds to wait for anything
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>: orphans below this process become its children, and count
T = TypeVar("T")
AIMS = {"readable_s": 15.0, "span_s": 30.0, "total_s": 75.0, "failed_runs": 0.0, "cpu_s": 30.0, "wrong_rows": 0.0}
TITLES = {
    "runs": "runs",
    "failed_runs": "failed runs",
    "until_first_run_s": "launch → first run created",
    "creating_s": "first → last run created",
    "readable_s": "first run's start → first years readable",
    "span_s": "first run created → last one's end",
    "run_s": "a run, start → end (mean)",
    "total_s": "launch → end of the backfill",
    "start_cpu_s": "CPU before the launch",
    "cpu_s": "CPU of the whole tree",
    "runs_cpu_s": "of it the runs, with the code server, which spawns them",
    "daemon_cpu_s": "of it the daemon",
    "ui_cpu_s": "of it the web server, which starts the daemon",
    "rest_cpu_s": "of it the processes that start them",
    "ending_cpu_s": "of it ending them all",
    "wrong_rows": "rows that differ from the source",
}
PARTS = {  # words in the command lines of the processes
    "runs_cpu_s": ("dagster api grpc",),
    "daemon_cpu_s": ("dagster._daemon",),
    "ui_cpu_s": ("dagster_ui",),
}
LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill {
      status timestamp endTimestamp runs(limit: 100) { id status creationTime startTime endTime }
    }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Backfill:
    """The figures of one backfill; `_s` in seconds."""

    runs: int
    failed_runs: int
    until_first_run_s: float
    creating_s: float
    readable_s: float
    span_s: float
    run_s: float
    total_s: float
    start_cpu_s: float
    cpu_s: float
    runs_cpu_s: float
    daemon_cpu_s: float
    ui_cpu_s: float
    rest_cpu_s: float
    ending_cpu_s: float
    wrong_rows: int


def main() -> None:
    options = _arguments()
    _adopt_orphans()
    found = [measure(options.years, options.activities) for _ in range(options.rounds)]
    if options.json:
        print(json.dumps([asdict(backfill) for backfill in found], indent=1))
        return
    conditions = f"load {os.getloadavg()[0]:.1f}"
    table = Table(box=box.MARKDOWN, title=f"{options.years} years of {options.activities} activities, {conditions}")
    for place, name in enumerate(["", *(f"round {number + 1}" for number in range(len(found))), "aim"]):
        table.add_column(name, justify="right" if place else "left")
    for name, title in TITLES.items():
        aim = AIMS.get(name)
        table.add_row(
            title, *(f"{getattr(backfill, name):.1f}" for backfill in found), "" if aim is None else f"≤ {aim:.0f}"
        )
    Console(width=140).print(table)


def measure(years: int, activities: int) -> Backfill:
    """Measure a backfill of `years` years on new folders."""
    first = LAST_YEAR - years + 1
    options: tuple[str, ...] = (
        "--seed",
        "2026",
        "--years",
        f"{first}-{LAST_YEAR}",
        "--now",
        f"{LAST_YEAR}-06-30T12:00:00Z",
    )
    options += ("--limits", "off", "--activities", str(years * activities))
    with (
        tempfile.TemporaryDirectory(prefix=".bench-", dir=Path(__file__).parent) as temporary,
        emulator_process(*options, log=Path(temporary) / "log") as url,
    ):
        folder = Path(temporary)
        settings = demo_settings(folder, url).model_copy(update={"first_year": first})
        with redirect_stdout(sys.stderr):
            log_in_at_emulator(settings)
        before = _cpu_of_children()
        with _dagster(settings, folder / "dev.log") as (ui, process), ThreadPoolExecutor(1) as watcher:
            started = _cpu_of(process.pid)
            published = watcher.submit(_published_at, Lake(settings.data_dir).snapshot)
            found = _backfill(ui, [str(year) for year in range(first, LAST_YEAR + 1)])
            parts = {name: _cpu_of_parts(process.pid, words) for name, words in PARTS.items()}
            at_end = _cpu_of(process.pid)
        used = _cpu_of_children() - before
        runs = found["runs"]
        created = [run["creationTime"] for run in runs]
        ends = [run["endTime"] for run in runs]
        return Backfill(
            runs=len(runs),
            failed_runs=sum(run["status"] != "SUCCESS" for run in runs) + (found["status"] != "COMPLETED_SUCCESS"),
            until_first_run_s=min(created) - found["timestamp"],
            creating_s=max(created) - min(created),
            readable_s=published.result() - min(run["startTime"] for run in runs),
            span_s=max(ends) - min(created),
            run_s=sum(run["endTime"] - run["startTime"] for run in runs) / len(runs),
            total_s=found["endTimestamp"] - found["timestamp"],
            start_cpu_s=started,
            cpu_s=used,
            **parts,
            rest_cpu_s=at_end - sum(parts.values()),
            ending_cpu_s=used - at_end,
            wrong_rows=_wrong_rows(settings, url),
        )


def _backfill(ui: str, years: list[str]) -> dict[str, Any]:
    assets = [{"path": [name]} for name in JOBS["backfill"].assets]
    params = {"assetSelection": assets, "partitionNames": years, "tags": []}
    launched = _ask(ui, LAUNCH, params=params)["launchPartitionBackfill"]["backfillId"]

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = _ask(ui, BACKFILL, id=launched)["partitionBackfillOrError"]
        return None if found["status"] in ("REQUESTED", "CANCELING", "FAILING") else found

    found = _until(look, every=3)  # frequent questions would slow the backfill down
    assert found is not None
    return found


def _published_at(snapshot: Path) -> float:
    """The time at which it was there for the first time."""
    return _until(lambda: time.time() if snapshot.exists() else None, every=0.2) or 0.0


def _ask(ui: str, query: str, **variables: object) -> dict[str, Any]:
    answer = requests.post(f"{ui}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
    if "errors" in answer:
        raise RuntimeError(answer["errors"])
    return dict(answer["data"])


def _wrong_rows(settings: Settings, url: str) -> int:
    """Activities and details that differ between the source and gold, or are in only one of them."""
    truth = requests.get(f"{url}/_emulator/truth", timeout=60).json()["activities"]
    with snapshot(Lake(settings.data_dir)) as gold:
        rows = set(gold.execute("SELECT id, name, distance, sport_type FROM activities").fetchall())
        details = set(gold.execute("SELECT activity_id, name, description FROM activity_details").fetchall())
    expected = {(item["id"], item["name"], item["distance"], item["sport_type"]) for item in truth}
    expected_details = {(item["id"], item["name"], item.get("description")) for item in truth}
    return len(rows ^ expected) + len(details ^ expected_details)


@contextmanager
def _dagster(settings: Settings, log: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run `strava-pipeline dev` as a person does, end it as by Ctrl-C, and wait for its last process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    ui = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "strava_pipeline", "dev", "--port", str(port)]
    environment = {**os.environ, **settings.environ()}
    with log.open("wb") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as process:
        try:
            _until(lambda: _answers(ui) or process.poll() is not None, every=0.5)
            yield ui, process
        finally:
            sessions = {str(process.pid), *_children(process.pid)}
            process.send_signal(signal.SIGINT)
            process.wait(60)
            _until(lambda: not _is_alive(sessions), every=0.2)


def _answers(ui: str) -> bool:
    try:
        return requests.get(f"{ui}/server_info", timeout=2).ok
    except requests.RequestException:
        return False


def _is_alive(sessions: set[str]) -> bool:
    """Whether processes of `sessions` live; children of this process that have ended are reaped, so that they count."""
    rows = [(pid, fields) for pid, fields in _processes() if fields[3] in sessions]
    for pid, fields in rows:
        if fields[1] == str(os.getpid()) and fields[0] == "Z":
            os.waitpid(pid, 0)
    return bool(rows)


def _cpu_of(root: int) -> float:
    """CPU seconds of a live process and of all processes below it, ended ones included."""
    return sum(int(ticks) for fields in _below(root).values() for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def _cpu_of_parts(root: int, words: tuple[str, ...]) -> float:
    """The same of those below it whose command line holds one of `words`."""
    found = 0
    for pid, fields in _below(root).items():
        with suppress(FileNotFoundError, ProcessLookupError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            found += sum(int(ticks) for ticks in fields[11:15]) if any(word in command for word in words) else 0
    return found / os.sysconf("SC_CLK_TCK")


def _below(root: int) -> dict[int, list[str]]:
    rows = dict(_processes())
    tree, new = {root}, {root}
    while new := {pid for pid, fields in rows.items() if int(fields[1]) in new}:
        tree |= new
    return {pid: rows[pid] for pid in tree}


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Every process: its id, and the fields of /proc/<pid>/stat from the state on."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(path.parent.name), path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _adopt_orphans() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def _until(look: Callable[[], T], *, every: float) -> T:
    """Call `look` every so many seconds until it returns something true, and return that; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing after {PATIENCE} s")
        time.sleep(every)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.backfill", description=__doc__)
    parser.add_argument("years", nargs="?", type=int, default=15)
    parser.add_argument("activities", nargs="?", type=int, default=100, help="of each year")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
