"""The queues of runs for several machines, and whether the workers suffice. No Celery and no Dagster here.

A queue belongs to a machine. Its name is HOUSE_NAME there, which is also the name of the code location with the
machine's athletes.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOCATION = "dagster/code_location"  # Dagster's own tag of a run


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker: the queues whose runs it takes, and how many it runs at once."""

    queues: frozenset[str]
    slots: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How many runs Dagster launches at once: in all, and per queue."""

    runs: int
    of_a_queue: int

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "Limits":
        """The limits in a dagster.yaml, under `concurrency`."""
        written = (configuration.get("concurrency") or {}).get("runs") or {}
        runs = int(written.get("max_concurrent_runs", 10))  # Dagster's default
        each = [
            one["limit"]
            for one in written.get("tag_concurrency_limits") or []
            if one["key"] == LOCATION and one.get("value") == {"applyLimitPerUniqueValue": True}
        ]
        return cls(runs, min([runs, *each]))


def locations(workspace: Path) -> list[str]:
    """The code locations that a workspace file names, and so the queues. Raises OSError."""
    import yaml  # type: ignore[import-untyped]

    entries = yaml.safe_load(workspace.read_bytes())["load_from"]
    return [str(told["location_name"]) for entry in entries for told in entry.values()]


def shortages(queues: Collection[str], workers: Collection[Worker], limits: Limits) -> Iterator[tuple[str, str]]:
    """Shortages that would keep runs waiting until Dagster takes them for dead, each with how to fix it."""
    slots = {queue: sum(worker.slots for worker in workers if queue in worker.queues) for queue in queues}
    for queue in sorted(queues):
        if slots[queue] == 0:
            yield (
                f"no worker takes the runs of {queue}.",
                f"Start one on its machine, where HOUSE_NAME is {queue}: strava-pipeline machines worker",
            )
        elif (most := limits.of_a_queue) > slots[queue]:
            yield (
                f"up to {most} runs of {queue} are launched at once, but its workers have {slots[queue]} slots.",
                f"Start its worker with --slots {most}, or lower the limit of {LOCATION} in dagster.yaml.",
            )
