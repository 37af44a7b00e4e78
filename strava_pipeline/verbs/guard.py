"""Dagster's own process: runs a module, and ends it once whoever started us is gone. Nothing else.

`python -m strava_pipeline.verbs.guard PIPE GRACE MODULE ARGUMENTS…`: PIPE is the reading end of a pipe whose other end
nobody but our parent holds.
"""

import os
import runpy
import signal
import sys
import threading
import time


def main() -> None:
    pipe, grace, module, *arguments = sys.argv[1:]
    threading.Thread(target=_end_with_parent, args=(int(pipe), int(grace)), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_parent(pipe: int, grace: int) -> None:
    os.read(pipe, 1)  # nothing is ever written: it returns when the other end is closed
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    time.sleep(grace)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
