"""Reading the logs that runs left, and a job of one op to make one with."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from strava_pipeline.operations.log_files import HUMAN, STRUCTURED, list_logs
from strava_pipeline.orchestrate.run_log import logged

AT = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
Row = dict[str, Any]


def human_logs(logs_dir: Path) -> list[str]:
    """Every human log, the oldest first."""
    return [path.read_text() for path in list_logs(logs_dir, HUMAN)]


def structured_logs(logs_dir: Path) -> list[list[Row]]:
    """Every structured log, the oldest first."""
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in list_logs(logs_dir, STRUCTURED)]


def only(rows: list[Row], event: str, step: str | None = None) -> Row:
    """The one row of an event (of a step)."""
    found = [row for row in rows if row["event"] == event and step in (None, row["step"])]
    assert len(found) == 1, found
    row: Row = found[0]
    return row


def small_run(
    logs_dir: Path,
    body: Callable[[dg.OpExecutionContext], object],
    *,
    at: datetime = AT,
    told: list[str] | None = None,
    job: str = "small",
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """Run a job of the one op `work`, logged; `told` takes what is said to a person."""
    said = [] if told is None else told

    @dg.resource
    def log(context: dg.InitResourceContext) -> Any:
        assert context.instance is not None
        assert context.run is not None
        with logged(logs_dir, context.instance, context.run, at, said.append):
            yield

    @dg.op(required_resource_keys={"log"})
    def work(context: dg.OpExecutionContext) -> None:
        body(context)

    @dg.job(name=job, resource_defs={"log": log}, executor_def=dg.in_process_executor)
    def small() -> None:
        work()

    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return small.execute_in_process(run_config=quiet, raise_on_error=False, instance=instance)
