"""ingest.strava.budget: four ceilings, natural windows, the server's time, one ledger for all processes."""

import logging
import multiprocessing
import os
import time as real_time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import BudgetExhaustedError, CallCapReachedError, Ceiling, PipelineError
from strava_pipeline.ingest.budget import RateBudget
from strava_pipeline.ingest.clock import ServerClock
from strava_pipeline_tests.ingest.fakes import START, Time, answer_headers, http_date
from strava_pipeline_tests.patience import PATIENCE

READ_15, READ_DAY = Ceiling("read", "15min"), Ceiling("read", "day")
OVERALL_15, OVERALL_DAY = Ceiling("overall", "15min"), Ceiling("overall", "day")
QUARTER_END = datetime(2026, 5, 1, 12, 15, tzinfo=UTC)
MIDNIGHT = datetime(2026, 5, 2, tzinfo=UTC)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "budget.json"


def used(budget: RateBudget) -> dict[str, int]:
    return {f"{state.ceiling.pair}/{state.ceiling.window}": state.used for state in budget.remaining().ceilings}


def reserve(budget: RateBudget, times: int) -> None:
    for _ in range(times):
        budget.reserve()


def test_before_any_header_the_published_defaults_hold(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock())
    limits = {str(state.ceiling): state.limit for state in budget.remaining().ceilings}
    assert limits == {
        "calls in 15 minutes": 200,
        "calls in a day": 2000,
        "read calls in 15 minutes": 100,
        "read calls in a day": 1000,
    }
    assert not path.exists(), "looking leaves no trace"
    reserve(budget, 100)
    with pytest.raises(BudgetExhaustedError) as caught:
        budget.reserve()
    assert (caught.value.ceiling, caught.value.limit, caught.value.resumes_at) == (READ_15, 100, QUARTER_END)
    assert set(used(budget).values()) == {100}, "a refused reservation is not counted"


@pytest.mark.parametrize(
    ("overall", "read", "ceiling", "resumes_at"),
    [
        (("200,2000", "200,300"), ("100,1000", "50,300"), OVERALL_15, QUARTER_END),
        (("200,2000", "100,300"), ("100,1000", "100,300"), READ_15, QUARTER_END),
        (("200,2000", "10,2000"), ("100,1000", "5,300"), OVERALL_DAY, MIDNIGHT),
        (("200,2000", "10,1000"), ("100,1000", "5,1000"), READ_DAY, MIDNIGHT),
        (("200,2000", "200,2000"), ("100,1000", "100,1000"), OVERALL_DAY, MIDNIGHT),  # the day's opens last
        (("600,30000", "600,30000"), None, OVERALL_DAY, MIDNIGHT),  # samples: activity_with_ratelimit_exceeded
    ],
)
def test_the_nearest_of_the_four_ceilings_governs(
    path: Path,
    time: Time,
    overall: tuple[str, str],
    read: tuple[str, str] | None,
    ceiling: Ceiling,
    resumes_at: datetime,
) -> None:
    budget = RateBudget(path, time.clock())
    budget.record_answer(answer_headers(START, overall=overall, read=read))
    with pytest.raises(BudgetExhaustedError) as caught:
        budget.reserve()
    assert (caught.value.ceiling, caught.value.resumes_at) == (ceiling, resumes_at)
    assert budget.remaining().governing.left == 0


@pytest.mark.parametrize(("limit", "left"), [("400,4000", 397), ("10,4000", 7), ("3,4000", 0), ("2,4000", 0)])
def test_a_headers_limit_always_wins_be_it_larger_or_smaller(path: Path, time: Time, limit: str, left: int) -> None:
    budget = RateBudget(path, time.clock())
    budget.record_answer(answer_headers(START, overall=("1000,9999", "3,3"), read=(limit, "3,3")))
    governing = budget.remaining().governing
    assert (governing.ceiling, governing.left) == (READ_15, left)


def test_usage_is_the_greater_of_ours_and_the_headers(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock())
    reserve(budget, 5)
    budget.record_answer(answer_headers(START, overall=("200,2000", "2,900"), read=("100,1000", "2,3")))
    assert used(budget) == {"overall/15min": 5, "overall/day": 900, "read/15min": 5, "read/day": 5}


def test_an_answer_without_limits_changes_nothing(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock())
    reserve(budget, 2)
    budget.record_answer({"Date": http_date(START), "X-RateLimit-Limit": "lots", "X-RateLimit-Usage": "9,9"})
    assert set(used(budget).values()) == {2}


def test_windows_open_at_their_natural_edges(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock())
    reserve(budget, 100)
    time.pass_(12 * 60 - 0.001)
    with pytest.raises(BudgetExhaustedError):
        budget.reserve()
    time.pass_(0.001)
    budget.reserve()
    assert used(budget) == {"overall/15min": 1, "overall/day": 101, "read/15min": 1, "read/day": 101}
    time.pass_(12 * 3600)
    assert set(used(budget).values()) == {0}


@pytest.mark.parametrize("sent_before_edge", [True, False])
def test_usage_told_across_an_edge_is_not_the_new_windows(path: Path, time: Time, sent_before_edge: bool) -> None:
    clock = time.clock()
    clock.observe(http_date(START))
    budget = RateBudget(path, clock)
    budget.reserve()
    time.pass_(12 * 60)
    clock.observe(http_date(QUARTER_END))
    headers = answer_headers(QUARTER_END, overall=("200,2000", "99,400"), read=("100,1000", "99,400"))
    budget.record_answer(headers, elapsed=2.0 if sent_before_edge else 0.0)
    assert used(budget)["read/15min"] == (1 if sent_before_edge else 99)
    assert used(budget)["read/day"] == 400


def test_an_answer_of_the_window_before_leaves_the_new_one_alone(path: Path, time: Time) -> None:
    clock = time.clock()
    budget = RateBudget(path, clock)
    time.pass_(12 * 60 + 5)
    clock.observe(http_date(time.local))
    old = answer_headers(
        QUARTER_END - timedelta(seconds=1), overall=("200,2000", "200,400"), read=("100,1000", "100,400")
    )
    budget.record_answer(old)
    budget.record_refusal(old)
    assert used(budget) == {"overall/15min": 0, "overall/day": 400, "read/15min": 0, "read/day": 400}


def test_a_released_call_is_as_if_never_counted(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock(), max_calls=1)
    moment = budget.reserve()
    budget.release(moment)
    assert set(used(budget).values()) == {0}
    budget.reserve()


def test_a_release_after_the_edge_takes_nothing_from_the_new_window(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock())
    moment = budget.reserve()
    time.pass_(12 * 60)
    budget.reserve()
    budget.release(moment)
    assert used(budget) == {"overall/15min": 1, "overall/day": 1, "read/15min": 1, "read/day": 1}


@pytest.mark.parametrize(
    ("headers", "ceiling"),
    [
        (answer_headers(START), OVERALL_15),
        ({}, OVERALL_15),
        (answer_headers(START, overall=("200,2000", "7,70"), read=("100,1000", "7,70")), OVERALL_15),
        (answer_headers(START, overall=("200,2000", "7,2000"), read=("100,1000", "7,70")), OVERALL_DAY),
        (answer_headers(START, overall=("200,2000", "101,70"), read=("100,1000", "101,70")), READ_15),
        (answer_headers(START, overall=("200,2000", "7,1001"), read=("100,1000", "7,1001")), READ_DAY),
    ],
)
def test_a_429_closes_its_window_or_quarter(path: Path, time: Time, headers: dict[str, str], ceiling: Ceiling) -> None:
    budget = RateBudget(path, time.clock())
    budget.reserve()
    budget.record_refusal(headers)
    with pytest.raises(BudgetExhaustedError) as caught:
        budget.reserve()
    assert caught.value.ceiling == ceiling
    time.pass_(12 * 60)
    if ceiling.window == "15min":
        budget.reserve()


@pytest.mark.parametrize(
    ("quarter", "day", "ceiling", "calls"),
    [(30, 0, READ_15, 70), (0, 950, READ_DAY, 50), (5, 995, READ_DAY, 5), (150, 0, READ_15, 0)],
)
def test_others_have_a_cushion(path: Path, time: Time, quarter: int, day: int, ceiling: Ceiling, calls: int) -> None:
    budget = RateBudget(path, time.clock(), cushion_15min=quarter, cushion_daily=day)
    assert budget.remaining().governing.left == calls
    reserve(budget, calls)
    with pytest.raises(BudgetExhaustedError, match=f"{quarter or day} of them are kept back") as caught:
        budget.reserve()
    assert (caught.value.ceiling, caught.value.limit) == (ceiling, 100 if ceiling.window == "15min" else 1000)
    RateBudget(path, time.clock()).reserve()


def test_a_cushion_is_kept_back_in_later_windows_too(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock(), cushion_15min=30, cushion_daily=2500)
    reserve(budget, 0)
    found = {str(ceiling): (one.left, one.limit) for ceiling, one in budget.allowances().items()}
    assert found == {
        "calls in 15 minutes": (170, 170),
        "calls in a day": (0, 0),
        "read calls in 15 minutes": (70, 70),
        "read calls in a day": (0, 0),
    }


def test_max_calls_caps_one_process_and_not_the_others(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock(), max_calls=3)
    reserve(budget, 3)
    with pytest.raises(CallCapReachedError, match="3 calls were made, as many as --max-calls allows") as caught:
        budget.reserve()
    assert caught.value.exit_code == 3
    RateBudget(path, time.clock()).reserve()
    assert set(used(budget).values()) == {4}


def test_max_calls_of_zero_allows_none(path: Path, time: Time) -> None:
    with pytest.raises(CallCapReachedError):
        RateBudget(path, time.clock(), max_calls=0).reserve()


GARBAGE = [
    b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b"{}", b'{"version": 2, "server": null, "local": null, "windows": []}',
    b'{"version": 1, "server": null, "local": null, "windows": [["read", "week", 1, 1, 1]]}',
    b'{"version": 1, "server": null, "local": null, "windows": [["read", "day", 0, 1, 1]]}',
    b'{"version": 1, "server": null, "local": null, "windows": [["read", "day", 1, 1, -1]]}',
    b'{"version": 1, "server": null, "local": null, "windows": [["read", "day", 1e999, 1, 1]]}',
    b'{"version": 1, "server": NaN, "local": null, "windows": []}',
    b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_garbage_ledger_is_set_aside_and_begun_anew(
    path: Path, time: Time, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(garbage)
    budget = RateBudget(path, time.clock())
    assert set(used(budget).values()) == {0}
    with caplog.at_level(logging.WARNING):
        budget.reserve()
    assert set(used(budget).values()) == {1}
    aside = list(path.parent.glob("budget.json.corrupt-*"))
    assert [file.read_bytes() for file in aside] == [garbage]
    assert "set aside" in caplog.text


def test_without_a_ledger_no_call_is_made(tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(PipelineError, match="can't be kept"):
        RateBudget(tmp_path / "state" / "budget.json", time.clock()).reserve()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(PipelineError, match=r"No space left on device\. No call is made without it"):
        RateBudget(tmp_path / "elsewhere" / "budget.json", time.clock()).reserve()


def test_a_second_process_goes_on_where_the_first_was(path: Path, time: Time) -> None:
    RateBudget(path, time.clock()).record_answer(
        answer_headers(START, overall=("400,4000", "9,9"), read=("200,2000", "9,9"))
    )
    second = RateBudget(path, time.clock())
    second.reserve()
    assert used(second)["read/day"] == 10
    assert second.remaining().governing.limit == 200


@pytest.mark.parametrize("wrong", [timedelta(hours=3), timedelta(hours=-3), timedelta(days=2), timedelta(days=-700)])
def test_a_lastingly_wrong_local_clock_does_not_open_or_shut_a_window(path: Path, wrong: timedelta) -> None:
    first = Time(START + wrong)
    clock = first.clock()
    budget = RateBudget(path, clock)
    budget.reserve()
    clock.observe(http_date(START))
    budget.record_answer(answer_headers(START, overall=("200,2000", "100,500"), read=("100,1000", "100,500")))
    assert used(budget) == {"overall/15min": 100, "overall/day": 500, "read/15min": 100, "read/day": 500}
    later = Time(START + wrong + timedelta(minutes=11))
    with pytest.raises(BudgetExhaustedError) as caught:
        RateBudget(path, later.clock()).reserve()
    assert caught.value.resumes_at == QUARTER_END
    later.pass_(60)
    RateBudget(path, later.clock()).reserve()


def test_a_process_whose_clock_is_late_trusts_the_ledger_until_it_has_an_answer(path: Path, time: Time) -> None:
    clock = time.clock()
    clock.observe(http_date(START))
    budget = RateBudget(path, clock)
    budget.record_answer(answer_headers(START, read=("100,1000", "100,100"), overall=("200,2000", "100,100")))
    with pytest.raises(BudgetExhaustedError) as caught:
        RateBudget(path, Time(START - timedelta(hours=2)).clock()).reserve()
    assert caught.value.resumes_at == QUARTER_END


def test_a_ledger_from_the_future_does_not_bind_once_an_answer_tells_the_time(path: Path, time: Time) -> None:
    ahead = RateBudget(path, Time(START + timedelta(days=30)).clock())
    reserve(ahead, 100)
    clock = time.clock()
    clock.observe(http_date(START))
    budget = RateBudget(path, clock)
    budget.record_answer(answer_headers(START, overall=("200,2000", "3,30"), read=("100,1000", "3,30")))
    assert used(budget) == {"overall/15min": 3, "overall/day": 30, "read/15min": 3, "read/day": 30}


def reserve_in_another_process(path: Path, times: int, won: "multiprocessing.Queue[int]") -> None:
    clock = ServerClock(lambda: START, real_time.monotonic, real_time.sleep)
    budget = RateBudget(path, clock)
    count = 0
    for _ in range(times):
        try:
            budget.reserve()
            count += 1
        except BudgetExhaustedError:
            pass
    won.put(count)


@pytest.mark.dear
def test_processes_together_never_exceed_a_limit(path: Path, time: Time) -> None:
    context = multiprocessing.get_context("spawn")
    won: multiprocessing.Queue[int] = context.Queue()
    processes = [context.Process(target=reserve_in_another_process, args=(path, 60, won)) for _ in range(4)]
    for process in processes:
        process.start()
    counts = [won.get(timeout=PATIENCE) for _ in processes]
    for process in processes:
        process.join()
    assert sum(counts) == 100
    assert set(used(RateBudget(path, time.clock())).values()) == {100}


def test_the_ledger_is_small_and_has_a_fixed_size(path: Path, time: Time) -> None:
    budget = RateBudget(path, time.clock())
    sizes = set()
    for limit in ("100,1000", "100000,100000000", "9,9"):
        budget.record_answer(answer_headers(START, overall=(limit, "1,1"), read=(limit, "1,1")))
        sizes.add(path.stat().st_size)
    assert sizes == {4096}
    assert os.access(path, os.W_OK)


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({}, [200, 2000, 100, 1000]),
        ({"yielding": 52}, [180, 1948, 90, 948]),  # overall and read, a quarter and a day: a tenth at most
        ({"yielding": 2}, [198, 1998, 98, 998]),
        ({"yielding": 52, "cushion_15min": 0}, [200, 1948, 100, 948]),
        ({"yielding": 52, "cushion_daily": 500}, [180, 1500, 90, 500]),
    ],
)
def test_what_is_left_to_others_untold_is_a_tenth_at_most_and_told_as_told(
    path: Path, time: Time, told: dict[str, int], left: list[int]
) -> None:
    budget = RateBudget(path, time.clock(), **told)
    assert [state.left for state in budget.remaining().ceilings] == left


class Answered:
    """A process's budget after three calls, whose answers said three as well."""

    def __init__(self, path: Path, time: Time) -> None:
        self.path, self.time, self.clock = path, time, time.clock()
        self.budget = RateBudget(path, self.clock)
        reserve(self.budget, 3)
        self.record("3,3")
        os.utime(path, ns=(1, 1))

    def record(self, usage: str, limit: str = "200,2000") -> None:
        headers = answer_headers(self.time.local, overall=(limit, usage), read=("100,1000", usage))
        self.clock.learn(headers)
        self.budget.record_answer(headers)

    @property
    def has_written(self) -> bool:
        return self.path.stat().st_mtime_ns != 1


def test_an_answer_that_says_nothing_new_is_not_written(path: Path, time: Time) -> None:
    answered = Answered(path, time)
    time.pass_(30)
    answered.record("3,3")
    answered.record("2,2")
    assert not answered.has_written


@pytest.mark.parametrize(
    ("pause", "usage", "limit"),
    [(1, "4,4", "200,2000"), (1, "3,3", "400,2000"), (90, "3,3", "200,2000"), (15 * 60, "0,3", "200,2000")],
    ids=["calls of others", "another limit", "an old note of the time", "another window"],
)
def test_an_answer_that_says_news_is_written(path: Path, time: Time, pause: int, usage: str, limit: str) -> None:
    answered = Answered(path, time)
    time.pass_(pause)
    answered.record(usage, limit)
    assert answered.has_written


def test_an_answer_is_written_where_another_process_wrote_since(path: Path, time: Time) -> None:
    answered = Answered(path, time)
    RateBudget(path, time.clock()).release(START)
    answered.record("3,3")
    assert set(used(answered.budget).values()) == {3}


def test_a_clock_that_was_set_is_noted_with_the_next_answer(path: Path, time: Time) -> None:
    answered = Answered(path, time)
    time.local -= timedelta(minutes=30)  # the steady counter goes on
    headers = answer_headers(START, overall=("200,2000", "3,3"), read=("100,1000", "3,3"))
    answered.budget.record_answer(headers)
    assert answered.has_written
