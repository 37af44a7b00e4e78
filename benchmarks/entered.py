"""How much of the package one listing page passes on its way to a shard: `python -m benchmarks.entered`.

Counts the files and functions of strava_pipeline that are entered at least once, by sys.setprofile in this thread, after the
definitions are built: for the operations alone, and for a run of the job `run_all`. A reader has to open that much to follow
one page. What Python makes a frame of without being a function (a module, a class's body, a comprehension) is left out.
"""

import logging
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import strava_pipeline
from benchmarks.place import Place
from benchmarks.rounds import ATHLETE
from strava_pipeline.verbs.auth import log_in_at_emulator
from strava_pipeline.verbs.emulator import emulator_process

PACKAGE = str(Path(strava_pipeline.__file__).parent)
ACTIVITIES = "20"  # one page
_FRAMES = re.compile(r"<(module|genexpr|listcomp|setcomp|dictcomp)>$")


def count_entered(work: Callable[[], object]) -> tuple[int, int]:
    """How many files and functions of the package `work` enters."""
    found: set[tuple[str, str, int]] = set()

    def record(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE) and not _FRAMES.search(code.co_qualname):
            found.add((code.co_filename, code.co_qualname, code.co_firstlineno))

    sys.setprofile(record)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len({file for file, _, _ in found}), len(found)


def operations(place: Place) -> Callable[[], object]:
    """Pull a listing and make shards, without Dagster."""
    from strava_pipeline.core.sources import STRAVA
    from strava_pipeline.lake.made.shards import write_shards
    from strava_pipeline.operations.merging import settle
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.pulling import pull_listing
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.operations.source import BudgetedSource

    run = run_context(place.settings, LogProgress(logging.getLogger("silent")), run_id="1")
    strava = BudgetedSource(STRAVA, place.settings, run)

    def work() -> None:
        pull_listing(run, strava, ListingOptions.model_validate({"mode": "all"}), [])
        write_shards(run.lake, run.years.all, run.years)
        settle(run)

    return work


def job(place: Place) -> Callable[[], object]:
    """A run of the job `run_all` over all years."""
    import dagster as dg

    from strava_pipeline.orchestrate.build import build_defs
    from strava_pipeline.orchestrate.jobs import JOBS
    from strava_pipeline.orchestrate.partitions import range_tags

    run_all = build_defs(place.settings).resolve_job_def("run_all")
    config, tags = JOBS["run_all"].run_config(), range_tags(place.years.all)
    instance = dg.DagsterInstance.ephemeral()
    return lambda: run_all.execute_in_process(run_config=config, tags=tags, instance=instance)


def main() -> None:
    for name, prepare in (("operations", operations), ("job run_all", job)):
        with (
            TemporaryDirectory() as folder,
            emulator_process(*ATHLETE, "--activities", ACTIVITIES, log=Path(folder) / "log") as url,
        ):
            place = Place(Path(folder), url)
            with redirect_stdout(sys.stderr):
                log_in_at_emulator(place.settings)
            files, functions = count_entered(prepare(place))
            print(f"{name}: {files} files, {functions} functions")


if __name__ == "__main__":
    main()
