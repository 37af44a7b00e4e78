"""How much of the package one listing page passes on its way to a shard: `python -m benchmarks.entered`.

Counts the files and functions of strava_pipeline that are entered at least once, by sys.setprofile in this thread, after the
definitions are built: for the operations alone, and for the job `run_all`. A reader has to open that much to follow one page.
"""

import logging
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


def count_entered(work: Callable[[], object]) -> tuple[int, int]:
    """How many files and functions of the package `work` enters."""
    found: set[tuple[str, str, int]] = set()

    def record(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            found.add((code.co_filename, code.co_qualname, code.co_firstlineno))

    sys.setprofile(record)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len({file for file, _, _ in found}), len(found)


def operations(place: Place) -> Callable[[], object]:
    """Pull a listing and make shards, without Dagster."""
    from strava_pipeline.operations.merging import make_shards
    from strava_pipeline.operations.options import ListingOptions
    from strava_pipeline.operations.progress import LogProgress
    from strava_pipeline.operations.pulling import pull_listing
    from strava_pipeline.operations.run_context import run_context
    from strava_pipeline.operations.strava_source import StravaSource

    run = run_context(place.settings, LogProgress(logging.getLogger("silent")), run_id="1")
    strava = StravaSource(place.settings, run)

    def work() -> None:
        pull_listing(run, strava, ListingOptions.model_validate({"mode": "all"}), None)
        make_shards(run, run.years.all, is_last=True)

    return work


def job(place: Place) -> Callable[[], object]:
    """The job `run_all`."""
    from strava_pipeline.orchestrate.build import build_defs
    from strava_pipeline.verbs.run_job import run_job

    build_defs(place.settings)
    return lambda: run_job(place.settings, "run_all", years=place.years.all)


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
