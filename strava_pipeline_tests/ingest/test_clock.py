"""ingest.clock: the server's time, from its Date headers."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.ingest.clock import ServerClock, parse_date_header
from strava_pipeline_tests.ingest.fakes import START, Time, http_date

SECOND = timedelta(seconds=1)


def test_before_the_first_answer_it_is_local_time() -> None:
    time = Time()
    clock = time.clock()
    assert clock.now() == START
    time.pass_(5)
    assert clock.now() == START + 5 * SECOND
    assert not clock.synced


@pytest.mark.parametrize(
    "error", [timedelta(hours=-11), timedelta(hours=3), timedelta(days=400), timedelta(seconds=30)]
)
def test_a_wrong_local_clock_is_harmless_after_the_first_answer(error: timedelta) -> None:
    time = Time(START + error)
    clock = time.clock()
    clock.now()
    clock.observe(http_date(START))
    assert clock.now() == START
    time.pass_(100)
    assert clock.now() == START + 100 * SECOND


@pytest.mark.parametrize(("ahead", "kept"), [(-0.001, False), (0, True), (0.9, True), (1.4, True), (1.6, False)])
def test_an_estimate_within_the_headers_resolution_and_the_calls_time_is_kept(ahead: float, kept: bool) -> None:
    time = Time()
    clock = time.clock()
    clock.observe(http_date(START))
    time.pass_(10 + ahead)
    clock.observe(http_date(START + 10 * SECOND), elapsed=0.5)
    expected = START + (10 + ahead if kept else 10) * SECOND
    assert clock.now() == pytest.approx(expected, abs=timedelta(microseconds=10))


def test_it_stands_still_rather_than_go_back_by_seconds() -> None:
    time = Time()
    clock = time.clock()
    clock.observe(http_date(START))
    time.pass_(20)
    before = clock.now()
    clock.observe(http_date(START + 10 * SECOND))
    assert clock.now() == before
    time.pass_(9)
    assert clock.now() == before
    time.pass_(2)
    assert clock.now() == START + 21 * SECOND


def test_a_belief_that_an_answer_proves_false_is_given_up() -> None:
    time = Time()
    clock = time.clock()
    clock.observe(http_date(START + timedelta(days=1)))
    clock.now()
    clock.observe(http_date(START))
    assert clock.now() == START


def test_the_local_clock_no_longer_matters_once_synced() -> None:
    time = Time()
    clock = time.clock()
    clock.observe(http_date(START))
    time.local += timedelta(hours=5)
    assert clock.now() == START


@pytest.mark.parametrize("speed", [0.5, 60, 3600])
def test_an_accelerated_server_is_followed_and_its_waits_shrink(speed: float) -> None:
    time = Time()
    clock = time.clock(speed)
    clock.observe(http_date(START))
    clock.sleep(900)
    assert time.slept == [900 / speed]
    assert clock.now() == START + timedelta(minutes=15)


@pytest.mark.parametrize("seconds", [0, -1])
def test_nobody_sleeps_backwards(seconds: float) -> None:
    time = Time()
    time.clock().sleep(seconds)
    assert time.slept == []


def test_another_process_observation_is_taken_over_until_an_answer_comes() -> None:
    time = Time(START + timedelta(hours=3))
    clock = time.clock()
    clock.suppose(START - timedelta(hours=1), START + timedelta(hours=2))
    assert clock.now() == START
    clock.observe(http_date(START + timedelta(minutes=2)))
    clock.suppose(START, START)
    assert clock.now() == START + timedelta(minutes=2)


def test_an_observation_from_before_the_local_clock_was_set_back_is_ignored() -> None:
    clock = Time().clock()
    clock.suppose(START - timedelta(hours=9), START + timedelta(seconds=1))
    assert clock.now() == START


@pytest.mark.parametrize(
    "value", [None, "", "soon", "Thu, 99 Nov 2018 20:26:56 GMT", "1", "Thu, 22 Nov 99999999 1:1:1 GMT", ",,,"]
)
def test_a_garbage_date_changes_nothing(value: str | None) -> None:
    clock = Time().clock()
    clock.observe(value)
    assert (clock.now(), clock.synced) == (START, False)


def test_a_real_date_header_is_read() -> None:
    assert parse_date_header("Thu, 22 Nov 2018 20:26:56 GMT") == datetime(2018, 11, 22, 20, 26, 56, tzinfo=UTC)


@pytest.mark.parametrize("speed", [0, -1])
def test_a_clock_needs_a_speed(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Time().clock(speed)


YEAR = timedelta(days=400)


def believing(answers: int) -> tuple[Time, ServerClock]:
    """A clock that so many answers agreed with, hours ahead of this machine's."""
    time = Time(START - timedelta(hours=7))
    clock = time.clock()
    for _ in range(answers):
        clock.observe(http_date(time.local + timedelta(hours=7)))
        time.pass_(1)
    return time, clock


@pytest.mark.parametrize("wrong", [YEAR, -YEAR, timedelta(days=1), -timedelta(days=1)])
@pytest.mark.parametrize(("answers", "needed"), [(1, 2), (2, 3), (9, 3)])
def test_a_jump_counts_when_more_answers_say_so_than_not(wrong: timedelta, answers: int, needed: int) -> None:
    time, clock = believing(answers)
    for number in range(1, needed + 1):
        before = clock.now()
        clock.observe(http_date(before + wrong))
        believed = abs(clock.now() - before) > timedelta(hours=1)
        assert believed == (number == needed)
        time.pass_(1)


def test_claims_that_contradict_each_other_add_up_to_nothing() -> None:
    time, clock = believing(2)
    for number in range(9):
        before = clock.now()
        clock.observe(http_date(before + (number + 1) * YEAR))
        assert clock.now() == before
        time.pass_(1)


def test_this_machines_clock_is_a_witness() -> None:
    time = Time()
    clock = time.clock()
    clock.observe(http_date(START + YEAR))
    time.pass_(1)
    clock.observe(http_date(START + SECOND))
    assert abs(clock.now() - START) < timedelta(minutes=1)


def test_a_processs_first_answer_may_be_ahead_of_what_another_one_made_of_this_machines_clock() -> None:
    for days, believed in ((1, True), (30, True), (400, False), (-1, False)):
        clock = Time(START - YEAR).clock()
        clock.suppose(START, START - YEAR)
        clock.observe(http_date(START + timedelta(days=days)))
        assert (abs(clock.now() - START) > timedelta(hours=1)) == believed


def test_an_answer_that_a_cache_kept_is_as_old_as_it_says() -> None:
    clock = Time().clock()
    clock.learn({"Date": http_date(START - 90 * SECOND), "Age": "90"})
    assert clock.now() == START
