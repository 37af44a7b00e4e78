"""Pings under load while the intake and the runs are killed: what was acknowledged is in bronze once, and gold is its replay."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.warehouse import reading, writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.keeping import merge
from strava_pipeline.trips.car.log import bronze_files
from strava_pipeline_tests.e2e.dagster_dev import ROOT, until
from strava_pipeline_tests.patience import PATIENCE
from strava_pipeline_tests.trips.car.logs import body_of, drive, scenarios
from strava_pipeline_tests.trips.car.logs import config as person

pytestmark = pytest.mark.slow
CLIENTS = 4
TOKENS = [f"a-token-of-user-{number}" for number in range(CLIENTS)]
TOML = """
[[users]]
user_id = "user-{number}"
token = "a-token-of-user-{number}"
timezone = "Europe/Amsterdam"
[[users.cars]]
car_id = "zoe"
name = "Blue Zoe"
has_credentials = true
"""


@dataclass
class Place:
    """A folder with people in it; `acknowledged`: the bodies that were answered 200, by user."""

    folder: Path
    port: int
    acknowledged: list[str] = field(default_factory=list)
    answers: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def lake(self) -> Lake:
        return Lake(self.folder / "data")

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("STRAVA_", "DAGSTER_"))}
        return {
            **ours,
            "PYTHONPATH": str(ROOT),
            "STRAVA_SERVE_ADDRESS": f"127.0.0.1:{self.port}",
            "STRAVA_DATA_DIR": str(self.folder / "data"),
            "STRAVA_LOGS_DIR": str(self.folder / "logs"),
            "DAGSTER_HOME": str(self.folder / "dagster_home"),
            "STRAVA_FIRST_YEAR": "2025",
        }

    @contextmanager
    def serving(self) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, "-m", "strava_pipeline", "serve", "--scripted", "script.json"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        try:
            until(self.answers_health, bool)
            yield process
        finally:
            process.kill()
            process.wait()

    def answers_health(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def post(self, number: int, steps: list[dict[str, object]]) -> None:
        """A user's pings one after the other, as a phone does: what was not acknowledged is sent again."""
        left = [json.dumps(body_of(step)) for step in steps]
        while left:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                while left:
                    connection.request("POST", f"/pings/{TOKENS[number]}", left[0])
                    with connection.getresponse() as answer:
                        assert answer.status == 200, answer.read()
                        answer.read()
                    self.acknowledged.append(f"user-{number} {left.pop(0)}")
                    self.answers.release()
            except (OSError, http.client.HTTPException):
                continue

    def run(self) -> "subprocess.Popen[bytes]":
        """The job, by Dagster's own command line."""
        code = (
            "from strava_pipeline.verbs.run_job import run_job; from strava_pipeline.environment.settings import Settings;"
            "run_job(Settings.load(), 'car_trips', years=[2026], config={'pings': {'safety_net': False}})"
        )
        with (self.folder / "runs").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", code], cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with socket.create_server(("127.0.0.1", 0)) as free:
        made = Place(tmp_path, free.getsockname()[1])
    (tmp_path / "cars.toml").write_text("".join(TOML.format(number=number) for number in range(CLIENTS)))
    return made


def test_nothing_acknowledged_is_lost_and_gold_is_the_replay_of_it(place: Place) -> None:
    steps = [drive(km=km, odometer=1000.0 * km) for km in (60, 70, 80, 90)]
    told = [(person(f"user-{number}", locations=[]), each) for number, each in enumerate(steps)]
    (place.folder / "script.json").write_text(json.dumps(scenarios(*told)))
    with ThreadPoolExecutor(CLIENTS) as pool:
        posting = [pool.submit(place.post, number, each) for number, each in enumerate(steps)]
        for _ in range(3):  # a death of the intake in the midst of it, and one of a run
            with place.serving() as process:
                for _ in range(40):
                    assert place.answers.acquire(timeout=PATIENCE)
                run = place.run()
                until(lambda: (place.folder / "dagster_home").exists(), bool, every=0.2)
                for _ in range(20):
                    assert place.answers.acquire(timeout=PATIENCE)
                process.send_signal(signal.SIGKILL)
                run.kill()
                run.wait()
        with place.serving():
            for each in posting:
                each.result()
            run = place.run()
            assert run.wait(PATIENCE) == 0, (place.folder / "runs").read_text()[-3000:]
            run = place.run()
            assert run.wait(PATIENCE) == 0
    kept = [line for _, lines in bronze_files(place.lake) for line, _ in lines if line.kind != "config"]
    assert Counter(line.id for line in kept).most_common(1)[0][1] == 1
    assert set(place.acknowledged) <= {f"{line.user_id} {line.body}" for line in kept}
    assert len(place.acknowledged) == sum(map(len, steps))
    with reading(place.lake) as connection:
        trips = connection.execute("SELECT * FROM car_trips ORDER BY ALL").fetchall()
    assert len(trips) == CLIENTS
    with writing(place.lake) as connection:
        merge(connection, place.lake)
        assert connection.execute("SELECT * FROM car_trips ORDER BY ALL").fetchall() == trips
