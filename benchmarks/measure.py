"""Measures one stage in this process: `python -m benchmarks.measure product details FOLDER URL`. Prints JSON.

CPU seconds (user and system) are those of the work, without the imports before it; the peak of memory is the whole process's,
imports included. With `--profile` a profile goes to stderr.
"""

import cProfile
import importlib
import json
import pstats
import resource
import sys
import time
from pathlib import Path

from benchmarks.place import Place


def main() -> None:
    side, stage, folder, url, *options = sys.argv[1:]
    work = getattr(importlib.import_module(side if "." in side else f"benchmarks.{side}"), stage)(
        Place(Path(folder), url)
    )
    profile = cProfile.Profile() if "--profile" in options else None
    cpu, wall = _cpu(), time.perf_counter()
    calls = profile.runcall(work) if profile else work()
    figures = {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall, "calls": calls, "peak_mb": _peak_mb()}
    print(json.dumps(figures))
    if profile:
        stats = pstats.Stats(profile, stream=sys.stderr).strip_dirs()
        stats.sort_stats("tottime").print_stats(30)
        stats.sort_stats("cumtime").print_stats(45)


def _cpu() -> float:
    """CPU seconds so far, those of programs that have ended included."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _peak_mb() -> float:
    """The highest memory so far in MB. Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
