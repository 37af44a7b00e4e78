"""Wakes the sensor of requests within seconds of a new one: it looks only each minute, and the person at the button waits.

Dagster's daemon asks every five seconds which sensors are due, by when each looked last. So nothing is launched from
here.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import dagster as dg

from strava_pipeline.ingest.clock import utc_now
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.requests import asked_since

REQUESTS = "requests"
PAUSE = 2.0  # seconds between two looks at the folder
FRESH = timedelta(seconds=30)  # a look that is at work when a request comes may miss it, and its end undoes the waking


@contextmanager
def requests_watched(instance: dg.DagsterInstance, lake: Lake) -> Iterator[None]:
    """During the body, wake the sensor of requests while there is a new one."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(PAUSE):
            with suppress(Exception):  # a busy database, a failing disk: the sensor looks by itself, later
                if asked_since(lake, utc_now() - FRESH):
                    wake(instance, REQUESTS)

    watcher = threading.Thread(target=watch, name="requests")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def wake(instance: dg.DagsterInstance, sensor: str) -> None:
    """Forget when a sensor looked last, so that it is due. It must have no cursor: its tick's record meanwhile may be lost."""
    for state in instance.all_instigator_state():
        data: Any = state.instigator_data
        if state.name == sensor and data is not None:
            due = data._replace(last_tick_timestamp=None, last_tick_start_timestamp=None)
            instance.update_instigator_state(state.with_data(due))
