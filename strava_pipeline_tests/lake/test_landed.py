"""lake.landed: the numbers by which versions are ordered."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from strava_pipeline.lake.detail_files import detail_files, land_detail
from strava_pipeline.lake.landed import landed_as, next_number, read_name, time_of
from strava_pipeline.lake.listings import listings
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, NOW, SECOND, activity, land, started

YEAR = 400 * DAY


def test_numbers_follow_this_machines_clock(tmp_path: Path) -> None:
    lake = Lake(tmp_path, clock=lambda: NOW)
    assert time_of(next_number(lake, NOW + YEAR)) == NOW


def test_they_rise_whatever_the_clock_does(tmp_path: Path) -> None:
    clock = iter([NOW, NOW, NOW - YEAR, NOW + YEAR, NOW])
    lake = Lake(tmp_path, clock=lambda: next(clock))
    numbers = [next_number(lake, NOW) for _ in range(5)]
    assert numbers == sorted(set(numbers))


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
    highest = read_name(detail.name.removesuffix(".json.gz"))[1]
    for said in (b"", b"rubbish", None):
        path = ahead.state / "landed"
        path.unlink() if said is None else path.write_bytes(said)
        assert next_number(replace(ahead, clock=lambda: NOW), NOW) > (highest or 0)


def test_a_name_says_when_and_as_which_it_came() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    assert read_name(landed_as(at, 17)) == (at, 17)
    assert read_name("20260102T030405000678Z") == (at, None)


def test_details_of_one_activity_come_in_the_order_in_which_they_landed(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for at in (NOW, NOW + YEAR, NOW + DAY):
        newest = land_detail(lake, 2025, 1, b"{}", at)
    assert detail_files(lake, 2025)[1].good == newest


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
