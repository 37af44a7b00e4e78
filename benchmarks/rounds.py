"""Runs the stages, each in a process of its own, beside an emulator in another, and gathers the figures. No printing."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import commands, dashboard, floor, intake, product, providers
from benchmarks.place import Place
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.emulator import emulator_process

SUMMARIES = ("listing", "shards", "merge_summaries")
DETAILS = ("details", "merge_details")
MEMORY = {
    "imports": ("floor", "import of dagster, duckdb, polars"),
    "one_statement": ("floor", "shards into a table, one statement"),
    "compact": ("product", "compact of everything"),
    "rebuild": ("product", "rebuild"),
}
ATHLETE = ("--seed", "2026", "--years", "2015-2026", "--now", "2026-06-30T12:00:00Z", "--limits", "off")


@dataclass(slots=True)
class Figures:
    """One stage's figures, a value per round: seconds, MB (1e6 bytes) and calls."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    def add(self, found: dict[str, float]) -> None:
        self.cpu.append(found["cpu"])
        self.wall.append(found["wall"])
        self.peak_mb.append(found["peak_mb"])
        self.calls.append(int(found["calls"]))

    def as_json(self) -> dict[str, float]:
        return {
            "cpu_min": round(min(self.cpu), 3),
            "cpu_median": round(median(self.cpu), 3),
            "wall_min": round(min(self.wall), 3),
            "wall_median": round(median(self.wall), 3),
            "peak_mb": round(max(self.peak_mb), 1),
            "calls": max(self.calls),
        }


@dataclass(slots=True)
class Size:
    """All figures of a number of activities. `whole`: runs with Dagster; `quiet`: a day with nothing new.

    `first_run`: the first run after an update that changed the tables; `read_bronze`: its floor, which parses the same answers.
    """

    activities: int
    rounds: int
    product: dict[str, Figures] = field(default_factory=dict)
    floor: dict[str, Figures] = field(default_factory=dict)
    peer: Figures | None = None
    whole: Figures | None = None
    quiet: Figures | None = None
    first_run: Figures | None = None
    read_bronze: Figures | None = None

    @property
    def dagster(self) -> float | None:
        """CPU seconds of the whole run outside all stages: Dagster's own, and the reports of assets."""
        if self.whole is None:
            return None
        return median(self.whole.cpu) - sum(median(figures.cpu) for figures in self.product.values())


def measure_size(activities: int, rounds: int, *, details: bool, whole: bool) -> Size:
    """Measure the stages in order, product and floor in turn, `rounds` times on new folders; with `whole`, then whole runs."""
    size = Size(activities, rounds)
    stages = (*SUMMARIES, *(DETAILS if details else ()), "publish")
    with _folder() as folder, emulator_process(*ATHLETE, "--activities", str(activities), log=folder / "log") as url:
        for number in range(rounds):
            place = _logged_in(folder / f"round-{number}", url)
            for stage in stages:
                for side, figures in (("product", size.product), ("floor", size.floor)):
                    figures.setdefault(stage, Figures()).add(_measured(side, stage, place))
            if details:
                size.peer = size.peer or Figures()
                size.peer.add(_measured("floor", "merge_details_row_by_row", place))
            shutil.rmtree(place.folder)
        for number in range(rounds if details and whole else 0):
            place = _logged_in(folder / f"whole-{number}", url)
            size.whole, size.quiet = size.whole or Figures(), size.quiet or Figures()
            size.whole.add(_measured("product", "flow_backfill", place))
            size.quiet.add(_measured("product", "flow", place))
            size.first_run, size.read_bronze = size.first_run or Figures(), size.read_bronze or Figures()
            size.first_run.add(_measured("product", "first_run", place))
            size.read_bronze.add(_measured("floor", "read_bronze", place))
            shutil.rmtree(place.folder)
    return size


def measure_providers(count: int, rounds: int, sources: Iterable[str]) -> dict[str, dict[str, Figures]]:
    """Measure listing and shards of each source's `count` activities, more or less, in turn: figures by source and stage.

    Strava is one of the sources. A source that is a workbook has the figures of its floor, too.
    """
    found = {name: {stage: Figures() for stage in providers.STAGES} for name in sources}
    with _folder() as folder:
        services = str(providers.services_folder(folder))
        options = (*ATHLETE, "--activities", str(count), "--services", services)
        with emulator_process(*options, log=folder / "log") as url:
            for number in range(rounds):
                for name, stages in found.items():
                    place = _logged_in(folder / f"round-{number}" / name, url)
                    if providers.has_workbook(place):
                        stages.setdefault(providers.WORKBOOK, Figures())
                    for stage, figures in stages.items():
                        figures.add(_measured("providers", stage, place))
                shutil.rmtree(folder / f"round-{number}")
    return found


def measure_pages(count: int) -> dashboard.Measured:
    """Measure the pages of the dashboard over `count` activities, each beside its queries, and an idle dashboard."""
    with _folder() as folder:
        return dashboard.measure(folder, count)


def measure_memory(count: int) -> dict[str, Figures]:
    """Measure the memory of whole runs over `count` activities without details, beside the floor; one run each."""
    found = {stage: Figures() for stage in MEMORY}
    with _folder() as folder, emulator_process(*ATHLETE, "--activities", str(count), log=folder / "log") as url:
        place = _logged_in(folder / "memory", url)
        for stage in ("listing", "shards"):
            _measured("product", stage, place)
        for stage, figures in found.items():
            figures.add(_measured(MEMORY[stage][0], stage, place))
    return found


def measure_in_turn(subject: Any, count: int, rounds: int) -> dict[str, Figures]:
    """Measure the floor and each stage of the module `subject` in turn over the same `count` things, `rounds` times."""
    found = {stage: Figures() for stage in ("floor", *subject.STAGES)}
    environment = getattr(subject, "ENVIRONMENT", {})
    with _folder() as folder:
        subject.prepare(folder, count)
        for _ in range(rounds):
            place = Place(folder, "http://127.0.0.1:1")
            for stage, figures in found.items():
                figures.add(_measured(subject.__name__, stage, place, environment))
            shutil.rmtree(place.lake.data_dir, ignore_errors=True)
    return found


def measure_intake(seconds: int) -> dict[str, intake.Intake]:
    """Measure the webhook intake and its floor under a fixed rate of events, for `seconds` each."""
    with _folder() as folder:
        return intake.measure(folder, seconds)


def measure_commands(rounds: int) -> commands.Commands:
    """Measure whole commands on a folder of a thousand activities, beside their floor, `rounds` times in turn."""
    with _folder() as folder, emulator_process(*ATHLETE, "--activities", "1000", log=folder / "log") as url:
        return commands.measure(_logged_in(folder / "commands", url), rounds)


def measure_startup() -> dict[str, list[float]]:
    """Measure starting and publishing: the seconds of each round, by name."""
    publishes = []
    for _ in range(3):
        with _folder() as folder:
            publishes.append(_measured("product", "publish_large", Place(folder, "http://127.0.0.1:1"))["wall"])
    return {
        "--help, wall": commands.seconds_of_help(),
        f"publish {product.LARGE_BYTES // 1_000_000} MB, wall": publishes,
    }


def peer_scale() -> float:
    """The factor from the peer's figures to a thousand activities."""
    return 1000 / floor.PEER_ACTIVITIES


@contextmanager
def _folder() -> Iterator[Path]:
    """A temporary folder on the checkout's disk: the system's may be in memory, where fsync costs nothing."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path(__file__).parent) as folder:
        yield Path(folder)


def _logged_in(folder: Path, url: str) -> Place:
    place = Place(folder, url)
    with redirect_stdout(sys.stderr):  # stdout is for tables or JSON
        log_in_at_emulator(place.settings)
    return place


def _measured(side: str, stage: str, place: Place, environment: Mapping[str, str] = {}) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.measure", side, stage, str(place.folder), place.url]
    print(f"{place.folder.name}: {side} {stage}", file=sys.stderr)
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **environment},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
