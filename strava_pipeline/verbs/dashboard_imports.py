"""Imports of files that are dropped on a page while no daemon looks for requests: each by a child, `strava-pipeline import`.

The page's process reads no file: a hostile one ends a child. The child's run has the locks, the log and the records of any other.
"""

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from threading import Thread
from typing import TYPE_CHECKING

from strava_pipeline.core.errors import PipelineError, told
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import end_request, take_import
from strava_pipeline.operations.requesting import paths_of_import
from strava_pipeline.verbs.output import echo

if TYPE_CHECKING:
    from strava_pipeline.environment.settings import Settings

PAUSE = 1  # seconds between two looks
GRACE = 30  # seconds that an import gets to end with the dashboard
_SILENT = "The import ended and left no word; `strava-pipeline logs latest` may have one."


def keep_importing(settings: "Settings") -> None:
    """Look for dropped files in a thread, until this process ends."""
    Thread(target=look_for_ever, args=(settings, lambda: time.sleep(PAUSE)), name="imports", daemon=True).start()


def look_for_ever(settings: "Settings", pause: Callable[[], object]) -> None:
    """Import a dropped file after each pause. A fault is said, once, and the next look goes on."""
    from strava_pipeline.serve.dashboard.site import system_now

    lake, say_once = Lake(settings.data_dir), cache(partial(echo, err=True))
    watched, _ = os.pipe()  # the kernel closes the other end when we die, however we die
    while True:
        pause()
        try:
            if taken := take_import(lake, system_now()):
                why = _imported(settings, *taken, watched)
                end_request(lake, taken[0], "failed", system_now(), why)  # unless its run has said how it ended
        except (PipelineError, OSError) as error:
            say_once(f"Dropped files are not imported: {told(error)}")


def _imported(settings: "Settings", request_id: str, names: Sequence[str], watched: int) -> str:
    """Import these files of the inbox; what to say where no run says it."""
    from strava_pipeline.environment.process_owner import own_name, own_option
    from strava_pipeline.environment.settings import ENV_FILE, env_file
    from strava_pipeline.verbs.dagster_process import environment_of
    from strava_pipeline.verbs.interrupts import guard_command

    try:
        paths = [str(path.absolute()) for path in paths_of_import(Lake(settings.data_dir), names)]
        whose = own_option() if own_name() else []
        subprocess.run(
            guard_command(watched, GRACE, ["strava_pipeline", "import", "--request", request_id, *whose, "--", *paths]),
            env={**environment_of(settings), ENV_FILE: str(env_file())},
            start_new_session=True,
            pass_fds=[watched],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (PipelineError, OSError) as error:
        return told(error)
    return _SILENT
