"""The process of an athlete's run: started in their folder, followed by its progress lines, ended with its run. No Dagster.

Its output goes into a file in the athlete's logs and nowhere else. Only its progress lines are passed on: they contain
numbers, never a name or a position.
"""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

GRACE = 20  # seconds that an interrupted run gets: the call under way is answered and kept
GUARD = "strava_pipeline.verbs.interrupts"  # the module that runs another one and ends it once its parent is gone
_FAR = re.compile(
    r"(?:Fetching|Making|Measuring|Reading) [A-Za-z .]+: (?:done, |ended at |broke off after )?\d+"
    r"(?: of \d+| to do)?(?:, (?:done about [\d: UTC-]+|about [\w:, ]+ left))?"
)


def run_child(
    python: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    on_progress: Callable[[str], object],
) -> int:
    """Run our command line `arguments` with `python` in `folder` until its end; returns its exit code.

    An interrupt or a kill of this process also ends the child: it is interrupted, and killed after GRACE seconds.

    Args:
        log: the file for all of its output, replacing the last one's.
        on_progress: receives each progress line.
    """
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    watched, kept = os.pipe()  # the kernel closes `kept` when we die, however we die
    command = [python, "-m", GUARD, "guard", str(watched), str(GRACE), "strava_pipeline", *arguments]
    try:
        log.write_bytes(b"")  # and appended to, because another run of the job may also be writing
        with (
            log.open("a", buffering=1, encoding="utf-8") as out,  # by lines
            subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[watched],
                encoding="utf-8",
                errors="replace",
            ) as process,
        ):
            threading.Thread(target=_end_rest, args=(process,), daemon=True).start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    out.write(line)
                    if _FAR.fullmatch(line.strip()):
                        on_progress(line.strip())
                return process.wait()
            except BaseException:
                _end(process)
                raise
    finally:
        os.close(watched)
        os.close(kept)


def _end_rest(process: "subprocess.Popen[str]") -> None:
    """Kill remaining processes of the child, which would keep its output open: a killed child could not end them."""
    process.wait()
    with suppress(ProcessLookupError, PermissionError):  # macOS raises the latter for a group of dead processes
        os.killpg(process.pid, signal.SIGKILL)


def _end(process: "subprocess.Popen[str]") -> None:
    """Interrupt the child, and kill it and its processes if it doesn't end."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
