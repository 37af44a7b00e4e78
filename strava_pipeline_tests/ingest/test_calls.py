"""An interrupt while a call is under way: the answer is landed first, so that no call is spent twice."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from strava_pipeline.core.errors import TransientError
from strava_pipeline.ingest.calls import OUTAGE, FetchReport, fetch_each
from strava_pipeline.ingest.service_client import Answer
from strava_pipeline_tests.ingest.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World.started(tmp_path, activities=5) as started:
        started.log_in()
        yield started


@pytest.fixture(autouse=True)
def raising() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@dataclass(frozen=True, slots=True)
class Wanted:
    activity_id: int
    is_poisoned: bool = False


def test_an_answer_that_came_during_an_interrupt_is_landed_and_nothing_else_is_asked(world: World) -> None:
    ids, landed = world.ids(), list[int]()
    client, report = world.connect(), FetchReport()

    def interrupted(activity_id: int, *, patient: bool) -> Answer:
        answer = client.get_detail(activity_id, patient=patient)
        signal.raise_signal(signal.SIGINT)  # between the answer and its landing, when it is late for it
        return answer

    with pytest.raises(KeyboardInterrupt):
        fetch_each(
            client,
            interrupted,
            [Wanted(activity_id) for activity_id in ids],
            land=lambda item, body, at: landed.append(item.activity_id),
            land_failure=lambda *_: None,
            report=report,
        )
    assert (landed, client.calls) == (ids[:1], 1)


@pytest.mark.parametrize("failing", [OUTAGE - 1, OUTAGE])
def test_as_many_failures_in_a_row_as_an_outage_has_are_looked_into_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    client, probes = world.connect(), list[list[int]]()
    report, landed = FetchReport(), list[int]()
    monkeypatch.setattr(client, "probe", lambda: probes.append([*landed]))

    def get(activity_id: int, *, patient: bool) -> Answer:
        if activity_id < failing:
            raise TransientError("no answer")
        return client.get_athlete()

    fetch_each(
        client,
        get,
        [Wanted(number) for number in range(failing + 1)],
        land=lambda item, body, at: landed.append(item.activity_id),
        land_failure=lambda item, *_: landed.append(-item.activity_id),
        report=report,
    )
    assert probes == ([[]] if failing == OUTAGE else [])
    assert (report.received, sorted(report.failed_ids)) == (1, [*range(failing)])


def test_a_page_is_landed_before_an_interrupt_ends_the_listing(world: World) -> None:
    client, landed = world.connect(), list[int]()

    def land(page: object) -> None:
        signal.raise_signal(signal.SIGINT)
        landed.append(client.calls)

    with pytest.raises(KeyboardInterrupt):
        next(client.landed(client.list_pages(None, None, 2), land))
    assert landed == [1]


def test_waiting_for_another_attempt_is_interrupted_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = []

    def interrupted(seconds: float) -> None:
        signal.raise_signal(signal.SIGINT)
        slept.append(seconds)

    monkeypatch.setattr(world, "sleep", interrupted)
    client = world.connect()
    world.fault("/athlete/activities", "status", status=503, times=1)
    with pytest.raises(KeyboardInterrupt), client.landing():
        client.get("/athlete/activities")
    assert not slept


def test_an_interrupt_during_a_failed_attempt_takes_effect_before_the_next(world: World) -> None:
    client, tried = world.connect(), []

    def check(answer: Answer) -> str:
        tried.append(client.calls)
        signal.raise_signal(signal.SIGINT)
        return "not what was asked for"

    with pytest.raises(KeyboardInterrupt), client.landing():
        client.get("/athlete/activities", check=check)
    assert tried == [1]
