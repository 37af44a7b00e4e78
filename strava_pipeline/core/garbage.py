"""Keeping Python's garbage collector away from objects that are no garbage (docs/adr/0037). No I/O; nothing is collected here."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG, _MIDDLE = (
    20_000,
    50,
)  # importing Dagster makes 250,000 objects that stay; by Python's 700 they are looked at 500 times


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """A hundred thousand objects of JSON, no cycle among them: looking for some takes a sixth of a merge's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def importing() -> Iterator[None]:
    """Imports in the body are not searched for garbage, and what there is at its end never will be: modules stay."""
    with without_garbage_collection():
        yield
        gc.freeze()


def collect_seldom() -> None:
    """For a process of ours: collect by tens of thousands of new objects, and not at its end, when all of them go at once."""
    gc.set_threshold(_YOUNG, _MIDDLE)
    atexit.register(gc.freeze)
