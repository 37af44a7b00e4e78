"""Replaying all trips of a source on several cores: each process reads, opens and decides of its share by itself.

What comes back are small records in the order of the trips, so the result is the same on any number of cores. Points
never cross from one process to another. What is decided and counted is core's (replay.py, sweep.py).
"""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.core.size_limits import TripLimits
from strava_pipeline.core.trips.activity.replay import Decided, decided
from strava_pipeline.core.trips.activity.thresholds import Thresholds
from strava_pipeline.core.trips.activity.verdict import Algorithm, Verdict
from strava_pipeline.ingest.trips.keys import KeyRing
from strava_pipeline.ingest.trips.read import in_order, read_bundles
from strava_pipeline.ingest.trips.source import open_source
from strava_pipeline.ingest.trips.table import Filters, Listed

SHARE = (
    1_000  # trips that a process takes at once; fewer in all are not worth a second process (it takes 0.5 s to start)
)


def decided_of_source(
    url: str,
    keys: KeyRing,
    filters: Filters,
    algorithm: Algorithm,
    sets: Sequence[Thresholds],
    statuses: Mapping[str, Verdict],
    *,
    processes: int,
    limits: TripLimits = TripLimits(),
) -> Iterator[Decided]:
    """What the algorithm decides of the trips that the filters let through, batch by batch, in their order.

    Raises SourceError; PipelineError where a process was ended from outside.
    """
    in_this_process = processes < 2 or filters.needs_feedback  # then which trips these are takes the keys to tell, too
    with open_source(url, limits) as source:
        order = [] if in_this_process else in_order(source, filters)[: filters.limit]
        if len(order) <= SHARE:
            yield from (decided(algorithm, sets, batch, statuses) for batch in read_bundles(source, keys, filters))
            return
    shares = [order[place : place + SHARE] for place in range(0, len(order), SHARE)]
    with ProcessPoolExecutor(
        min(processes, len(shares)),
        multiprocessing.get_context("spawn"),
        _begin,
        ((url, limits, keys, algorithm, sets, statuses),),
    ) as pool:
        try:
            for batches in pool.map(_decide, shares):
                yield from batches
        except BrokenProcessPool:
            raise PipelineError(
                "A process that replayed trips was ended from outside (out of memory?). Nothing was changed; "
                "run it again with --processes 1."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


_Work = tuple[str, TripLimits, KeyRing, Algorithm, Sequence[Thresholds], Mapping[str, Verdict]]
_work: list[_Work] = []  # of this process, set once when it starts


def _begin(work: _Work) -> None:
    _work[:] = [work]


def _decide(share: Sequence[Listed]) -> list[Decided]:
    ((url, limits, keys, algorithm, sets, statuses),) = _work
    with open_source(url, limits) as source:
        return [decided(algorithm, sets, batch, statuses) for batch in read_bundles(source, keys, order=share)]
