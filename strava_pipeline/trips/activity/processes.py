"""Work on many things in several processes of this machine; what goes to them and what comes back takes their pipes."""

import logging
import logging.handlers
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from strava_pipeline.core.errors import PipelineError

T = TypeVar("T")
R = TypeVar("R")
_AHEAD = 2  # things for each process that were taken and whose results were not: in memory at once


def spread(work: Callable[[T], R], things: Iterable[T], processes: int, *, advice: str) -> Iterator[R]:
    """What `work` makes of each thing, in their order; one process is this one.

    Processes log as this one does, and end with it. Raises PipelineError with `advice` if one was ended from outside.
    """
    if processes == 1:
        yield from map(work, things)
        return
    context = multiprocessing.get_context("spawn")
    logged = context.Queue()
    listener = logging.handlers.QueueListener(logged, _Relogged())
    pool = ProcessPoolExecutor(processes, context, _begin, (work, logged))
    waiting: deque[Future[R]] = deque()
    listener.start()
    try:
        for thing in things:
            waiting.append(pool.submit(_do, thing))
            if len(waiting) == _AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise PipelineError(f"A process that read trips was ended from outside (out of memory?). {advice}") from None
    finally:
        pool.shutdown(cancel_futures=True)
        listener.stop()


class _Relogged(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


_work: list[Callable[[Any], Any]] = []  # of a process, set once when it starts


def _begin(work: Callable[[Any], Any], logged: Any) -> None:
    _work[:] = [work]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C, which a terminal sends to all, is the run's to handle
    logging.getLogger().addHandler(logging.handlers.QueueHandler(logged))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Python's own processes wait for work for ever where their parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _do(thing: Any) -> Any:
    return _work[0](thing)
