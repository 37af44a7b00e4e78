"""A program that writes approved changes at the toy in children of its own, each of which can be made to kill itself -9 at a step.

The steps are mortal.py's. Orders come as JSON lines on standard input, answers go to standard output; with an order as its
argument it does that one by itself. No assertions here.
"""

import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations.changes.apply_step import apply_approved
from strava_pipeline.operations.progress import LogProgress
from strava_pipeline.operations.run_context import run_context
from strava_pipeline.operations.sources import Sources
from strava_pipeline_tests.e2e.mortal import Fate, watch
from strava_pipeline_tests.providers.subjects import register_toy


def live(order: dict[str, Any]) -> int:
    """Write what is approved; how many changes were applied."""
    os.environ.update(order["environ"])
    if order.get("journal"):
        watch(Fate(Path(order["journal"]), order["die_at"], order["after"], order["only"]), order["folder"])
    settings = Settings.load(_env_file=None)
    run = run_context(settings, LogProgress(logging.getLogger("run")), run_id="run")
    report = apply_approved(run, settings, Sources(settings, run), run.years.all, everything=True)
    return int(report.metadata["changes_applied"])


def main() -> None:
    register_toy(pytest.MonkeyPatch())
    if len(sys.argv) > 1:
        print(live(json.loads(sys.argv[1])))
        return
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                live(order)
                code = 0
            except Exception:  # noqa: BLE001  # as Python itself does at the end of a program
                traceback.print_exc()
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)


if __name__ == "__main__":
    main()
