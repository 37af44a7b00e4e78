"""The intake of pings under load: `python -m benchmarks.pings [SECONDS]`. Prints JSON.

500 pings a second of 50 phones, each on a drive whose car answers from a script; the times are those of the script. Then the
tracker's replay of all that came, on one core. A ping is due whether or not the one before was answered.
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
from strava_pipeline.core.pings.lines import Kept
from strava_pipeline.core.trips.car.config import Limits
from strava_pipeline.lake.car_trips import Replay
from strava_pipeline.lake.paths import Lake
from strava_pipeline.lake.ping_log import landed, take_in, waiting_lines

RATE, PHONES = 500, 50
BEGIN = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
PERSON = '[[users]]\nuser_id = "user-{0}"\ntoken = "a-token-of-user-{0}"\ntimezone = "UTC"\n'
CAR = '[[users.cars]]\ncar_id = "car-{0}"\nhas_credentials = true\n'
_ROOT = Path(__file__).parent.parent


def body(number: int) -> bytes:
    """Of one phone its `number`-th ping, 15 s after the last one."""
    at = (BEGIN + timedelta(seconds=15 * number)).isoformat()
    return json.dumps({"t": at, "gps": {"lat": 50 + number / 1000, "lng": 5.0}}).encode()


def script(pings: int) -> dict[str, object]:
    """Each car drives all the time."""
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


async def post(port: int, phone: int, pings: int, began: float, seconds: list[float]) -> int:
    """A phone's pings on one connection; how many were acknowledged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    acknowledged = 0
    for number in range(pings):
        due = began + (number * PHONES + phone) / RATE
        if (early := due - time.monotonic()) > 0:
            await asyncio.sleep(early)
        sent = body(number)
        head = f"POST /pings/a-token-of-user-{phone} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(sent)}\r\n\r\n"
        writer.write(head.encode() + sent)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        seconds.append(time.monotonic() - due)
        acknowledged += answer.startswith(b"HTTP/1.1 200")
    writer.close()
    return acknowledged


async def post_all(port: int, pings: int) -> tuple[int, list[float]]:
    seconds: list[float] = []
    began = time.monotonic() + 0.2
    acknowledged = await asyncio.gather(*(post(port, phone, pings, began, seconds) for phone in range(PHONES)))
    return sum(acknowledged), sorted(seconds)


@contextmanager
def serving(folder: Path, port: int, used: list[float]) -> Iterator[None]:
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
            _, _, told = os.wait4(process.pid, 0)
            process.returncode = 0
            used.append(told.ru_utime + told.ru_stime)


def measure(folder: Path, seconds: int) -> dict[str, float | int]:
    pings = seconds * RATE // PHONES
    (folder / "cars.toml").write_text("".join(PERSON.format(phone) + CAR.format(phone) for phone in range(PHONES)))
    (folder / "script.json").write_text(json.dumps(script(pings)))
    lake, used = Lake(folder / "data"), list[float]()
    with free_port() as port:
        pass
    with serving(folder, port, used):
        acknowledged, took = asyncio.run(post_all(port, pings))
        time.sleep(1)  # what is on its way to the cars
    waiting = [line for line in waiting_lines(lake) if isinstance(line, Kept) and line.kind != "config"]
    take_in(lake, datetime.now(UTC) + timedelta(minutes=5))
    lines, began = sum(len(lines) for _, lines in landed(lake)), time.process_time()
    replay = Replay()
    replay.run(lake, Limits())
    cpu = time.process_time() - began
    return {
        "posted": pings * PHONES,
        "acknowledged": acknowledged,
        "kept": len(waiting),
        "p50_ms": round(1000 * took[len(took) // 2], 2),
        "p99_ms": round(1000 * took[len(took) * 99 // 100], 2),
        "max_ms": round(1000 * took[-1], 2),
        "intake_cpu_s": round(used[0], 2),
        "replayed_lines": lines,
        "replay_cpu_s": round(cpu, 2),
        "replayed_a_second": round(lines / cpu),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(measure(Path(made), int(sys.argv[1]) if len(sys.argv) > 1 else 60)))
