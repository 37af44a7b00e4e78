"""Things in batches that are not too heavy, such as what memory holds at once. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def batches(
    things: Iterable[T], weight: Callable[[T], float], heaviest: float, longest: int | None = None
) -> Iterator[list[T]]:
    """The things in their order, in batches of at most the weight `heaviest`, except for a single thing that weighs more.

    Args:
        longest: how many things a batch has at most.
    """
    batch: list[T] = []
    weighs = 0.0
    for thing in things:
        more = weight(thing)
        if batch and (weighs + more > heaviest or len(batch) == longest):
            yield batch
            batch, weighs = [], 0.0
        batch.append(thing)
        weighs += more
    if batch:
        yield batch
