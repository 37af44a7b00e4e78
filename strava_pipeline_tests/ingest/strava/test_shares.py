"""The data folders of one API application share its calls: daily runs first, whole years in turn, whoever is killed."""

import json
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from strava_pipeline.core.errors import BudgetExhaustedError, Ceiling
from strava_pipeline.environment.settings import Settings
from strava_pipeline.ingest.budget import CallShare, RateBudget
from strava_pipeline.ingest.ledger import MOST_SHARERS, LedgerFile
from strava_pipeline.ingest.strava.access import make_budget
from strava_pipeline_tests.ingest.fakes import START, Time
from strava_pipeline_tests.ingest.strava.club import HOUR, MINUTE, Club

READ_15, READ_DAY = Ceiling("read", "15min"), Ceiling("read", "day")


def check(club: Club, days: int, factor: float) -> None:
    print(club.summary())
    assert club.refused == 0
    assert [each.name for each in club.athletes if each.daily != set(range(days))] == []
    for sharing in club.of_applications():
        for day in range(1, days):  # on the first day nobody knows of the others yet
            fetched = [each.by_day[day] for each in sharing]
            assert min(fetched) * factor >= max(fetched) > 0, f"day {day}: {fetched}"


@pytest.mark.dear
@pytest.mark.parametrize(
    ("athletes", "applications", "days", "in_a_house", "factor"),
    [
        (10, 1, 2, False, 1.2),
        pytest.param(30, 3, 3, False, 1.2, marks=pytest.mark.slow),
        pytest.param(30, 3, 4, True, 2, marks=pytest.mark.slow),
    ],
)
def test_nobody_of_a_club_starves_and_no_call_is_refused(
    tmp_path: Path, athletes: int, applications: int, days: int, in_a_house: bool, factor: float
) -> None:
    club = Club(tmp_path, athletes, applications, in_a_house=in_a_house)
    club.everybody(lambda number: 5 * HOUR + number * MINUTE)
    club.run(days)
    check(club, days, factor)
    assert max(max(each.waits) for each in club.athletes) < 0.3, "of an hour: the next quarter at the latest"


@pytest.mark.dear
@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_is_killed_neither_keeps_nor_takes_the_calls_of_others(tmp_path: Path, seed: int) -> None:
    club = Club(tmp_path, 10, seed=seed)
    club.everybody(lambda number: club.random.uniform(0, 18) * HOUR)
    club.run(4, kill_every=10 * MINUTE)
    assert club.kills > 300
    check(club, 4, factor=1.5)


class Folder:
    """The budgets of one folder's runs."""

    def __init__(self, path: Path, time: Time, who: str) -> None:
        self.daily = RateBudget(path, time.clock(), who=who, quiet_day=52)
        self.bulk = RateBudget(path, time.clock(), who=who, quiet_day=52, yielding=52)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.json"


def left(budget: RateBudget, ceiling: Ceiling = READ_DAY) -> int:
    return next(each.left for each in budget.remaining().ceilings if each.ceiling == ceiling)


def exhaust(time: Time, *budgets: RateBudget) -> list[int]:
    """The calls of each, in turns, until the day's limit stops all, through as many quarters of an hour as that takes."""
    calls, stopped = [0 for _ in budgets], set[RateBudget]()
    while len(stopped) < len(budgets):
        waiting = 0
        for number, budget in enumerate(budgets):
            try:
                budget.reserve()
                calls[number] += 1
                stopped.discard(budget)
            except BudgetExhaustedError as error:
                waiting += 1
                if error.ceiling.window == "day":
                    stopped.add(budget)
        if waiting == len(budgets):
            time.pass_(15 * 60)
    return calls


def test_a_single_folder_stays_and_imports_no_rule(path: Path, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "strava_pipeline.ingest.shares", raising=False)
    one = Folder(path, time, "one")
    assert (left(one.daily), left(one.bulk), left(one.bulk, READ_15)) == (1000, 948, 90)
    assert exhaust(time, one.bulk) == [948]
    assert exhaust(time, one.daily) == [52]
    assert "strava_pipeline.ingest.shares" not in sys.modules


def test_whole_years_leave_the_daily_runs_of_others_their_calls_until_these_are_done(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    other.daily.reserve()
    assert left(one.bulk) == 1000 - 52 - 1 - 51
    assert left(one.bulk, READ_15) == 100 - 10 - 1 - 51, "the other is at work in this quarter of an hour"
    other.daily.finish()
    assert (left(one.bulk), left(one.bulk, READ_15)) == (1000 - 52 - 1, 100 - 10 - 1)
    time.pass_(24 * 3600)
    assert left(one.bulk) == 1000 - 52 - 52, "tomorrow's is to come"
    assert left(one.bulk, READ_15) == 90, "and is not at work"
    time.pass_(24 * 3600 + 1)
    assert left(one.bulk) == 948, "no call for two days"


def test_a_killed_daily_run_lets_the_quarter_go_and_keeps_the_day(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    for _ in range(60):
        other.daily.reserve()
    time.pass_(40 * 60)
    assert (left(one.bulk), left(one.bulk, READ_15)) == (1000 - 52 - 60 - 5, 90), "five calls for its second try"


def test_a_daily_run_with_much_to_do_leaves_the_others_theirs(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    other.daily.reserve()
    other.daily.finish()
    time.pass_(24 * 3600)
    assert exhaust(time, one.daily) == [1000 - 52]
    assert exhaust(time, other.daily) == [52]


def test_whole_years_are_fetched_in_turn(path: Path, time: Time) -> None:
    folders = [Folder(path, time, who) for who in ("one", "two", "three")]
    for each in folders:
        each.daily.reserve()
        each.bulk.reserve()
        each.daily.finish()
    free = 1000 - 52 - 6
    got = exhaust(time, *(each.bulk for each in folders))
    assert sum(got) == free
    assert max(got) - min(got) <= 1
    with pytest.raises(BudgetExhaustedError, match="limit of 1000 read calls in a day"):
        folders[0].bulk.reserve()


def test_who_has_everything_leaves_the_rest_to_the_others(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    for each in (one, other):
        each.daily.reserve()
        each.bulk.reserve()
        each.daily.finish()
    other.bulk.finish()
    assert left(one.bulk) == 1000 - 52 - 4


def test_the_turn_of_a_folder_that_the_day_stopped_is_kept_until_noon(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    exhaust(time, other.bulk)
    time.pass_((timedelta(days=1) - (time.local - START.replace(hour=0, minute=0))).total_seconds())
    assert left(one.bulk) == (1000 - 52 - 52) // 2
    time.pass_(12 * 3600)
    assert left(one.bulk) == 1000 - 52 - 52


def test_an_exhausted_share_says_who_has_the_rest(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    other.daily.reserve()
    time.pass_(3600)
    assert exhaust(time, one.bulk) == [1000 - 52 - 52]
    with pytest.raises(BudgetExhaustedError, match=r"\(52 of them are kept back, 51 are for the other data folders"):
        one.bulk.reserve()


def test_whoever_waits_for_a_run_keeps_its_turn(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    for each in (one, other):
        each.daily.reserve()
        each.daily.finish()
    while left(one.bulk, READ_15):
        one.bulk.reserve()
    before = left(one.bulk)
    assert not other.bulk.is_worth_a_run()
    assert left(one.bulk) == (before + 88) // 2 - 88
    time.pass_(15 * 60)
    assert other.bulk.is_worth_a_run()


def test_looking_for_the_next_window_leaves_no_trace_in_a_ledger_of_one(path: Path, time: Time) -> None:
    one = Folder(path, time, "one")
    exhaust(time, one.bulk)
    before = path.read_bytes()
    assert not one.bulk.is_worth_a_run()
    assert path.read_bytes() == before


def test_the_estimate_of_later_days_is_the_share(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    assert one.bulk.allowances()[READ_DAY].limit == 948
    other.bulk.reserve()
    assert one.bulk.allowances()[READ_DAY].limit == (948 - 52) // 2
    assert one.bulk.allowances()[READ_15].limit == 90


def test_a_limit_that_is_kept_back_as_a_whole_has_no_share_either(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    other.bulk.reserve()
    none = RateBudget(path, time.clock(), who="one", quiet_day=52, yielding=52, cushion_daily=1000)
    assert (none.allowances()[READ_DAY].limit, one.bulk.allowances()[READ_DAY].limit) == (0, 448)


@pytest.mark.parametrize("days", [-4, 4])
def test_lines_of_another_time_are_forgotten(path: Path, time: Time, days: int) -> None:
    one = Folder(path, time, "one")
    Folder(path, Time(START + timedelta(days=days)), "other").bulk.reserve()
    one.bulk._clock.synced = True  # else the time of the ledger is believed
    one.bulk.reserve()
    assert list(LedgerFile(path).peek().sharers) == ["one"]


def test_a_call_that_did_not_count_is_taken_from_the_share_too(path: Path, time: Time) -> None:
    one, other = Folder(path, time, "one"), Folder(path, time, "other")
    other.bulk.reserve()
    before = left(one.bulk)
    one.bulk.release(one.bulk.reserve())
    assert left(one.bulk) == before


@pytest.mark.parametrize(
    "sharers", [5, [], {"one": 3}, {"one": [1, 2, 3]}, {"one": ["a"] * 6}, {"one": [0, 0, 0, 0, 0, 9]}]
)
def test_lines_that_nobody_understands_cost_no_counter(path: Path, time: Time, sharers: object) -> None:
    one = Folder(path, time, "one")
    one.daily.reserve()
    path.write_text(json.dumps({**json.loads(path.read_text()), "sharers": sharers}))
    assert (left(one.daily), left(one.bulk)) == (999, 947)
    one.daily.reserve()
    assert list(LedgerFile(path).peek().sharers) == ["one"]


def test_as_many_folders_as_fit_are_kept_and_the_block_keeps_its_size(path: Path, time: Time) -> None:
    for number in range(MOST_SHARERS + 5):
        folder = Folder(path, time, f"{number:08x}")
        for budget in (folder.daily, folder.bulk):
            budget.reserve()
            budget.finish()
        time.pass_(900)
        assert path.stat().st_size == 4096
    assert len(LedgerFile(path).peek().sharers) == MOST_SHARERS


def test_a_folder_has_one_name_by_whatever_path_and_another_than_its_neighbour(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for each in folders:
        each.mkdir()
    (tmp_path / "link").symlink_to(folders[0])
    for each in (*folders, tmp_path / "link"):
        settings = Settings(_env_file=None, data_dir=each, ledger_dir=tmp_path / "ledger", client_id="1")
        make_budget(settings, share=CallShare(quiet_day=52)).reserve()
    (ledger,) = (tmp_path / "ledger").glob("*.json")
    sharers = LedgerFile(ledger).peek().sharers
    assert sorted(each.daily for each in sharers.values()) == [1, 2]
    assert str(tmp_path) not in ledger.read_text()
