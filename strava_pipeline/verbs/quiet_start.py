"""Runs a module as `python -m` does; an interrupt that comes before the module handles it ends the process without a traceback.

`python -m strava_pipeline.verbs.quiet_start MODULE ARGUMENTS…`. Dagster takes seconds to load. `interrupts_held` keeps
back what comes even earlier, while Python starts.
"""

import os
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def main() -> None:
    # Dagster's daemon sets a handler of its own once it has loaded
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold SIGINT back in this thread, and in a child started in the body until its `main` lets it through."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


if __name__ == "__main__":
    main()
