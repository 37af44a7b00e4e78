"""What whole commands cost, each a process of its own: CPU as ratios to importing Dagster, DuckDB and Polars, and to a floor.

The machine's speed changes from minute to minute, so every round runs all of them in turn. The floor is run_floor.py's.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.place import Place
from strava_pipeline.verbs.demo import GOALS

IMPORTS, FLOOR = "import dagster, duckdb, polars", "floor: four assets, four checks"
READING = 0.8  # of the imports: a command that only reads imports no Dagster
FLOW, COMPACT = "flow, nothing new", "compact, nothing new"
AIMS = {  # at most so many times the imports, and so many times the floor
    "definitions": (1.6, None),
    "plan": (READING, None),
    "insights": (READING, None),
    "report": (READING, None),
    "matches list": (READING, None),
    "goals check": (READING, None),
    "status": (READING, None),
    "doctor": (READING, None),
    "doctor, with an instance to ask": (None, None),
    FLOW: (3.2, 1.7),
    COMPACT: (2.7, 1.4),
}


@dataclass(slots=True)
class Commands:
    """CPU seconds of each round, by what was run."""

    cpu: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, name: str, to: str = IMPORTS) -> float:
        return median(self.cpu[name]) / median(self.cpu[to])

    def as_json(self) -> dict[str, dict[str, float | None]]:
        shown = {}
        for name, seconds in self.cpu.items():
            of_imports, of_floor = AIMS.get(name, (None, None))
            shown[name] = {
                "cpu_median": round(median(seconds), 3),
                "of_imports": round(self.ratio(name), 2),
                "aim_of_imports": of_imports,
                "of_floor": round(self.ratio(name, FLOOR), 2) if of_floor is not None else None,
                "aim_of_floor": of_floor,
            }
        return shown


def measure(place: Place, rounds: int) -> Commands:
    """Fill the folder, then run each command `rounds` times in turn, once more before that to warm the caches."""
    (place.folder / "goals.toml").write_text(GOALS)
    for verb in ("flow-backfill", "flow"):
        _run(place, _verb(verb))
    empty = {"STRAVA_DATA_DIR": str(place.folder / "new"), "DAGSTER_HOME": str(place.folder / "new_home")}
    commands: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
        IMPORTS: ((sys.executable, "-c", IMPORTS), {}),
        "definitions": ((sys.executable, "-c", "from strava_pipeline.definitions import defs; assert defs"), {}),
        "plan": (_verb("plan"), {}),
        "insights": (_verb("insights"), {}),
        "report": (_verb("report", "--html", str(place.folder / "report.html")), {}),
        "matches list": (_verb("matches", "list"), {}),
        "goals check": (_verb("goals", "check"), {}),
        "status": (_verb("status"), {}),
        "doctor": (_verb("doctor"), empty),
        "doctor, with an instance to ask": (_verb("doctor"), {}),
        FLOOR: ((sys.executable, str(Path(__file__).with_name("run_floor.py")), str(place.folder / "floor_home")), {}),
        FLOW: (_verb("flow"), {}),
        COMPACT: (_verb("compact"), {}),
    }
    found = Commands({name: [] for name in commands})
    for number in range(rounds + 1):
        for name, (command, more) in commands.items():
            print(f"round {number}: {name}", file=sys.stderr)
            seconds = _run(place, command, more)
            if number:
                found.cpu[name].append(seconds)
    return found


def _verb(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "strava_pipeline", *words)


def _run(place: Place, command: Sequence[str], more: Mapping[str, str] = {}) -> float:
    """CPU seconds, user and system, of the process and of those that it waited for."""
    environment = {**os.environ, **place.settings.environ(), **more}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place.folder, env=environment
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime
