"""The intake of pings under load: `python -m strava_pipeline_tests.trips.car.pings_under_load [SECONDS]`. Prints JSON.

500 pings a second of 50 phones, each on a drive whose car answers from a script with the script's times. Then the tracker replays
all pings on one core. A ping is due whether or not the one before was answered.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.intake import free_port
from benchmarks.posting import CONNECTIONS, post_all
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car.keeping import Replay
from strava_pipeline.trips.car.log import bronze_files, move_to_bronze, waiting_lines
from strava_pipeline.trips.car.rules.config import Limits
from strava_pipeline.trips.car.rules.lines import ReceivedLine

RATE, PHONES = 500, CONNECTIONS  # each phone keeps a connection
BEGIN = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
PERSON = '[[users]]\nuser_id = "user-{0}"\ntoken = "a-token-of-user-{0}"\ntimezone = "UTC"\n'
CAR = '[[users.cars]]\ncar_id = "car-{0}"\nhas_credentials = true\n'
_ROOT = Path(__file__).parents[3]


def request(number: int) -> tuple[str, bytes]:
    """Path and body of a request: the phones take turns, and the pings of a phone are 15 s apart."""
    ping, phone = divmod(number, PHONES)
    at = (BEGIN + timedelta(seconds=15 * ping)).isoformat()
    body = json.dumps({"t": at, "gps": {"lat": 50 + ping / 1000, "lng": 5.0}}).encode()
    return f"/pings/a-token-of-user-{phone}", body


def script(pings: int) -> dict[str, object]:
    """What the cars answer: each of them drives all the time."""
    answers = [
        {
            "user_id": f"user-{phone}",
            "car_id": f"car-{phone}",
            "t": (BEGIN + timedelta(seconds=15 * number)).isoformat(),
            "answer": {"is_parked": False, "odometer": number / 10, "lat": 50 + number / 1000, "lng": 5.0},
        }
        for phone in range(PHONES)
        for number in range(pings)
    ]
    return {"answers": answers}


@contextmanager
def serving(folder: Path, port: int, cpu: list[float]) -> Iterator[None]:
    """Run the intake; at the end its CPU seconds are added to `cpu`."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(_ROOT),
        "STRAVA_DATA_DIR": str(folder / "data"),
        "STRAVA_SERVE_ADDRESS": f"127.0.0.1:{port}",
    }
    command = [sys.executable, "-m", "strava_pipeline", "serve", "--scripted", "script.json"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        line = process.stderr.readline()
        assert "listening" in line, line
        try:
            yield
        finally:
            process.terminate()
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
            cpu.append(used.ru_utime + used.ru_stime)


def measure(folder: Path, seconds: int) -> dict[str, float | int]:
    """The figures of the intake under load for `seconds`, and of a replay of all pings."""
    pings = seconds * RATE // PHONES
    (folder / "cars.toml").write_text("".join(PERSON.format(phone) + CAR.format(phone) for phone in range(PHONES)))
    (folder / "script.json").write_text(json.dumps(script(pings)))
    lake, intake_cpu = Lake(folder / "data"), list[float]()
    with free_port() as port:
        pass
    with serving(folder, port, intake_cpu):
        posted = asyncio.run(post_all(port, pings * PHONES, RATE, request))
        time.sleep(1)  # for questions to the cars that are under way
    seconds_to_answer = sorted(posted.seconds)
    waiting = [line for line in waiting_lines(lake) if isinstance(line, ReceivedLine) and line.kind != "config"]
    move_to_bronze(lake, datetime.now(UTC) + timedelta(minutes=5))
    lines, started = sum(len(lines) for _, lines in bronze_files(lake)), time.process_time()
    replay = Replay()
    replay.run(lake, Limits())
    cpu = time.process_time() - started
    return {
        "posted": pings * PHONES,
        "acknowledged": len(posted.acknowledged),
        "kept": len(waiting),
        "p50_ms": round(1000 * seconds_to_answer[len(seconds_to_answer) // 2], 2),
        "p99_ms": round(1000 * seconds_to_answer[len(seconds_to_answer) * 99 // 100], 2),
        "max_ms": round(1000 * seconds_to_answer[-1], 2),
        "intake_cpu_s": round(intake_cpu[0], 2),
        "replayed_lines": lines,
        "replay_cpu_s": round(cpu, 2),
        "replayed_a_second": round(lines / cpu),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(measure(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else 60)))
