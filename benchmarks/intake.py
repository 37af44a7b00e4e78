"""The webhook intake under 500 events a second, beside a handler that answers 200 and stores nothing.

Each server runs in a process of its own, and posting.py in another. No printing.
"""

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.place import Place
from benchmarks.posting import Posted
from strava_pipeline.core.deliveries import intake_path
from strava_pipeline.lake.journal import unread
from strava_pipeline_tests.serve.client import body_of

RATE = 500  # events in a second, as the aims say
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Intake:
    """Figures of one server. `kept` and `lost` are None for a server that stores nothing.

    Milliseconds count from the moment when an event was due; CPU seconds include imports.
    """

    posted: int
    acknowledged: int
    kept: int | None
    lost: int | None
    p50_ms: float
    p99_ms: float
    max_ms: float
    seconds: float
    cpu: float

    def as_json(self) -> dict[str, int | float | None]:
        return asdict(self)


def measure(folder: Path, seconds: int) -> dict[str, Intake]:
    """Measure the product and the floor, one after the other, for `seconds` each."""
    lake, secret = Place(folder, "http://127.0.0.1:1").lake, secrets.token_hex(16)
    settings = {"STRAVA_WEBHOOK_SECRET": secret, "STRAVA_DATA_DIR": str(lake.data_dir)}
    product = _measure_server(["strava_pipeline", "serve"], folder, settings, intake_path("strava", secret), seconds)
    kept = {json.loads(body_of(line.content))["object_id"] for line in unread(lake.inbox_webhooks, {})}
    floor = _measure_server(["benchmarks.bare_intake"], folder, {}, "/", seconds)
    return {"floor": _figures(*floor, None), "intake": _figures(*product, kept)}


def _measure_server(
    module: list[str], folder: Path, settings: dict[str, str], path: str, seconds: int
) -> tuple[Posted, float]:
    """What was posted, and the CPU seconds of the server."""
    print(f"{folder.name}: {module[0]} for {seconds} s", file=sys.stderr)
    with free_port() as port:
        environment = {**os.environ, **settings, "STRAVA_SERVE_ADDRESS": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", *module]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=_ROOT, stdout=log, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        if "listening" not in (line := process.stderr.readline()):
            raise RuntimeError(line + process.stderr.read())
        try:
            poster = [sys.executable, "-m", "benchmarks.posting", str(port), path, str(seconds), str(RATE)]
            report = subprocess.run(poster, stdout=subprocess.PIPE, cwd=_ROOT, check=True).stdout
        finally:
            process.terminate()
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
    return Posted(**json.loads(report)), used.ru_utime + used.ru_stime


def _figures(posted: Posted, cpu: float, kept: set[int] | None) -> Intake:
    acknowledged = {number + 1 for number in posted.acknowledged}  # as object_id
    ms = sorted(1000 * seconds for seconds in posted.seconds)
    return Intake(
        posted=posted.posted,
        acknowledged=len(acknowledged),
        kept=None if kept is None else len(kept),
        lost=None if kept is None else len(acknowledged - kept),
        p50_ms=round(ms[len(ms) // 2], 2),
        p99_ms=round(ms[len(ms) * 99 // 100], 2),
        max_ms=round(ms[-1], 2),
        seconds=round(posted.total_seconds, 2),
        cpu=round(cpu, 2),
    )


@contextmanager
def free_port() -> Iterator[int]:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
