"""lake.listings: pages on disk, what is still to be listed, and up to when the lake is complete."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.core.errors import PipelineError
from strava_pipeline.lake.files import packed, write_whole
from strava_pipeline.lake.listings import Listing, Window, listings, resume, watermark
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, HOUR, NOW, SECOND, YEARS, activity, land, listed, started

ALL_TIME = Window(mode="all", after=None, before=None)


def day(number: int, month: int = 5, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def on(number: int, activity_id: int | None = None, **fields: Any) -> dict[str, Any]:
    """An activity at noon of a day of May 2026."""
    return activity(activity_id or number, f"2026-05-{number:02}T12:00:00Z", **fields)


def epoch(number: int, seconds: int = 0) -> int:
    return int((day(number) + 12 * HOUR).timestamp()) + seconds


def test_a_page_is_on_disk_byte_for_byte_with_its_line_in_the_manifest(lake: Lake) -> None:
    body = b' [ {"id": 1, "start_date":"2026-05-05T12:00:00Z","name":"\\ud83d\xc3\xa9"} ]\n'
    listing = started(lake)
    listing.land(json.loads(body), body, {"page": 1}, NOW, YEARS)
    assert gzip.decompress((listing.folder / "page-0001.json.gz").read_bytes()) == body
    (again,) = listings(lake)
    (page,) = again.manifest.pages
    assert (page.rows, page.bytes, page.years, page.request) == (1, len(body), [2026], {"page": 1})
    assert page.oldest == page.newest == datetime(2026, 5, 5, 12, tzinfo=UTC)
    assert again.manifest.complete is False
    assert [found for _, found in again.pages()] == [json.loads(body)]


def test_a_broken_listing_goes_on_before_the_oldest_start_where_the_newest_came_first(lake: Lake) -> None:
    listing = started(lake)
    assert listing.rest() == (None, None)
    land(listing, [on(20), on(19)], [on(18), on(17)])
    resumed = resume(lake, ALL_TIME, at=NOW + HOUR, years=YEARS)
    assert resumed is not None
    assert resumed.rest() == (None, epoch(17, +1))


def test_a_broken_listing_goes_on_after_the_newest_start_where_the_oldest_came_first(lake: Lake) -> None:
    listing = started(lake, mode="year", after=day(1), before=day(30))
    assert listing.rest() == (int(day(1).timestamp()), int(day(30).timestamp()))
    land(listing, [on(2), on(3)], [on(4), on(5)])
    resumed = resume(lake, listing.manifest.window, at=NOW + HOUR, years=YEARS)
    assert resumed is not None
    assert resumed.rest() == (epoch(5, -1), int(day(30).timestamp()))


@pytest.mark.parametrize("oldest_first", [True, False])
def test_what_started_in_the_same_second_as_the_break_is_listed_again(lake: Lake, oldest_first: bool) -> None:
    listing = started(lake, after=day(1) if oldest_first else None)
    land(listing, [on(5, 1), on(5, 2)])
    after, before = listing.rest()
    assert after is None or after < epoch(5)
    assert before is None or before > epoch(5)


@pytest.mark.parametrize("start", [None, "", "soon", 5, "2026-05-05T12:00:00"])
def test_a_start_that_is_odd_stops_no_page_and_moves_nothing_it_should_not(lake: Lake, start: Any) -> None:
    listing = started(lake)
    land(listing, [on(7), {**on(5), "start_date": start}])
    expected = epoch(5, +1) if start == "2026-05-05T12:00:00" else epoch(7, +1)
    assert listing.rest() == (None, expected)


def test_a_page_that_a_crash_left_without_its_line_is_adopted(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [on(20)])
    body = json.dumps([on(19), on(18)]).encode()
    write_whole(listing.folder / "page-0002.json.gz", packed(body, NOW + SECOND))
    resumed = resume(lake, ALL_TIME, at=NOW + HOUR, years=YEARS)
    assert resumed is not None
    assert resumed.rest() == (None, epoch(18, +1))
    (stored,) = listings(lake)
    assert [page.rows for page in stored.manifest.pages] == [1, 2]
    assert stored.manifest.pages[1].fetched_at == NOW + SECOND
    assert stored.manifest.pages[1].bytes == len(body)


def test_an_adopted_empty_page_ends_its_listing(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [on(20)])
    write_whole(listing.folder / "page-0002.json.gz", packed(b"[]", NOW))
    assert resume(lake, ALL_TIME, at=NOW + HOUR + SECOND, years=YEARS) is None
    assert next(listings(lake)).manifest.complete


def test_a_complete_listing_is_used_again_within_the_hour_until_a_run_that_used_it_ends(lake: Lake) -> None:
    made = listed(lake, [on(20)], at=NOW)
    again = resume(lake, ALL_TIME, at=NOW + HOUR, years=YEARS)
    assert again is not None
    assert again.name == made.name
    again.settle()
    assert resume(lake, ALL_TIME, at=NOW + HOUR, years=YEARS) is None


def test_a_pull_from_the_watermark_goes_by_its_mode_because_the_watermark_moved(lake: Lake) -> None:
    made = listed(lake, [on(20)], at=NOW, mode="incremental", after=day(1))
    moved = Window(mode="incremental", after=2, before=None)
    again = resume(lake, moved, at=NOW + HOUR, years=YEARS)
    assert again is not None
    assert again.name == made.name
    assert resume(lake, moved, at=NOW + HOUR + SECOND, years=YEARS) is None


@pytest.mark.parametrize(
    ("age", "window", "resumed"),
    [
        (DAY, ALL_TIME, True),
        (DAY + SECOND, ALL_TIME, False),
        (HOUR, Window(mode="all", after=None, before=5), False),
        (HOUR, Window(mode="all", after=5, before=None), False),
        (HOUR, Window(mode="lite", after=None, before=None), False),
        (HOUR, Window(mode="all", after=None, before=None, watermark=NOW), True),
    ],
)
def test_a_listing_of_the_same_window_that_broke_off_within_a_day_goes_on(
    lake: Lake, age: timedelta, window: Window, resumed: bool
) -> None:
    land(started(lake, at=NOW), [on(20)])
    assert (resume(lake, window, at=NOW + age, years=YEARS) is not None) is resumed


def test_a_broken_listing_does_not_go_on_when_a_later_one_is_complete(lake: Lake) -> None:
    land(started(lake, at=NOW), [on(20)])
    listed(lake, [on(20)], at=NOW + HOUR).settle()
    assert resume(lake, ALL_TIME, at=NOW + 2 * HOUR, years=YEARS) is None


def test_other_windows_in_between_do_not_hide_a_broken_listing(lake: Lake) -> None:
    broken = started(lake, at=NOW)
    land(broken, [on(20)])
    listed(lake, [on(20)], at=NOW + HOUR, mode="year", after=day(1), before=day(2))
    found = resume(lake, ALL_TIME, at=NOW + 2 * HOUR, years=YEARS)
    assert found is not None
    assert found.name == broken.name


def test_the_watermark_is_the_newest_start_of_a_complete_listing_that_reached_the_present(lake: Lake) -> None:
    assert watermark(lake) is None
    land(started(lake, at=NOW), [on(20), on(19)])
    assert watermark(lake) is None
    listed(lake, [on(20), on(19)], at=NOW + HOUR)
    assert watermark(lake) == day(20) + 12 * HOUR
    broken = started(lake, at=NOW + DAY, mode="incremental", after=day(1))
    land(broken, [on(25)])
    assert watermark(lake) == day(20) + 12 * HOUR
    land(broken, [])
    assert watermark(lake) == day(25) + 12 * HOUR


def test_an_activity_in_the_future_moves_the_watermark_no_further_than_the_listing(lake: Lake) -> None:
    listed(lake, [activity(1, "2031-01-01T00:00:00Z"), on(20)], at=NOW)
    assert watermark(lake) == NOW


def test_an_empty_window_keeps_the_older_watermark(lake: Lake) -> None:
    listed(lake, [on(20)], at=NOW)
    listed(lake, at=NOW + 30 * DAY, mode="incremental", after=day(10), watermark=day(20) + 12 * HOUR)
    assert watermark(lake) == day(20) + 12 * HOUR


def test_an_athlete_without_activities_has_a_watermark_all_the_same(lake: Lake) -> None:
    listed(lake, at=NOW)
    assert watermark(lake) == NOW


def test_a_listing_with_an_end_moves_nothing(lake: Lake) -> None:
    listed(lake, [on(20)], at=NOW)
    listed(lake, [on(25)], at=NOW + HOUR, mode="year", after=day(1), before=day(30))
    assert watermark(lake) == day(20) + 12 * HOUR
    listed(lake, [on(25)], at=NOW + 2 * HOUR, mode="year", before=day(1))
    assert watermark(lake) == day(20) + 12 * HOUR


def test_a_listing_of_the_newest_year_alone_says_nothing_of_what_came_before(lake: Lake) -> None:
    listed(lake, [on(20)], at=NOW, mode="year", after=day(31, 12, 2025))
    assert watermark(lake) is None


def test_a_listing_of_the_newest_year_leaves_no_gap_behind_an_older_watermark(lake: Lake) -> None:
    listed(lake, [activity(1, "2025-11-01T12:00:00Z")], at=day(2, 11, 2025))
    listed(lake, [on(20)], at=NOW, mode="year", after=day(31, 12, 2025))
    assert watermark(lake) == datetime(2025, 11, 1, 12, tzinfo=UTC)


def test_listings_of_all_years_one_by_one_are_as_good_as_one_of_everything(lake: Lake) -> None:
    edges = [None, *(day(31, 12, year) for year in range(2022, 2026))]
    ends = [*(day(2, 1, year) for year in range(2023, 2027)), None]
    for place, (after, before) in enumerate(zip(edges, ends, strict=True)):
        assert watermark(lake) is None
        listed(lake, [on(20)] if before is None else [], at=NOW + place * HOUR, mode="year", after=after, before=before)
    assert watermark(lake) == day(20) + 12 * HOUR


def test_a_year_that_was_not_over_when_it_was_listed_is_complete_up_to_that_moment_only(lake: Lake) -> None:
    listed(lake, at=day(1, 7, 2025), mode="year", before=day(2, 1, 2026))
    listed(lake, [on(20)], at=NOW, mode="year", after=day(31, 12, 2025))
    assert watermark(lake) is None


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b'{"pages": 5}', b"\xff\xfe", b"\0" * 4096],
    ids=lambda content: repr(content)[:12],
)
def test_a_folder_without_a_readable_manifest_is_passed_over(lake: Lake, content: bytes | None) -> None:
    listed(lake, [on(20)], at=NOW)
    bad = listed(lake, [on(21)], at=NOW + HOUR)
    manifest = bad.folder / "manifest.json"
    if content is None:
        manifest.unlink()
    else:
        manifest.write_bytes(content)
    (lake.listings / ".DS_Store").write_bytes(b"x")
    assert len(list(listings(lake))) == 1
    assert watermark(lake) == day(20) + 12 * HOUR
    assert resume(lake, ALL_TIME, at=NOW + 2 * HOUR, years=YEARS) is None


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"\x1f\x8b\x08", packed(b"[{", NOW), None])
def test_a_damaged_page_is_told_with_its_file_and_what_to_do(lake: Lake, damage: bytes | None) -> None:
    listing = listed(lake, [on(20)])
    page = listing.folder / "page-0001.json.gz"
    if damage is None:
        page.unlink()
    else:
        page.write_bytes(damage)
    with pytest.raises(PipelineError, match=r"page-0001.*Move its folder"):
        list(Listing(listing.folder, listing.manifest).pages())


def test_listings_come_in_the_order_of_their_start(lake: Lake) -> None:
    for hours in (3, 1, 2):
        listed(lake, at=NOW + hours * HOUR)
    begun = [listing.manifest.started_at for listing in listings(lake)]
    assert begun == sorted(begun)
    assert [listing.manifest.started_at for listing in listings(lake, newest_first=True)] == begun[::-1]
