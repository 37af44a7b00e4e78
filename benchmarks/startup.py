"""What starting costs: `--help`, loading the definitions, and publishing a warehouse of 200 MB. Measured from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.place import Place
from benchmarks.product import Work

BYTES = 200_000_000
ROUNDS = 7
DEFINITIONS = "from strava_pipeline.definitions import defs; assert defs"


def wall_of_help() -> list[float]:
    """Seconds until `strava-pipeline --help` has ended, of each round after the first."""
    return _rounds([sys.executable, "-m", "strava_pipeline", "--help"], lambda wall, cpu: wall)


def cpu_of_definitions() -> list[float]:
    """CPU seconds of a process that loads what Dagster loads, Python's own start included."""
    return _rounds([sys.executable, "-c", DEFINITIONS], lambda wall, cpu: cpu)


def big_publish(place: Place) -> Work:
    """A warehouse of BYTES bytes, published. For benchmarks.measure."""
    from strava_pipeline.lake.publish import publish
    from strava_pipeline.lake.warehouse import changed, writing

    with writing(place.lake) as connection:
        connection.execute("CREATE TABLE filler (a DOUBLE, b DOUBLE)")
    while place.lake.working.stat().st_size < BYTES:
        with writing(place.lake) as connection:  # random doubles: nothing to compress
            connection.execute("INSERT INTO filler SELECT random(), random() FROM range(2_000_000)")
            changed(connection)

    def work() -> int:
        publish(place.lake)
        return 0

    return work


def _rounds(command: list[str], figure: Callable[[float, float], float]) -> list[float]:
    found = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parent.parent)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        found.append(figure(time.perf_counter() - began, used.ru_utime + used.ru_stime))
    return found[1:]
