"""What starting costs: `--help`, and publishing a warehouse of 200 MB. Measured from outside. Whole commands: commands.py."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.place import Place
from benchmarks.product import Work

BYTES = 200_000_000
ROUNDS = 7


def wall_of_help() -> list[float]:
    """Seconds until `strava-pipeline --help` has ended, of each round after the first."""
    return _rounds([sys.executable, "-m", "strava_pipeline", "--help"])


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


def _rounds(command: list[str]) -> list[float]:
    found = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parent.parent, check=True)
        found.append(time.perf_counter() - began)
    return found[1:]
