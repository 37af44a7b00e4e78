"""What whole commands cost, each in a process of its own: CPU beside importing Dagster, DuckDB and Polars and beside a floor.

The machine's speed changes from minute to minute, so every round runs all of them in turn. The floor is run_floor.py.
What a command writes is what it hands to the system, whatever disk that is.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks.place import Place
from strava_pipeline.verbs.demo_athlete import athlete_toml

IMPORTS, FLOOR = "import dagster, duckdb, polars", "floor: four assets, four checks"
READING = 0.8  # times the imports: a command that only reads doesn't import Dagster
HELP_ROUNDS = 7
FLOW, COMPACT = "flow, nothing new", "compact, nothing new"
AIMS = {  # the most, as a multiple of the imports and of the floor
    "definitions": (1.6, None),
    "plan": (READING, None),
    "insights": (READING, None),
    "report": (READING, None),
    "matches list": (READING, None),
    "goals check": (READING, None),
    "status": (0.6, None),
    "doctor": (READING, None),
    "doctor, with an instance to ask": (0.9, None),
    FLOW: (2.4, None),
    COMPACT: (2.7, 1.4),
}


@dataclass(slots=True)
class Commands:
    """CPU seconds of each round, and megabytes (1e6 bytes) that the system was given to write, by the name of the command."""

    cpu: dict[str, list[float]] = field(default_factory=dict)
    written_mb: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, name: str, to: str = IMPORTS) -> float:
        return median(self.cpu[name]) / median(self.cpu[to])

    def as_json(self) -> dict[str, dict[str, float | None]]:
        shown = {}
        for name, seconds in self.cpu.items():
            of_imports, of_floor = AIMS.get(name, (None, None))
            shown[name] = {
                "cpu_median": round(median(seconds), 3),
                "written_mb_median": round(median(self.written_mb[name]), 2),
                "of_imports": round(self.ratio(name), 2),
                "aim_of_imports": of_imports,
                "of_floor": round(self.ratio(name, FLOOR), 2) if of_floor is not None else None,
                "aim_of_floor": of_floor,
            }
        return shown


def measure(place: Place, rounds: int) -> Commands:
    """Fill the folder, run each command once to warm the caches, then all of them in turn `rounds` times."""
    (place.folder / "goals.toml").write_text(athlete_toml(date(2026, 11, 1)))
    for name in ("flow-backfill", "flow"):
        _run(place, _command(name))
    empty = {"STRAVA_DATA_DIR": str(place.folder / "new"), "DAGSTER_HOME": str(place.folder / "new_home")}
    commands: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
        IMPORTS: ((sys.executable, "-c", IMPORTS), {}),
        "definitions": ((sys.executable, "-c", "from strava_pipeline.definitions import defs; assert defs"), {}),
        "plan": (_command("plan"), {}),
        "insights": (_command("insights"), {}),
        "report": (_command("report", "--html", str(place.folder / "report.html")), {}),
        "matches list": (_command("matches", "list"), {}),
        "goals check": (_command("goals", "check"), {}),
        "status": (_command("status"), {}),
        "doctor": (_command("doctor"), empty),
        "doctor, with an instance to ask": (_command("doctor"), {}),
        FLOOR: ((sys.executable, str(Path(__file__).with_name("run_floor.py")), str(place.folder / "floor_home")), {}),
        FLOW: (_command("flow"), {}),
        COMPACT: (_command("compact"), {}),
    }
    found = Commands({name: [] for name in commands}, {name: [] for name in commands})
    for number in range(rounds + 1):
        for name, (command, variables) in commands.items():
            print(f"round {number}: {name}", file=sys.stderr)
            seconds, written = _run(place, command, variables)
            if number:
                found.cpu[name].append(seconds)
                found.written_mb[name].append(written)
    return found


def seconds_of_help() -> list[float]:
    """Seconds from the start to the end of `strava-pipeline --help`, of each round after the first."""
    found = []
    for _ in range(HELP_ROUNDS + 1):
        started = time.perf_counter()
        subprocess.run(_command("--help"), stdout=subprocess.DEVNULL, cwd=Path(__file__).parent.parent, check=True)
        found.append(time.perf_counter() - started)
    return found[1:]


def _command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "strava_pipeline", *words)


def _run(place: Place, command: Sequence[str], variables: Mapping[str, str] = {}) -> tuple[float, float]:
    """CPU seconds, user and system, and MB written of the process and of the processes that it waited for."""
    environment = {**os.environ, **place.settings.environ(), **variables}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=place.folder, env=environment
    ) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still there to be looked at
        counts = Path(f"/proc/{process.pid}/io")
        lines = counts.read_text().splitlines() if counts.exists() else []  # Linux alone has it
        written = sum(int(line.split()[1]) for line in lines if line.startswith("wchar:"))
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime, written / 1e6
