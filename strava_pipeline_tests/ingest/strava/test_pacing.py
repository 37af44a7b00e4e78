"""Limits against a server that counts: none is run into, a 429 costs one call, a full day stops at once."""

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest

from strava_pipeline.core.errors import BudgetExhaustedError, CallCapReachedError
from strava_pipeline.ingest.budget import Pacing, RateBudget
from strava_pipeline.ingest.strava.client import StravaClient
from strava_pipeline.ingest.strava.emulator.application import Limits
from strava_pipeline_tests.ingest.fakes import START, Time, answer_headers
from strava_pipeline_tests.ingest.world import World, utc
from strava_pipeline_tests.raw_answers import raw_answer

PATH = "/athlete/activities"
SMALL = Limits(overall_15min=8, overall_day=40, read_15min=5, read_day=12)


def ask(client: StravaClient, times: int) -> None:
    for _ in range(times):
        client.get(PATH)


@pytest.fixture
def limited(make_world: Callable[..., World]) -> World:
    world = make_world(limits=SMALL, token_lifetime=10**7)
    world.log_in()
    return world


@pytest.mark.slow
def test_a_full_quarter_is_waited_for_and_nothing_is_refused(limited: World) -> None:
    told: list[tuple[str, float]] = []
    client = limited.connect(on_wait=lambda why, seconds: told.append((why, seconds)))
    for _ in range(12):
        client.get(PATH)
    calls = limited.calls()
    assert (calls["total"], calls["refused"]) == (12, 0)
    assert all("read calls in 15 minutes" in why for why, _ in told)
    assert 12 * 60 - 5 < told[0][1] < 12 * 60 + 3
    waits = [seconds for _, seconds in told]
    assert all(59 < before - after < 61 for before, after in pairwise(waits) if after < before)
    assert max(limited.slept) <= 60
    assert client.waited.total_seconds() == pytest.approx(sum(limited.slept), abs=5)


def test_a_429_costs_one_call_and_one_wait(limited: World) -> None:
    for _ in range(5):
        limited.foreign_call(PATH)
    client = limited.connect()
    assert client.get(PATH).json
    calls = limited.calls()
    assert (calls["total"], calls["refused"], client.calls) == (7, 1, 2)
    assert sum(limited.slept) == pytest.approx(12 * 60, abs=5)


@pytest.mark.parametrize("foreign", [5, 12])
def test_a_429_that_is_not_waited_for_says_when_to_go_on(limited: World, foreign: int) -> None:
    for _ in range(foreign):
        limited.foreign_call(PATH)
    client = limited.connect(wait=False)
    with pytest.raises(BudgetExhaustedError) as caught:
        client.get(PATH)
    assert caught.value.resumes_at == (utc(2026, 5, 1, 12, 15) if foreign == 5 else utc(2026, 5, 2))
    with pytest.raises(BudgetExhaustedError):
        client.get(PATH)
    assert limited.calls()["refused"] == max(1, foreign - 5 + 1), "one of ours at most"


def test_a_429_that_shows_no_full_limit_is_waited_for_by_the_quarter(world: World) -> None:
    world.fault(PATH, "status", status=429, times=2)
    client = world.connect()
    client.get(PATH)
    assert client.calls == 3
    assert sum(world.slept) == pytest.approx(27 * 60, abs=5)


def test_a_429_that_never_ends_is_given_up_after_an_hour(world: World) -> None:
    world.fault(PATH, "status", status=429, times=-1)
    client = world.connect()
    with pytest.raises(BudgetExhaustedError) as caught:
        client.get(PATH)
    assert client.calls == 4
    assert caught.value.ceiling.window == "15min"


def test_retries_are_calls_too(limited: World) -> None:
    client = limited.connect(max_calls=2)
    limited.fault(PATH, "status", status=500, times=-1)
    with pytest.raises(CallCapReachedError):
        client.get(PATH)
    assert limited.calls()["total"] == client.calls == 2


@pytest.mark.parametrize("speed", [60.0, 3600.0])
def test_an_accelerated_emulator_is_paced_at_its_own_speed(make_world: Callable[..., World], speed: float) -> None:
    limits = Limits(overall_15min=3, overall_day=1000, read_15min=3, read_day=1000)
    world = make_world(limits=limits, speed=speed, token_lifetime=10**7)
    world.log_in()
    client = world.connect(clock=world.clock(speed=speed))
    for _ in range(8):
        client.get(PATH)
    assert (world.calls()["total"], world.calls()["refused"]) == (8, 0)


def test_a_cushion_of_the_whole_limit_stops_instead_of_waiting_for_ever(limited: World) -> None:
    with pytest.raises(BudgetExhaustedError):
        limited.connect(cushion_15min=500).get(PATH)


@pytest.mark.slow
def test_the_four_limits_are_met_one_after_the_other_without_a_refused_call(make_world: Callable[..., World]) -> None:
    world = make_world(token_lifetime=10**7)
    world.log_in()
    world.foreign_call(PATH)
    met = []
    for limits in ("4,99/9,99", "9,99/3,99", "99,10/99,99", "99,99/99,12"):  # the server sets new ones while we run
        world.order("limits", limits=limits)
        client = world.connect(wait=False)
        with pytest.raises(BudgetExhaustedError) as caught:
            ask(client, 20)
        met.append(str(caught.value.ceiling))
        world.sleep((caught.value.resumes_at - client.clock.now()).total_seconds() + 1)
    assert met == ["calls in 15 minutes", "read calls in 15 minutes", "calls in a day", "read calls in a day"]
    assert (world.calls()["total"], world.calls()["refused"]) == (4 + 3 + 3 + 12, 0)


@pytest.mark.parametrize(("limits", "made"), [("99,99/2,99", 3), ("99,99/99,2", 3), ("99,99/9,99", 9)])
def test_limits_lowered_or_raised_under_way_hold_from_the_next_answer_on(
    make_world: Callable[..., World], limits: str, made: int
) -> None:
    world = make_world(token_lifetime=10**7, limits=Limits(99, 99, 6, 99))
    world.log_in()
    client = world.connect(wait=False)
    client.get(PATH)
    client.get(PATH)
    world.order("limits", limits=limits)
    with pytest.raises(BudgetExhaustedError):
        ask(client, 20)
    refused = int(made == 3)  # what was lowered below its usage can only be learnt from a refusal
    assert (world.calls()["total"], world.calls()["refused"]) == (made, refused)


def test_the_first_answer_tells_limits_smaller_than_the_published_ones(make_world: Callable[..., World]) -> None:
    world = make_world(token_lifetime=10**7, limits=Limits(1, 3, 1, 2))
    world.log_in()
    client = world.connect()
    with pytest.raises(BudgetExhaustedError, match="limit of 2 read calls in a day"):
        ask(client, 9)
    assert (world.calls()["total"], world.calls()["refused"]) == (2, 0)


def test_a_429_without_any_header_is_waited_for_by_the_quarter(world: World) -> None:
    world.fault(PATH, "raw", body=raw_answer("429 Too Many Requests\r\nContent-Length: 0"), status=429)
    client = world.connect()
    client.get(PATH)
    assert client.calls == 2
    assert sum(world.slept) == pytest.approx(12 * 60, abs=5)


@pytest.mark.slow
@pytest.mark.parametrize("before_midnight", [0.0, 0.4, 1.0, 1.6])
def test_calls_at_the_edge_of_the_day_are_never_refused(limited: World, before_midnight: float) -> None:
    limited.order("clock", set="2026-05-01T23:45:00Z")
    client = limited.connect()
    ask(client, 4)
    limited.order("clock", set="2026-05-01T23:59:57Z")
    client.get(PATH)  # the last of its quarter
    limited.sleep(3 - before_midnight)
    ask(client, 6)
    assert (limited.calls()["total"], limited.calls()["refused"]) == (11, 0)


def test_a_cushion_and_a_cap_hold_to_the_call(limited: World) -> None:
    with pytest.raises(BudgetExhaustedError, match="2 of them are kept back"):
        ask(limited.connect(wait=False, cushion_15min=2), 9)
    assert limited.calls()["total"] == 3
    with pytest.raises(CallCapReachedError):
        ask(limited.connect(wait=False, max_calls=2), 9)
    with pytest.raises(BudgetExhaustedError):
        limited.connect(wait=False).get(PATH)
    assert (limited.calls()["total"], limited.calls()["refused"]) == (5, 0)


def test_by_default_it_is_logged(tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    budget = RateBudget(tmp_path_factory.mktemp("state") / "budget.json", time.clock())
    budget.record_answer(answer_headers(START, overall=("200,2000", "200,200"), read=("100,1000", "9,9")))
    with caplog.at_level(logging.INFO):
        moment = Pacing(budget, time.clock()).reserve()
    assert moment == utc(2026, 5, 1, 12, 15) + timedelta(seconds=1)
    assert caplog.messages[0] == "waiting for the limit's next window, 721 s, until 12:15:00 UTC"
    assert len(caplog.messages) == len(time.slept) == 13
