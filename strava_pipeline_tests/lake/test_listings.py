"""lake.bronze.listings: pages on disk, what is still to be listed, and up to when the lake is complete."""

import gc
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from strava_pipeline.core.providers import ReadPage
from strava_pipeline.lake.bronze.answers import land_detail
from strava_pipeline.lake.bronze.listing import read_listing
from strava_pipeline.lake.bronze.listings import last_pull, listings, watermark
from strava_pipeline.lake.bronze.manifests import MANIFESTS, Manifest, Window
from strava_pipeline.lake.bronze.resuming import FEW_CALLS, resumable_listing
from strava_pipeline.lake.files import packed, write_whole
from strava_pipeline.lake.gold.event_followup import ListedFields, note_sighting
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    DAY,
    HOUR,
    NOW,
    SECOND,
    YEARS,
    activity,
    land,
    listed,
    merge,
    rows,
    started,
)

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
    listing.land(ReadPage(json.loads(body)), body, {"page": 1}, NOW, YEARS)
    assert gzip.decompress((listing.folder / "page-0001.json.gz").read_bytes()) == body
    (again,) = listings(lake)
    (page,) = again.manifest.pages
    assert (page.rows, page.bytes, page.years, page.request) == (1, len(body), [2026], {"page": 1})
    assert page.oldest == page.newest == datetime(2026, 5, 5, 12, tzinfo=UTC)
    assert again.manifest.complete is False
    assert [found for _, found in again.pages()] == [json.loads(body)]


def test_a_manifest_is_parsed_once_as_long_as_its_file_is_the_same(lake: Lake) -> None:
    land(started(lake), [on(20)], [])
    (one,), (other,) = listings(lake), listings(lake)
    assert one.manifest is other.manifest
    one.mark_used()
    assert one.manifest.settled
    assert not other.manifest.settled, "who changes it changes a copy"
    (now,) = listings(lake)
    assert now.manifest.settled


def test_of_a_manifest_that_keeps_growing_only_what_stands_there_now_is_kept(lake: Lake) -> None:
    athlete_id = 77_001  # of no other test
    for number in range(5):
        at = NOW + number * SECOND
        detail = land_detail(lake, 2025, number, b"{}", at)
        note_sighting(lake, detail, at, on(number + 1), listed=ListedFields(), years=YEARS, athlete_id=athlete_id)
    (listing,) = listings(lake)
    assert len(listing.manifest.pages) == 5
    kept = [held for held in gc.get_objects() if isinstance(held, Manifest) and held.athlete_id == athlete_id]
    assert [manifest is listing.manifest for manifest in kept] == [True]


def test_a_page_that_is_lost_and_brought_back_is_seen_though_the_manifest_is_the_same(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [on(20)], [])
    page = listing.folder / "page-0001.json.gz"
    body = page.read_bytes()
    page.unlink()
    (lost,), (other,) = listings(lake), listings(lake)
    assert list(lost.pages()) == []
    assert not other.manifest.has_lost, "who changes an entry changes a copy"
    assert lost.manifest.has_lost
    assert next(listings(lake)).manifest.has_lost
    page.write_bytes(body)
    assert not next(listings(lake)).manifest.has_lost
    page.unlink()
    assert next(listings(lake)).manifest.has_lost


def test_a_broken_listing_goes_on_before_the_oldest_start_where_the_newest_came_first(lake: Lake) -> None:
    listing = started(lake)
    assert listing.remaining_window() == (None, None)
    land(listing, [on(20), on(19)], [on(18), on(17)])
    resumed = resumable_listing(lake, ALL_TIME, at=NOW + HOUR, years=YEARS)
    assert resumed is not None
    assert resumed.remaining_window() == (None, epoch(17, +1))


def test_a_broken_listing_goes_on_after_the_newest_start_where_the_oldest_came_first(lake: Lake) -> None:
    listing = started(lake, mode="year", after=day(1), before=day(30))
    assert listing.remaining_window() == (int(day(1).timestamp()), int(day(30).timestamp()))
    land(listing, [on(2), on(3)], [on(4), on(5)])
    resumed = resumable_listing(lake, listing.manifest.window, at=NOW + HOUR, years=YEARS)
    assert resumed is not None
    assert resumed.remaining_window() == (epoch(5, -1), int(day(30).timestamp()))


@pytest.mark.parametrize("oldest_first", [True, False])
def test_what_started_in_the_same_second_as_the_break_is_listed_again(lake: Lake, oldest_first: bool) -> None:
    listing = started(lake, after=day(1) if oldest_first else None)
    land(listing, [on(5, 1), on(5, 2)])
    after, before = listing.remaining_window()
    assert after is None or after < epoch(5)
    assert before is None or before > epoch(5)


@pytest.mark.parametrize("start", [None, "", "soon", 5, "2026-05-05T12:00:00"])
def test_a_start_that_is_odd_stops_no_page_and_moves_nothing_it_should_not(lake: Lake, start: Any) -> None:
    listing = started(lake)
    land(listing, [on(7), {**on(5), "start_date": start}])
    expected = epoch(5, +1) if start == "2026-05-05T12:00:00" else epoch(7, +1)
    assert listing.remaining_window() == (None, expected)


def test_a_page_that_a_crash_left_without_its_line_is_adopted(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [on(20)])
    body = json.dumps([on(19), on(18)]).encode()
    write_whole(listing.folder / "page-0002.json.gz", packed(body, NOW + SECOND))
    resumed = resumable_listing(lake, ALL_TIME, at=NOW + HOUR, years=YEARS)
    assert resumed is not None
    assert resumed.remaining_window() == (None, epoch(18, +1))
    (stored,) = listings(lake)
    assert [page.rows for page in stored.manifest.pages] == [1, 2]
    assert stored.manifest.pages[1].fetched_at == NOW + SECOND
    assert stored.manifest.pages[1].bytes == len(body)


def test_an_adopted_empty_page_ends_its_listing(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [on(20)])
    write_whole(listing.folder / "page-0002.json.gz", packed(b"[]", NOW))
    assert resumable_listing(lake, ALL_TIME, at=NOW + HOUR + SECOND, years=YEARS) is None
    assert next(listings(lake)).manifest.complete


def test_a_complete_listing_is_used_again_within_the_hour_until_a_run_that_used_it_ends(lake: Lake) -> None:
    made = listed(lake, [on(20)], at=NOW)
    again = resumable_listing(lake, ALL_TIME, at=NOW + HOUR, years=YEARS)
    assert again is not None
    assert again.name == made.name
    again.mark_used()
    assert resumable_listing(lake, ALL_TIME, at=NOW + HOUR, years=YEARS) is None


def test_a_pull_from_the_watermark_goes_by_its_mode_because_the_watermark_moved(lake: Lake) -> None:
    made = listed(lake, [on(20)], at=NOW, mode="incremental", after=day(1))
    moved = Window(mode="incremental", after=int(day(2).timestamp()), before=None)
    more = Window(mode="incremental", after=int(day(1).timestamp()) - 1, before=None)
    assert resumable_listing(lake, more, at=NOW + HOUR, years=YEARS) is None, "it has fewer days than are asked for"
    again = resumable_listing(lake, moved, at=NOW + HOUR, years=YEARS)
    assert again is not None
    assert again.name == made.name
    assert resumable_listing(lake, moved, at=NOW + HOUR + SECOND, years=YEARS) is None


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
    assert (resumable_listing(lake, window, at=NOW + age, years=YEARS) is not None) is resumed


FEW, MANY = [[on(20)]] * (FEW_CALLS - 1), [[on(20)]] * FEW_CALLS  # with the empty page that ends it: as few, or more


@pytest.mark.parametrize(
    ("made_by", "pages", "age", "of_the_run", "of_another"),
    [
        ("dead", [*FEW, []], HOUR, True, False),
        ("dead", [*MANY, []], HOUR, True, True),
        ("dead", [*MANY, []], HOUR + SECOND, False, False),
        ("dead", FEW, DAY, True, False),
        ("dead", [*MANY, [on(19)]], DAY, True, True),
        ("dead", [*MANY, [on(19)]], DAY + SECOND, False, False),
        (None, [[on(20)], []], HOUR, True, True),
        (None, [[on(20)]], DAY, True, True),
    ],
    ids=[
        "few pages, complete", "many, complete", "many, complete, an hour ago", "few, broken off", "many, broken off",
        "many, broken off a day ago", "nobody's, complete", "nobody's, broken off",
    ],
)  # fmt: skip
def test_a_listing_serves_the_run_that_began_it_and_another_where_listing_anew_costs_much(
    lake: Lake, made_by: str | None, pages: list[Any], age: timedelta, of_the_run: bool, of_another: bool
) -> None:
    listing = started(lake)
    land(listing, *pages)
    listing.claim(made_by)

    def serves(run_id: str) -> bool:
        return resumable_listing(lake, ALL_TIME, run_id=run_id, at=NOW + age, years=YEARS) is not None

    assert (serves(made_by or "one"), serves("another")) == (of_the_run, of_another)


def test_a_listing_of_which_a_run_used_all_serves_no_run_that_asks_for_an_unused_one(lake: Lake) -> None:
    listing = listed(lake, [on(20)], at=NOW)
    listing.claim("ended")
    listing.mark_used()
    for run_id in ("ended", "another"):
        assert resumable_listing(lake, ALL_TIME, run_id=run_id, at=NOW, years=YEARS) is None
        assert resumable_listing(lake, ALL_TIME, run_id=run_id, at=NOW, years=YEARS, also_used=True) is not None


def test_a_claim_is_written_where_it_says_something_else(lake: Lake) -> None:
    listing = listed(lake, [on(20)], at=NOW)
    listing.claim("run", as_of=NOW)
    for run_id, as_of, saved in (("run", NOW, 0), ("another", NOW, 1), ("another", None, 1)):
        before = MANIFESTS.saved
        listing.claim(run_id, as_of=as_of)
        assert MANIFESTS.saved - before == saved
        assert (read_listing(listing.folder).manifest.run_id, listing.manifest.as_of) == (run_id, as_of)


def test_the_newest_pull_is_as_old_as_the_oldest_pages_that_its_run_used(lake: Lake) -> None:
    older = listed(lake, [on(20)], at=NOW)
    older.claim("run", as_of=NOW)
    newest = listed(lake, [on(21)], at=NOW + HOUR, mode="incremental", after=day(10))
    newest.claim("run")
    found = last_pull(lake)
    assert found is not None
    assert (found.started_at, found.as_of) == (NOW + HOUR, NOW)
    newest.claim("another")
    found = last_pull(lake)
    assert found is not None
    assert found.as_of is None


def test_a_broken_listing_does_not_go_on_when_a_later_one_is_complete(lake: Lake) -> None:
    land(started(lake, at=NOW), [on(20)])
    listed(lake, [on(20)], at=NOW + HOUR).mark_used()
    assert resumable_listing(lake, ALL_TIME, at=NOW + 2 * HOUR, years=YEARS) is None


def test_other_windows_in_between_do_not_hide_a_broken_listing(lake: Lake) -> None:
    broken = started(lake, at=NOW)
    land(broken, [on(20)])
    listed(lake, [on(20)], at=NOW + HOUR, mode="year", after=day(1), before=day(2))
    found = resumable_listing(lake, ALL_TIME, at=NOW + 2 * HOUR, years=YEARS)
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


DAMAGE = [None, b"", b"\0" * 100, b"\x1f\x8b\x08", packed(b"[{", NOW)]


@pytest.mark.parametrize(
    "content",
    [None, b"", b"{", b"[]", b'{"pages": 5}', b"\xff\xfe", b"\0" * 4096],
    ids=lambda content: repr(content)[:12],
)
def test_a_manifest_that_cannot_be_read_is_made_anew_from_its_pages(lake: Lake, content: bytes | None) -> None:
    listed(lake, [on(20)], at=NOW)
    bad = listed(lake, [on(21), on(22)], [on(23)], at=NOW + HOUR)
    was = bad.manifest
    (lake.listings / ".DS_Store").write_bytes(b"x")
    (lake.listings / "20260601T130000000000Z-holiday").mkdir()
    damage(bad.folder / "manifest.json", content)
    _, mended = listings(lake)
    assert mended.manifest.window == was.window
    assert [page.model_copy(update={"request": None}) for page in was.pages] == mended.manifest.pages
    assert watermark(lake) == day(23) + 12 * HOUR
    assert [listing.manifest for listing in listings(lake)][1] == mended.manifest, "it stays mended"


@pytest.mark.parametrize("mode", ["year", "incremental", "lite"])
def test_a_manifest_made_anew_claims_no_more_than_its_pages_hold(lake: Lake, mode: Any) -> None:
    window = {"mode": mode, "after": day(1), "before": day(30) if mode == "year" else None}
    bad = listed(lake, [on(20)], [on(21)], **window)
    empty = listed(lake, at=NOW + HOUR, **window)
    for listing in (bad, empty):
        damage(listing.folder / "manifest.json", None)
    (mended,) = listings(lake)
    before = epoch(21, 1) if mode == "year" else None
    assert mended.manifest.window == Window(mode=mode, after=epoch(20, -1), before=before)
    assert watermark(lake) is None


@pytest.mark.parametrize("content", DAMAGE, ids=lambda content: repr(content)[:12])
def test_a_lost_page_is_set_aside_the_others_stay_the_watermark_goes_back(lake: Lake, content: bytes | None) -> None:
    first = listed(lake, [on(20)])
    listing = listed(lake, [on(24)], [on(25)], [on(26)], mode="incremental", after=day(10), at=NOW + HOUR)
    assert watermark(lake) == day(26) + 12 * HOUR
    damage(listing.folder / "page-0002.json.gz", content)
    assert [page.file for page, _ in listing.pages()] == ["page-0001.json.gz", "page-0003.json.gz"]
    assert (listing.folder / "page-0002.json.gz.damaged").exists() == (content is not None)
    _, found = listings(lake)
    assert (found.manifest.complete, found.manifest.whole_pages) == (False, 3)
    assert watermark(lake) == day(20) + 12 * HOUR
    assert resumable_listing(lake, listing.manifest.window, at=NOW + HOUR, years=YEARS) is None, (
        "what it lacks does not lie behind its end"
    )
    assert first.manifest.complete


def test_a_page_without_its_line_that_is_damaged_is_fetched_again(lake: Lake) -> None:
    listing = started(lake)
    land(listing, [on(20)])
    write_whole(listing.folder / "page-0002.json.gz", b"garbage")
    found = resumable_listing(lake, ALL_TIME, at=NOW, years=YEARS)
    assert found is not None
    assert [page.file for page in found.manifest.pages] == ["page-0001.json.gz"]
    assert not (listing.folder / "page-0002.json.gz").exists()


def damage(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)


def test_listings_come_in_the_order_of_their_start(lake: Lake) -> None:
    for hours in (3, 1, 2):
        listed(lake, at=NOW + hours * HOUR)
    begun = [listing.manifest.started_at for listing in listings(lake)]
    assert begun == sorted(begun)
    assert [listing.manifest.started_at for listing in listings(lake, newest_first=True)] == begun[::-1]


def test_a_manifest_of_an_older_version_is_read_with_its_fields_missing(lake: Lake) -> None:
    listing = listed(lake, [activity(1, "2024-05-05T06:00:00Z")])
    path = listing.folder / "manifest.json"
    told = json.loads(path.read_text())
    for name in ("source", "athlete_id", "settled"):
        del told[name]
    for page in told["pages"]:
        for name in ("request", "bytes", "local_years", "oldest", "newest"):
            del page[name]
    path.write_text(json.dumps(told | {"of_a_later_version": 1}))
    (found,) = listings(lake)
    assert (found.manifest.complete, found.manifest.rows) == (True, 1)
    assert found.manifest.years_within(YEARS) == {2024}
    merge(lake)
    assert [row["id"] for row in rows(lake)] == [1]
