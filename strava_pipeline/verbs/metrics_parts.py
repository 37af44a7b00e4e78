"""The contents of `metrics`: the facts of operations/facts.py, Dagster's records, and the facts of each system."""

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from strava_pipeline.core.facts import Fact, Measure, ok
from strava_pipeline.core.systems import parts
from strava_pipeline.environment.settings import Settings
from strava_pipeline.operations import facts
from strava_pipeline.operations.facts import MEASURES, Group, measures_of
from strava_pipeline.orchestrate.home import may_have_records
from strava_pipeline.orchestrate.records import (
    RUNS_OF_FOLDER,
    Records,
    RunCount,
    are_as_installed,
    of_folder,
    read_records,
    read_run_counts,
    run_counts,
)

if TYPE_CHECKING:
    import dagster as dg

OF_RUN = ("dagster_job", "status")  # not `job`, which Prometheus keeps for itself and would rename
RUNS = Measure("runs", "gauge", "Runs in Dagster's records, by job and status", OF_RUN)
RUN_ENDED = Measure("run_end_timestamp_seconds", "gauge", "When the last run of a job ended with a status", OF_RUN)
HEARD = Measure(
    "daemon_heartbeat_timestamp_seconds", "gauge", "When each part of Dagster's daemon was last heard of", ("daemon",)
)
AUTOMATION = Measure("automation_failed", "gauge", "Schedules and sensors that failed when they last looked")
# a job has each, so that the first failure is a change
_STATUSES = "queued", "started", "success", "failure", "canceled"


def _dagster(settings: Settings, now: datetime) -> Iterator[Fact]:
    if not may_have_records(settings.dagster_home):
        return
    records, runs = read_dagster(settings.dagster_home, settings.data_dir)
    counts = {(job, status): 0 for job in sorted({each.job for each in runs}) for status in _STATUSES}
    counts |= {(each.job, each.status): each.count for each in runs}
    yield ok(
        "dagster",
        f"{sum(counts.values())} runs, {len(records.failed)} schedules and sensors failed when they last looked",
        values={
            "runs": [RUNS(count, *labels) for labels, count in counts.items()],
            "ended": [RUN_ENDED(each.ended_at, each.job, each.status) for each in runs],
            "heartbeats": [HEARD(beat.at, daemon.lower()) for daemon, beat in records.heartbeats.items()],
            "failed": AUTOMATION(len(records.failed)),
        },
    )


def read_dagster(home: Path, data_dir: Path) -> tuple[Records, list[RunCount]]:
    """Dagster's records about its daemon and a data folder's runs; Dagster is imported only if necessary."""
    if are_as_installed(home):
        return read_records(home, []), read_run_counts(home, data_dir)
    from strava_pipeline.verbs.dagster_health import records_of
    from strava_pipeline.verbs.instance import load_instance

    with load_instance(home) as instance:
        return records_of(instance, []), _run_counts_of(instance, data_dir)


def _run_counts_of(instance: "dg.DagsterInstance", data_dir: Path) -> list[RunCount]:
    from sqlalchemy import text

    from strava_pipeline.orchestrate.dagster_private import SqlRunStorage

    storage = instance.run_storage
    assert isinstance(storage, SqlRunStorage), "Dagster keeps its records in a database"
    with storage.connect() as connection:
        return run_counts(connection.execute(text(RUNS_OF_FOLDER), of_folder(data_dir)).fetchall())


DAGSTER: dict[str, Group] = {"dagster": _dagster}


def all_groups() -> dict[str, Group]:
    """Every group of measured facts, in the order in which they are shown."""
    of_systems = {name: group for each in parts("measures") for name, group in each.GROUPS.items()}
    return {**facts.all_groups(), **DAGSTER, **of_systems}


def all_measures() -> list[Measure]:
    """Every measure, in that order."""
    return [*MEASURES, *measures_of(sys.modules[__name__], *parts("facts"), *parts("measures"))]
