"""A real `strava-pipeline dev` for tests: started, asked by the UI's own GraphQL, ended. No assertions here."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from strava_pipeline.environment.settings import Settings
from strava_pipeline.verbs.dagster_process import Address
from strava_pipeline_tests.processes import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 900  # seconds; the backfill daemon alone wakes every 30, and a busy machine takes its time


def mutation(name: str, argument: str, kind: str, success: str) -> str:
    """One that answers with `success`, or a message."""
    told = f"__typename ... on {success} ... on PythonError {{ message }}"
    return f"mutation ($params: {kind}!) {{ {name}({argument}: $params) {{ {told} }} }}"


_BEGUN = "LaunchBackfillSuccess { backfillId }"
LAUNCH_BACKFILL = mutation("launchPartitionBackfill", "backfillParams", "LaunchBackfillParams", _BEGUN)
LAUNCH_FAILED = mutation("reexecutePartitionBackfill", "reexecutionParams", "ReexecutionParams", _BEGUN)
_RUN = "LaunchRunSuccess { run { runId } }"
LAUNCH_RUN = mutation("launchPipelineExecution", "executionParams", "ExecutionParams", _RUN)
BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { id status runs(limit: 100) { id status } }
  }
}
"""
UNDER_WAY = ("REQUESTED", "CANCELING")
RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@dataclass(frozen=True, slots=True)
class DagsterDev:
    """Dagster's web server and daemon at `url`, asked by `client`."""

    url: str
    process: subprocess.Popen[bytes]
    client: requests.Session = field(default_factory=requests.Session)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        sent = {"query": query, "variables": variables}
        answer = self.client.post(f"{self.url}/graphql", json=sent, timeout=30).json()
        if "errors" in answer:
            raise RuntimeError(answer["errors"])
        return dict(answer["data"])

    def backfill(self, assets: list[str], partitions: Sequence[int | str], config: Any = None) -> dict[str, Any]:
        """Launch a backfill as the UI does and wait until it is over."""
        return self.over(self.launch_backfill(assets, partitions, config))

    def over(self, backfill: str) -> dict[str, Any]:
        """A backfill when it is over."""
        return dict(until(lambda: self.backfill_status(backfill), lambda one: one["status"] not in UNDER_WAY))

    def launch_failed(self, backfill: str) -> str:
        """Launch what failed of a backfill again, as the UI does; the id of the new one."""
        params = {"parentRunId": backfill, "strategy": "FROM_FAILURE"}
        return str(self.ask(LAUNCH_FAILED, params=params)["reexecutePartitionBackfill"]["backfillId"])

    def launch_backfill(self, assets: list[str], partitions: Sequence[int | str], config: Any = None) -> str:
        """Launch a backfill as the UI does; its id."""
        params = {
            "assetSelection": [{"path": name.split("/")} for name in assets],
            "partitionNames": [str(key) for key in partitions],
            "tags": [],
            **({"runConfigData": config} if config else {}),
        }
        return str(self.ask(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]["backfillId"])

    def backfill_status(self, backfill: str) -> dict[str, Any]:
        """The status of a backfill and of its runs."""
        return dict(self.ask(BACKFILL, id=backfill)["partitionBackfillOrError"])

    def processes(self) -> dict[int, str]:
        """Every process of Dagster's, by id, with its command line: those of the session that `dev` began for it."""
        found = subprocess.run(["ps", "-wweo", "pid=,sess=,args="], capture_output=True, text=True, check=True).stdout
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        rows = [line.split(maxsplit=2) for line in found.splitlines()]
        return {int(pid): command for pid, session, command in rows if session in children}

    def run(self, job: str, tags: dict[str, str], config: dict[str, Any] | None = None) -> str:
        """Launch a job's run and wait; its status at the end."""
        run_id = self.launch(job, tags, config)

        def look() -> str:
            return str(self.ask(RUN, id=run_id)["runOrError"]["status"])

        return until(look, lambda status: status in ("SUCCESS", "FAILURE", "CANCELED"))

    def launch(
        self,
        job: str,
        tags: dict[str, str],
        config: dict[str, Any] | None = None,
        assets: list[str] | None = None,
        location: str = "strava_pipeline",
    ) -> str:
        """Launch a job's run through the queue, of all its assets or of some; its id."""
        params = {
            "selector": {
                "repositoryLocationName": location,
                "repositoryName": "__repository__",
                "pipelineName": job,
                **({"assetSelection": [{"path": [name]} for name in assets]} if assets else {}),
            },
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
            "runConfigData": config or {},
        }
        launched = self.ask(LAUNCH_RUN, params=params)["launchPipelineExecution"]
        return str(launched["run"]["runId"])


def until(look: Any, is_over: Any, *, every: float = 1.0) -> Any:
    """Look every so many seconds until it is over; the last look. Who looks often takes the time of those looked at."""
    deadline = time.monotonic() + PATIENCE
    while not is_over(found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {found} after {PATIENCE} s")
        time.sleep(every)
    return found


@contextmanager
def dagster_dev(settings: Settings, log: Path, *options: str) -> Iterator[DagsterDev]:
    """Start `strava-pipeline dev` with `settings` and `options`, as a person would; end it as Ctrl-C does.

    It is typed in a folder whose `.env` says otherwise: the environment wins, in every process of Dagster's too.
    """
    here, elsewhere = log.parent / "typed_here", log.parent / "elsewhere"
    here.mkdir(exist_ok=True)
    (here / ".env").write_text(
        f"DAGSTER_HOME={elsewhere}/home\nSTRAVA_DATA_DIR={elsewhere}/data\nSTRAVA_API_URL=http://127.0.0.1:9/api/v3\n"
    )
    port = free_port()
    command = [sys.executable, "-m", "strava_pipeline", "dev", "--port", str(port), *options]
    environment = {**os.environ, **settings.environ()}
    with log.open("wb") as out, subprocess.Popen(command, cwd=here, env=environment, stdout=out, stderr=out) as process:
        dev = DagsterDev(Address("127.0.0.1", port).on(settings).url, process)
        try:
            until(lambda: answers(dev.url) or process.poll() is not None, bool)
            yield dev
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            assert not elsewhere.exists()


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/server_info", timeout=2).ok
    except requests.RequestException:
        return False
