"""CPU seconds of 10,000 beside 50,000 of each thing that a file can hold: `python -m benchmarks.many gpx fit`, or every reader.

Five times as many take five times as long, where no loop stands in another one. The cases are the test's; of recordings and
lists a reader takes no more than its limit. Each reader has a process of its own, and each case as much CPU as the test allows.
"""

import json
import sys

from rich.console import Console
from rich.table import Table

from strava_pipeline_tests.ingest.test_many_of_each import CASES, COUNT
from strava_pipeline_tests.processes import python

FEWER = 10_000


def main() -> None:
    table = Table("reader", "of each", f"{FEWER:,} (s)", f"{COUNT:,} (s)")
    for reader in sys.argv[1:] or CASES:
        few, many = (_seconds(reader, count) for count in (FEWER, COUNT))
        for name in CASES[reader]:
            table.add_row(reader, name, few.get(name, "stopped"), many.get(name, "stopped"))
    Console(width=100).print(table)


def _seconds(reader: str, count: int) -> dict[str, str]:
    """CPU seconds by case; those after one that was stopped are missing."""
    done = python("-m", "strava_pipeline_tests.ingest.test_many_of_each", reader, str(count), timeout=None)
    return {name: f"{seconds:.2f}" for name, seconds, _ in map(json.loads, done.stdout.splitlines())}


if __name__ == "__main__":
    main()
