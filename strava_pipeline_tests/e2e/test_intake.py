"""The intake as a process: what it acknowledged is there however it ended, and what is wrong with starting it is told."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strava_pipeline.core.deliveries import intake_path
from strava_pipeline.lake.journal import segments, unread
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.processes import free_port
from strava_pipeline_tests.serve.client import SECRET, body_of, event

pytestmark = pytest.mark.slow

CLIENTS = 8
Start = Callable[[], "subprocess.Popen[str]"]


@dataclass
class Place:
    """A data folder and an address; `acknowledged`: the numbers of the events that were answered 200."""

    folder: Path
    port: int
    acknowledged: list[int] = field(default_factory=list)
    told: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("STRAVA_", "DAGSTER_"))}
        return {
            **ours,
            "STRAVA_WEBHOOK_SECRET": SECRET,
            "STRAVA_SERVE_ADDRESS": f"127.0.0.1:{self.port}",
            "STRAVA_DATA_DIR": str(self.folder / "data"),
        }

    @property
    def inbox(self) -> Path:
        return Lake(self.folder / "data").inbox_webhooks

    @property
    def log(self) -> Path:
        return self.folder / "log.jsonl"

    def process(self, *, log: Path | None = None, **more: str) -> "subprocess.Popen[str]":
        with (log or self.log).open("a") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "strava_pipeline", "serve"],
                env={**self.environment, **more},
                cwd=self.folder,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
            )

    def post(self, first: int) -> None:
        """Every CLIENTS-th event from `first` on, on one connection, until nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            for number in range(first, 10**6, CLIENTS):
                connection.request("POST", intake_path("strava", SECRET), event(object_id=number))
                with connection.getresponse() as answer:
                    if answer.status != 200:
                        return
                    answer.read()
                self.acknowledged.append(number)
                self.told.release()
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()

    def kept(self) -> list[int]:
        return [json.loads(body_of(line.content))["object_id"] for line in unread(self.inbox, {})]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, free_port())


@pytest.fixture
def start(place: Place) -> Iterator[Start]:
    with ExitStack() as stack:

        def started() -> "subprocess.Popen[str]":
            process = stack.enter_context(place.process())
            stack.callback(process.kill)
            assert process.stderr is not None
            assert process.stderr.readline() == f"Intake listening on http://127.0.0.1:{place.port}\n"
            return process

        yield started


def ended_while_posting(place: Place, process: "subprocess.Popen[str]", end: signal.Signals, first: int = 1) -> int:
    """`end` in the midst of parallel posting; the exit code."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        posting = [pool.submit(place.post, first + number) for number in range(CLIENTS)]
        answered = all(place.told.acquire(timeout=PATIENCE) for _ in range(100))
        process.send_signal(end if answered else signal.SIGKILL)
        for each in posting:
            each.result()
    assert answered
    return process.wait(PATIENCE)


@pytest.mark.dear
def test_what_was_acknowledged_outlives_a_kill_and_the_next_goes_on_beside_it(place: Place, start: Start) -> None:
    assert ended_while_posting(place, start(), signal.SIGKILL) == -signal.SIGKILL
    first = place.kept()
    assert set(place.acknowledged) <= set(first)
    assert len(first) - len(place.acknowledged) <= CLIENTS, "written, and the answer never came"
    (before,) = segments(place.inbox)
    held = before.read_bytes()
    assert ended_while_posting(place, start(), signal.SIGKILL, first=500_001) == -signal.SIGKILL
    assert before.read_bytes() == held
    assert len(segments(place.inbox)) == 2
    kept = place.kept()
    assert set(place.acknowledged) <= set(kept)
    assert kept[: len(first)] == first
    assert SECRET not in place.log.read_text()


def test_a_friendly_end_answers_who_waits_and_loses_nothing(place: Place, start: Start) -> None:
    process = start()
    code = ended_while_posting(place, process, signal.SIGTERM)
    assert code in (0, -signal.SIGTERM)
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert sorted(place.acknowledged) == sorted(place.kept())
    lines = [json.loads(line) for line in place.log.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200] * len(place.acknowledged)


def test_an_address_that_is_taken_is_told(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.port)), place.process() as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert said == (
        f"127.0.0.1:{place.port} can't be listened on (Address already in use). Is the intake running already? "
        "Else set STRAVA_SERVE_ADDRESS to another one.\n"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"STRAVA_WEBHOOK_SECRET": ""}, ("STRAVA_WEBHOOK_SECRET is not set", "openssl rand -hex 32", ".env")),
        ({"STRAVA_WEBHOOK_SECRET": "sh/rt"}, ("STRAVA_WEBHOOK_SECRET", "openssl rand -hex 32")),
        ({"STRAVA_SERVE_ADDRESS": "8722"}, ("STRAVA_SERVE_ADDRESS", "127.0.0.1:8722")),
    ],
    ids=["no secret", "a bad secret", "no host"],
)
def test_what_is_not_set_is_told_with_the_way_out(place: Place, settings: dict[str, str], words: tuple[str]) -> None:
    with place.process(**settings) as process:
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert all(word in said for word in words)
    assert "sh/rt" not in said
    assert "Traceback" not in said
    assert not place.inbox.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no file that is always full")
def test_a_log_that_can_not_be_written_costs_no_event(place: Place) -> None:
    with place.process(log=Path("/dev/full")) as process, ExitStack() as stack:
        stack.callback(process.kill)
        assert process.stderr is not None
        process.stderr.readline()
        ended_while_posting(place, process, signal.SIGTERM)
        assert process.stderr.read() == ""
    assert sorted(place.acknowledged) == sorted(place.kept())


def test_an_intake_is_nobody_elses_unless_told_so() -> None:
    from strava_pipeline.environment.settings import Settings

    assert Settings.model_fields["serve_address"].default == "127.0.0.1:8722"
