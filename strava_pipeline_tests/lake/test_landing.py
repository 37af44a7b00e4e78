"""lake.bronze.landing: the numbers that order versions, and shards and gold after a server's clock was wrong."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from strava_pipeline.core.facts import Fact
from strava_pipeline.lake.bronze.answers import count_details, detail_files, land_detail
from strava_pipeline.lake.bronze.landing import (
    UNKNOWN,
    Times,
    correct_times,
    file_stem,
    future_claims,
    next_number,
    parse_file_stem,
    require_writable,
    time_of,
)
from strava_pipeline.lake.bronze.listings import listings
from strava_pipeline.lake.bronze.manifests import Manifest, PageEntry, Window
from strava_pipeline.lake.gold.fetch_selection import Candidate, detail_candidates
from strava_pipeline.lake.health import answers_on_disk, times_health
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    DAY,
    HOUR,
    NOW,
    SECOND,
    activity,
    detailed,
    land,
    land_failed_detail,
    merge,
    merge_detailed,
    rows,
    started,
)

YEAR = 400 * DAY
WINDOW = Window(mode="all", after=None, before=None)


def test_numbers_follow_this_machines_clock(tmp_path: Path) -> None:
    lake = Lake(tmp_path, clock=lambda: NOW)
    assert time_of(next_number(lake, NOW + YEAR)) == NOW


def test_they_rise_by_one_where_the_clock_does_not(tmp_path: Path) -> None:
    clock = iter([NOW, NOW, NOW - YEAR, NOW + YEAR, NOW])
    lake = Lake(tmp_path, clock=lambda: next(clock))
    numbers = [next_number(lake, NOW) for _ in range(5)]
    later = numbers[0] + YEAR // timedelta(microseconds=1)
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2, later, later + 1]


def test_no_two_processes_get_the_same(tmp_path: Path) -> None:
    lake = Lake(tmp_path, clock=lambda: NOW)
    with ThreadPoolExecutor(8) as threads:
        numbers = list(threads.map(partial(next_number, lake), [NOW] * 200))
    assert len(set(numbers)) == 200


def test_where_the_count_is_lost_it_goes_on_above_all_that_is_in_bronze(tmp_path: Path) -> None:
    ahead = Lake(tmp_path, clock=lambda: NOW + YEAR)
    listing = started(ahead)
    land(listing, [activity(1)])
    detail = land_detail(ahead, 2025, 1, b"{}", NOW)
    highest = parse_file_stem(detail.name.removesuffix(".json.gz"))[1]
    for said in (b"", b"rubbish", None):
        path = ahead.state / "landed"
        path.unlink() if said is None else path.write_bytes(said)
        assert next_number(replace(ahead, clock=lambda: NOW), NOW) > (highest or 0)


def test_a_name_says_when_and_as_which_it_came() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    assert parse_file_stem(file_stem(at, 17)) == (at, 17)
    assert parse_file_stem("20260102T030405000678Z") == (at, None)


def test_details_of_one_activity_come_in_the_order_in_which_they_landed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for at in (NOW, NOW + YEAR, NOW + DAY):
        newest = land_detail(lake, 2025, 1, b"{}", at)
    assert detail_files(lake, 2025)[1].good == newest
    assert [count_details(lake, year) for year in (2024, 2025)] == [0, 1]


def test_a_detail_came_before_the_listing_that_landed_after_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    land(started(lake), [activity(1)])
    land_detail(lake, 2025, 1, b"{}", NOW + YEAR)
    assert detail_files(lake, 2025)[1].good_at == NOW + YEAR, "nothing contradicts it yet"
    land(started(lake, at=NOW + DAY), [activity(1)], at=NOW + DAY)
    files = detail_files(lake, 2025)[1]
    assert files.good_at is not None
    assert NOW < files.good_at < NOW + DAY
    assert files.disbelieved == {NOW + YEAR}


def test_what_has_no_number_came_before_all_that_has(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    old = land_detail(lake, 2025, 1, b"{}", NOW + YEAR)
    old.rename(old.with_name("20270706T120000000000Z.json.gz"))
    new = land_detail(lake, 2025, 1, b"{}", NOW)
    assert detail_files(lake, 2025)[1].good == new


def test_listings_are_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    for place, at in enumerate((NOW, NOW + YEAR, NOW + 2 * DAY)):
        lake = Lake(tmp_path, clock=partial(datetime.__add__, NOW, place * DAY))
        land(started(lake, at=at), [activity(1)], at=at)
    began = [listing.manifest.started_at for listing in listings(lake)]
    assert began == [NOW, NOW + SECOND, NOW + 2 * DAY]


def test_a_false_answer_moves_no_true_one_behind_the_listing_that_follows(tmp_path: Path) -> None:
    def at(hours: int) -> Lake:
        return Lake(tmp_path, clock=lambda: NOW + hours * HOUR)

    land(started(at(0)), [activity(1)])
    land_failed_detail(at(1), 2025, 1, b"", 500, NOW + YEAR)
    land_detail(at(2), 2025, 1, b"{}", NOW + 2 * HOUR)
    land(started(at(24), at=NOW + DAY), [activity(1, name="edited")], at=NOW + DAY)
    files = detail_files(at(24), 2025)[1]
    assert files.good_at == NOW + 2 * HOUR, "or the edit would not be asked for"
    assert files.failures == 0


def test_pages_that_land_later_in_one_process_count_for_what_landed_beside_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path, clock=lambda: NOW)
    listing = started(lake)
    land_detail(lake, 2025, 1, b"{}", NOW + YEAR)
    assert detail_files(lake, 2025)[1].good_at == NOW + YEAR
    land(listing, [activity(1)], at=NOW + DAY)
    assert detail_files(lake, 2025)[1].good_at == NOW + DAY - timedelta(microseconds=1)


def page(at: datetime, landed: int | None = None, local_at: datetime | None = None) -> PageEntry:
    return PageEntry(
        file="page-0001.json.gz", rows=1, fetched_at=at, landed=landed, local_at=local_at, local_years=[2026]
    )


def times(
    older: list[datetime],
    now: tuple[datetime, datetime] | None,
    local: datetime | None,
    newest: datetime | None = None,
) -> Times:
    pages = [page(at).model_copy(update={"newest": newest}) for at in older]
    manifests = {
        f"{place}": Manifest(window=WINDOW, started_at=one.fetched_at, pages=[one]) for place, one in enumerate(pages)
    }
    if now is not None:
        numbered = page(now[0], 10**15, now[1])
        manifests["now"] = Manifest(window=WINDOW, started_at=now[0], landed=10**15, pages=[numbered])
    return correct_times(manifests, local)


def test_what_has_no_number_and_claims_to_be_of_the_future_of_a_confirmed_one_is_not_believed(tmp_path: Path) -> None:
    of_next_year = [NOW + YEAR, NOW + YEAR + DAY]
    found = times([NOW - DAY, *of_next_year], (NOW, NOW), None)
    assert sorted(found.manifests) == ["1", "2"], "be they most of all"
    assert found.moments == [NOW]
    assert not any(manifest.is_dated for manifest in found.manifests.values())


@pytest.mark.parametrize(("newest", "at"), [(None, UNKNOWN), (NOW - DAY, NOW - DAY), (NOW + YEAR, UNKNOWN)])
def test_a_page_of_the_future_is_of_its_newest_activity_if_nothing_else_dates_it(
    newest: datetime | None, at: datetime
) -> None:
    found = times([NOW + YEAR], (NOW, NOW), None, newest)
    assert [page.fetched_at for page in found.manifests["0"].pages] == [at]


def test_a_local_clock_that_lags_behind_makes_nothing_false(tmp_path: Path) -> None:
    days = [NOW + day * DAY for day in range(100)]
    assert times(days, None, NOW + 60 * DAY).manifests == {}, "days go on where the others end"
    assert times(days, None, NOW - 30 * DAY).manifests == {}, "all of them would be of the future"
    assert list(times([*days, NOW + YEAR], None, NOW + 100 * DAY).manifests) == ["100"]


def test_a_listing_of_which_only_damaged_pages_are_left_is_none(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    listing = started(lake)
    land(listing, [activity(1)])
    (listing.folder / "manifest.json").unlink()
    (listing.folder / "page-0001.json.gz").write_bytes(b"garbage")
    assert list(listings(lake)) == []


@pytest.mark.parametrize(
    "closed",
    ["", "bronze", "bronze/activity_details/year=2025", "bronze/activity_details/year=2025/1", "state", "state/landed"],
)
def test_what_cannot_be_written_is_named_before_a_call(closed: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder, "data"))
        place = lake.data_dir / closed
        place.mkdir(parents=True) if closed != "state/landed" else next_number(lake, NOW)
        _open_to_all(Path(folder))
        place.chmod(0o555)
        with _without_rights(), pytest.raises(PermissionError) as raised:
            require_writable(lake, lake.details_of(2025) / "1")
        assert raised.value.filename == str(place)


def test_looking_whether_an_answer_can_be_written_leaves_nothing_behind() -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder, "data"))
        for _ in range(2):
            _open_to_all(Path(folder))
            before = sorted(Path(folder).rglob("*"))
            with _without_rights():
                require_writable(lake, lake.details_of(2025) / "1")
            assert sorted(Path(folder).rglob("*")) == before
            land_detail(lake, 2025, 1, b"{}", NOW)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777)


@contextmanager
def _without_rights() -> Iterator[None]:
    """Be somebody to whom permissions apply; root is another user meanwhile."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(10001, 10001, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


NEVER_RIGHT = timedelta(days=-3000)  # this machine's clock confirms nothing


def listed_on(lake: Lake, day: int, *page: dict[str, object], ahead: timedelta = timedelta(0)) -> None:
    lake = replace(lake, clock=lambda: NOW + day * DAY + NEVER_RIGHT)
    at = NOW + day * DAY + ahead
    land(started(lake, at=at), list(page), [], at=at)


def names(lake: Lake) -> list[tuple[str, bool]]:
    return [(row["name"], row["deleted_at"] is not None) for row in rows(lake)]


@pytest.mark.dear
def test_what_was_merged_under_a_time_that_nobody_believes_any_more_is_merged_again(lake: Lake) -> None:
    listed_on(lake, 0, activity(1), activity(2))
    merge(lake)
    for day in (1, 2, 3):
        listed_on(lake, day, activity(1), activity(2), ahead=YEAR)
        merge(lake)
    listed_on(lake, 4, activity(1, name="four"), activity(3, name="new"))
    merge(lake)
    assert names(lake) == [("four", False), ("Run 2", True), ("new", False)], "as yet it is taken to be of next year"
    assert rows(lake)[0]["ingestion_ts"] > NOW + YEAR
    for day in (5, 6, 7):
        listed_on(lake, day, activity(1, name=f"on {day}"), activity(3, name=f"on {day}"))
        merge(lake)
        assert names(lake) == [(f"on {day}", False), ("Run 2", True), (f"on {day}", False)]
    assert {row["ingestion_ts"] for row in rows(lake) if row["deleted_at"] is None} == {NOW + 7 * DAY}
    assert merge(lake).wrote is False


def test_what_is_seen_after_it_was_gone_is_there_again_whatever_the_clock_said(lake: Lake) -> None:
    listed_on(lake, 0, activity(1), activity(2))
    listed_on(lake, 1, activity(1), ahead=YEAR)
    merge(lake)
    assert names(lake) == [("Run 1", False), ("Run 2", True)]
    listed_on(lake, 2, activity(1), activity(2))
    merge(lake)
    assert names(lake) == [("Run 1", False), ("Run 2", False)]


@pytest.mark.slow
def test_a_detail_that_came_under_a_wrong_time_gives_way_to_the_next_one(lake: Lake) -> None:
    listed_on(lake, 0, activity(1))
    merge(lake)
    merge_detailed(lake, activity(1, name="of next year"), at=NOW + YEAR)
    assert [row["name"] for row in rows(lake, "activity_details")] == ["of next year"]
    listed_on(lake, 1, activity(1, name="later"))
    merge(lake)
    merge_detailed(lake, activity(1, name="later"), at=NOW + DAY)
    assert [(row["name"], row["fetched_at"]) for row in rows(lake, "activity_details")] == [("later", NOW + DAY)]
    assert merge_detailed(lake).wrote is False


def test_doctor_names_what_claims_to_be_of_the_future(lake: Lake) -> None:
    def times(now: datetime) -> Fact:
        return times_health(lake, now, partial(answers_on_disk, lake, now))

    assert times(NOW).state == "skipped"
    listed_on(lake, 0, activity(1))
    assert times(NOW).state == "ok"
    listed_on(lake, 1, activity(1), ahead=YEAR)
    detailed(lake, activity(1), at=NOW + YEAR + DAY)
    listed_on(lake, 2, activity(1))
    found = times(NOW + 2 * DAY)
    assert found.state == "warning"
    assert "listing 20270707T120000000000Z-all (2027-07-07 instead of 2026-06-01)" in found.text
    assert "detail of 1 (2027-07-07)" in found.text


@pytest.mark.parametrize(("ahead", "named"), [(DAY, False), (DAY + timedelta(microseconds=1), True)])
def test_a_listing_more_than_a_day_ahead_of_its_time_is_of_the_future(ahead: timedelta, named: bool) -> None:
    claimed, believed = (Manifest(window=WINDOW, started_at=at) for at in (NOW + ahead, NOW))
    found = [*future_claims({"a": claimed}, Times(manifests={"a": believed}))]
    assert found == ([("a", NOW + ahead, NOW)] if named else [])


def test_a_detail_is_older_than_the_page_that_landed_behind_it_by_however_little(lake: Lake) -> None:
    def at(seconds: int) -> Lake:
        return replace(lake, clock=lambda: NOW + seconds * SECOND)

    land(started(at(0)), [activity(1)], [])
    detailed(at(9), activity(1), at=NOW + 9 * SECOND)
    land(started(at(20)), [activity(1, name="edited")], [])  # a proxy tells the same time again
    assert [candidate.is_edited for candidate in candidates_of(lake)] == [True]


def candidates_of(lake: Lake) -> list[Candidate]:
    merge(lake)
    merge_detailed(lake)
    return detail_candidates(lake, [2025])
