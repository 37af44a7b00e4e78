"""Asking cars is bounded: in time, in number at once, and by what was answered a moment ago."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

import pytest

from strava_pipeline.trips.car.reading.reading import BoundedCars, Trouble, unanswered
from strava_pipeline.trips.car.rules.lines import CarReading
from strava_pipeline_tests.trips.car.reading.connectivity import START, Clock

LONG = 30.0  # seconds that no test lasts; waiting so long means that something hangs
SHORT = 0.05


class Cars:
    """Answers with the number of the question. While it is held, questions are begun and not answered."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, str]] = []
        self.at_once = self.most = 0
        self.begun = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()
        self.closed = False
        self._lock = threading.Lock()

    def ask(self, car_id: str, at: datetime, user_id: str) -> CarReading:
        with self._lock:
            self.asked.append((user_id, car_id))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            number = len(self.asked)
        self.begun.release()
        assert self.free.wait(LONG)
        with self._lock:
            self.at_once -= 1
        return CarReading(car_id=car_id, answered_at=self.clock(), odometer=number)

    @contextmanager
    def held(self) -> Iterator[None]:
        self.free.clear()
        try:
            yield
        finally:
            self.free.set()

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cars(clock: Clock) -> Cars:
    return Cars(clock)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads do; `condition` is asked again and again."""
    pause = threading.Event()
    for _ in range(int(LONG / 0.005)):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("it never came to that")


def test_an_answer_is_passed_on(cars: Cars, clock: Clock) -> None:
    bounded = BoundedCars(cars, clock)
    assert bounded.ask("zoe", START, "anna") == CarReading(car_id="zoe", answered_at=START, odometer=1)
    assert (cars.asked, bounded.calls) == ([("anna", "zoe")], 1)


def test_what_was_answered_a_moment_ago_is_not_asked_again(cars: Cars, clock: Clock) -> None:
    bounded = BoundedCars(cars, clock, keep_s=10)
    first = bounded.ask("zoe", START, "anna")
    clock.go_on(10)
    assert bounded.ask("zoe", clock(), "anna") is first
    clock.go_on(0.1)
    assert bounded.ask("zoe", clock(), "anna").odometer == 2
    assert bounded.calls == 2


def test_another_car_and_another_user_are_other_questions(cars: Cars, clock: Clock) -> None:
    bounded = BoundedCars(cars, clock)
    for user_id, car_id in (("anna", "zoe"), ("anna", "clio"), ("ben", "zoe"), ("anna", "zoe")):
        bounded.ask(car_id, START, user_id)
    assert cars.asked == [("anna", "zoe"), ("anna", "clio"), ("ben", "zoe")]


def test_a_car_that_hangs_keeps_nobody_waiting(cars: Cars, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    bounded = BoundedCars(cars, clock, seconds=SHORT)
    with cars.held():
        assert bounded.ask("zoe", START, "anna") == unanswered("zoe", START, Trouble.TIMEOUT)
        clock.go_on(100)
        reading = bounded.ask("zoe", clock(), "anna")
        assert (reading.error, reading.answered_at) == (Trouble.TIMEOUT, clock())
        assert bounded.calls == 1, "the question is still under way"
    assert [record.getMessage()[:38] for record in caplog.records] == ["Car zoe of anna did not answer within "]
    until(lambda: bounded.ask("zoe", clock(), "anna").odometer == 1)
    assert bounded.calls == 1, "its answer came late, and serves who asks then"


def test_whoever_asks_while_it_is_being_asked_gets_that_answer(cars: Cars, clock: Clock) -> None:
    bounded = BoundedCars(cars, clock, seconds=LONG)
    with ThreadPoolExecutor(5) as pool:
        with cars.held():
            asking = [pool.submit(bounded.ask, "zoe", START, "anna") for _ in range(5)]
            assert cars.begun.acquire(timeout=LONG)
            until(lambda: bounded._calls["anna", "zoe"].waiting == 5)
        found = {future.result(LONG).odometer for future in asking}
    assert (found, bounded.calls) == ({1.0}, 1)


def test_no_more_are_asked_at_once_than_there_are_workers(cars: Cars, clock: Clock) -> None:
    bounded = BoundedCars(cars, clock, seconds=LONG, workers=2)
    with ThreadPoolExecutor(6) as pool:
        with cars.held():
            asking = [pool.submit(bounded.ask, f"car {number}", START, "anna") for number in range(6)]
            for _ in range(2):
                assert cars.begun.acquire(timeout=LONG)
            until(lambda: sum(call.waiting for call in bounded._calls.values()) == 6)
            assert not cars.begun.acquire(timeout=SHORT)
        assert all(future.result(LONG).error is None for future in asking)
    assert (cars.most, bounded.calls) == (2, 6)


def test_a_question_that_nobody_waits_for_any_more_is_not_asked(cars: Cars, clock: Clock) -> None:
    bounded = BoundedCars(cars, clock, seconds=SHORT, workers=1)
    with cars.held():
        assert bounded.ask("zoe", START, "anna").error == Trouble.TIMEOUT
        assert bounded.ask("clio", START, "anna").error == Trouble.TIMEOUT, "it stands in the queue"
    until(lambda: ("anna", "clio") not in bounded._calls)
    assert cars.asked == [("anna", "zoe")]
    until(lambda: bounded.ask("clio", START, "anna").error is None)


def test_an_adapter_that_raises_after_all_is_an_error(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def ask(self, car_id: str, at: datetime, user_id: str) -> CarReading:
            raise RuntimeError("at 0.25, -7.125")

    assert BoundedCars(Broken(), clock).ask("zoe", START, "anna").error == Trouble.FAILED
    assert "0.25" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_questions_keep_no_process_alive(cars: Cars, clock: Clock) -> None:
    bounded = BoundedCars(cars, clock, seconds=SHORT)
    with cars.held():
        bounded.ask("zoe", START, "anna")
        hanging = [thread for thread in threading.enumerate() if thread.name == "asking a car"]
        assert hanging
        assert all(thread.daemon for thread in hanging)


def test_at_its_end_the_adapter_is_closed(cars: Cars, clock: Clock) -> None:
    with BoundedCars(cars, clock):
        assert not cars.closed
    assert cars.closed
