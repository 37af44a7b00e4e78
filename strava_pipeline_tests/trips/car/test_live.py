"""The live state: what it asks, what it does not, and how it goes on after whatever happened to it or to the log."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.lake.journal import JournalFullError
from strava_pipeline.lake.paths import Lake
from strava_pipeline.trips.car import live as module
from strava_pipeline.trips.car.live import Live
from strava_pipeline.trips.car.log import move_to_bronze
from strava_pipeline.trips.car.rules.lines import AnswerLine, CarReading, ReceivedLine, parse_line
from strava_pipeline.trips.car.rules.people import People, read_people
from strava_pipeline_tests.present import there
from strava_pipeline_tests.trips.car.logs import MORNING, Log, body_of, config, drive

PEOPLE = read_people({"users": [{**config(), "token": "a-token-of-the-tests"}]})


class Car:
    """Answers as the steps of a drive do; `asked`: the moments, in epoch seconds."""

    def __init__(self, steps: Sequence[dict[str, Any]]) -> None:
        self.answers = {datetime.fromisoformat(step["t"]).timestamp(): step["api"]["zoe"] for step in steps}
        self.asked: list[float] = []

    def car(self, user_id: str, car_id: str, at: float) -> CarReading:
        self.asked.append(at)
        return CarReading(car_id=car_id, answered_at=datetime.fromtimestamp(at, UTC), **self.answers[at])

    def route(self, user_id: str, points: Sequence[tuple[float, float]], at: float) -> float | None:
        return None


class Bench:
    """A live state on a folder, with a clock that is set by hand."""

    def __init__(self, folder: Path, steps: Sequence[dict[str, Any]]) -> None:
        self.log, self.car, self.now = Log(Lake(folder / "data")), Car(steps), MORNING
        self.log.lake.state.mkdir(parents=True, exist_ok=True)
        self.kept: list[bytes] = []
        self.full = False
        self.live = self.anew()

    def anew(self) -> Live:
        return Live(self.log.lake, self.car, self.keep, lambda: self.now)

    async def keep(self, line: bytes) -> None:
        if self.full:
            raise JournalFullError("full")
        self.kept.append(line)
        told = there(parse_line(line))
        self.log.put([told], self.now)

    async def ping(self, step: dict[str, Any], *, late: timedelta = timedelta()) -> None:
        self.now = datetime.fromisoformat(step["t"]) + late
        line = self.log.kept(step["event"], "anna", self.now, json.dumps(body_of(step)))
        self.log.put([line], self.now)
        self.live.receive(line)
        await self.settled()

    async def settled(self) -> None:
        for _ in range(50_000):
            if not self.live.status("anna")["waiting"]:
                return
            await asyncio.sleep(0.002)
        raise AssertionError("it never came to rest")

    async def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(50_000):
            if is_so():
                return
            await asyncio.sleep(0.002)
        raise AssertionError("never")

    @property
    def answered(self) -> list[AnswerLine]:
        lines = [parse_line(line) for line in self.kept]
        return [line for line in lines if isinstance(line, AnswerLine)]


def run(bench: Bench, act: Callable[[Bench], Awaitable[None]], people: People = PEOPLE) -> None:
    async def whole() -> None:
        await bench.live.begin(people)
        await act(bench)
        await bench.live.close()

    asyncio.run(whole())


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)


def test_pings_closer_than_fifty_seconds_ask_no_car(tmp_path: Path) -> None:
    steps = drive(km=4, every=25)
    bench = Bench(tmp_path, steps)

    async def act(bench: Bench) -> None:
        for step in steps[:5]:
            await bench.ping(step)
        assert bench.live.status("anna")["state"] == "driving"

    run(bench, act)
    assert [at - MORNING.timestamp() for at in bench.car.asked] == [0, 50, 100]
    assert [len(line.cars) for line in bench.answered] == [1, 0, 1, 0, 1]


def test_a_ping_that_comes_late_asks_no_car(tmp_path: Path) -> None:
    steps = drive(km=4)
    bench = Bench(tmp_path, steps)

    async def act(bench: Bench) -> None:
        await bench.ping(steps[0], late=timedelta(seconds=50))
        await bench.ping(steps[1], late=timedelta(seconds=51))

    run(bench, act)
    assert len(bench.car.asked) == 1
    assert [len(line.cars) for line in bench.answered] == [1, 0]


def test_what_was_answered_before_a_restart_is_not_asked_again(tmp_path: Path) -> None:
    steps = drive(km=4)
    bench = Bench(tmp_path, steps)
    first, second, third = steps[:3]
    bench.log.config(PEOPLE.configs[0])
    open_line, *_ = bench.log.lines(first)
    bench.log.put([open_line, *bench.log.lines(second)], MORNING)
    bench.now = MORNING + timedelta(seconds=71)

    async def act(bench: Bench) -> None:
        await bench.until(lambda: bench.live.status("anna")["last_event_at"] is not None)
        await bench.settled()
        await bench.ping(third)

    run(bench, act)
    assert bench.answered[0].to == open_line.id
    assert len({line.to for line in bench.answered}) == len(bench.answered) == 2


def test_a_full_inbox_keeps_nothing_from_beginning(tmp_path: Path) -> None:
    steps = drive(km=4)
    bench = Bench(tmp_path, steps)
    bench.full = True

    async def act(bench: Bench) -> None:
        await asyncio.sleep(0.05)
        assert bench.kept == []
        bench.full = False
        await bench.until(lambda: len(bench.kept) == 1)
        await bench.settled()
        await bench.ping(steps[0])
        assert bench.live.status("anna")["state"] == "driving"

    run(bench, act)


def test_a_log_that_can_not_be_read_is_tried_again(tmp_path: Path) -> None:
    steps = drive(km=4)
    bench = Bench(tmp_path, steps)
    damaged = bench.log.lake.pings / "2026" / "20260101T000000000000Z.20260101T000000000000Z-1-ab.10.ndjson.gz"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no gzip")

    async def act(bench: Bench) -> None:
        step = steps[0]
        bench.now = datetime.fromisoformat(step["t"])
        line = bench.log.kept("ping", "anna", bench.now, json.dumps(body_of(step)))
        bench.log.put([line], bench.now)
        bench.live.receive(line)
        await asyncio.sleep(0.05)
        assert bench.live.status("anna")["waiting"] > 0
        damaged.unlink()
        await bench.until(lambda: bench.live.status("anna")["state"] == "driving")

    run(bench, act)


def test_a_trip_that_a_run_ended_is_over_before_the_next_ping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 1000)
    steps = [*drive()[:4], *drive(MORNING + timedelta(hours=3), odometer=20_050.0)]
    bench = Bench(tmp_path, steps)

    async def act(bench: Bench) -> None:
        for step in steps[:4]:
            await bench.ping(step)
        clock = ReceivedLine(
            id="clock", kind="clock", user_id="anna", received_at=MORNING + timedelta(hours=2, minutes=50),
            body='{"t": "2026-03-04T09:20:00Z", "event": "clock"}',
        )  # fmt: skip
        bench.log.put([clock, AnswerLine(to="clock", user_id="anna")], clock.received_at)
        move_to_bronze(bench.log.lake, clock.received_at)
        await bench.ping(steps[4])
        told = bench.live.status("anna")
        assert (told["state"], told["start_time"]) == ("driving", "2026-03-04T09:30:00.000Z")
        assert told["last_trip_id"] == "anna:2026-03-04T06:30:00.000Z"

    run(bench, act)
