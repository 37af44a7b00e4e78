"""The queues of a house on several machines, and whether its workers suffice. No Celery and no Dagster here.

The athletes of one API application share its ledger of calls and so belong to one machine: a queue is an application's.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

QUEUE = "dagster-celery/queue"  # the tag of a run by which dagster-celery finds its queue
_DEFAULT = "dagster"  # dagster-celery's own, for athletes without an application


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker: the queues that it takes runs from, and how many it has at work at once."""

    queues: frozenset[str]
    slots: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs Dagster launches at once, in all and of one queue. A run beyond the workers' slots would wait where Dagster
    takes it for one that does not start."""

    runs: int
    of_a_queue: int

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "Limits":
        """As a dagster.yaml says them, under `concurrency`."""
        said = (configuration.get("concurrency") or {}).get("runs") or {}
        runs = int(said.get("max_concurrent_runs", 10))  # Dagster's default
        each = [
            one["limit"]
            for one in said.get("tag_concurrency_limits") or []
            if one["key"] == QUEUE and one.get("value") == {"applyLimitPerUniqueValue": True}
        ]
        return cls(runs, min([runs, *each]))


def queue_of(client_id: str | None) -> str:
    """The queue of an API application's athletes."""
    return f"application-{client_id}" if client_id else _DEFAULT


def shortages(queues: Mapping[str, Collection[str]], workers: Collection[Worker], limits: Limits) -> Iterator[str]:
    """What keeps runs waiting where Dagster would take them for dead, each with what to do.

    Args:
        queues: by name, the athletes whose runs are in it.
    """
    served = frozenset[str]().union(*(worker.queues for worker in workers))
    for queue in sorted(queues.keys() - served):
        yield (
            f"No worker takes the runs of {', '.join(sorted(queues[queue]))}. On the machine with their folders: "
            f"strava-pipeline machines worker --queue {queue}"
        )
    for shared, slots in _groups(workers):
        used = sorted(shared & queues.keys())
        if (most := min(limits.runs, limits.of_a_queue * len(used))) > slots:
            yield (
                f"Up to {most} runs of {', '.join(used)} are launched at once, but the workers there have {slots} slots. Start "
                f"one with --slots {most}, or set max_concurrent_runs in dagster.yaml to {slots}, or the limit of {QUEUE} lower."
            )


def _groups(workers: Collection[Worker]) -> list[tuple[frozenset[str], int]]:
    """Workers that have queues in common count together: their queues, and their slots."""
    groups: list[tuple[frozenset[str], int]] = []
    for worker in workers:
        queues, slots, others = worker.queues, worker.slots, []
        for group in groups:
            if group[0] & worker.queues:
                queues, slots = queues | group[0], slots + group[1]
            else:
                others.append(group)
        groups = [*others, (queues, slots)]
    return groups
