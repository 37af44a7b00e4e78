"""lake.gold.coverage: which years whole listings cover, and what a listing would insert, change and delete."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strava_pipeline.lake.bronze.listing import Listing
from strava_pipeline.lake.gold.coverage import Differences, ListingAtHand, differences, year_plans
from strava_pipeline.lake.gold.warehouse import writing
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    DAY,
    HOUR,
    NOW,
    YEARS,
    Activity,
    activity,
    detailed,
    land,
    listed,
    merge,
    merge_detailed,
    rows,
    started,
)


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def known(lake: Lake, year: int, now: datetime = NOW) -> bool:
    (plan,) = year_plans(lake, YEARS, [year], {}, now)
    return plan.is_known


@pytest.fixture
def lake(untouched: Lake) -> Lake:
    """Without a warehouse until one is needed."""
    return untouched


def test_of_an_empty_lake_nothing_is_known_and_nothing_is_made(lake: Lake) -> None:
    assert not known(lake, 2025)
    assert not known(lake, 2026, at(2026) + DAY), "a year of a day that nobody listed"
    assert not lake.data_dir.exists()


@pytest.mark.parametrize(
    ("windows", "year", "expected"),
    [
        ([(None, None)], 2025, True),
        ([(None, None)], 2026, True),
        ([(at(2024, 12, 31), at(2026, 1, 2))], 2025, True),
        ([(at(2024, 12, 31), at(2026, 1, 2))], 2024, False),
        ([(at(2024, 12, 31), at(2026, 1, 2))], 2023, False),
        ([(at(2025, 1, 2), None)], 2025, True),  # a day is a call or two
        ([(at(2025, 5, 1), None)], 2025, False),
        # what two listings hold together
        ([(at(2025, 5, 1), None), (at(2024), at(2025, 5, 2))], 2025, True),
        ([(at(2025, 7, 1), None), (at(2024), at(2025, 5, 1))], 2025, False),
    ],
)
def test_a_year_is_known_where_whole_listings_reach_from_its_beginning_to_its_end(
    lake: Lake, windows: list[tuple[datetime | None, datetime | None]], year: int, *, expected: bool
) -> None:
    for number, (after, before) in enumerate(windows):
        listed(lake, [], at=NOW + timedelta(seconds=number), after=after, before=before)
    assert known(lake, year) is expected


@pytest.mark.parametrize(("days", "expected"), [(1, True), (3, False)])
def test_the_present_year_is_known_for_two_days_more(lake: Lake, days: int, *, expected: bool) -> None:
    listed(lake, [])
    assert known(lake, 2026, NOW + days * DAY) is expected


def test_half_a_listing_and_one_that_gold_has_not_taken_in_cover_nothing(lake: Lake) -> None:
    land(started(lake), [activity(1)])
    assert not known(lake, 2025)
    listed(lake, [activity(1)], at=NOW + DAY)
    assert not known(lake, 2025, NOW + DAY)
    merge(lake)
    assert known(lake, 2025, NOW + DAY)


def test_a_quiet_listing_which_waits_for_the_next_merge_covers_its_time(lake: Lake) -> None:
    listed(lake, [mine := activity(1, "2026-05-30T06:00:00Z")])
    merge(lake)
    later = NOW + 5 * DAY
    quiet = listed(lake, [mine], at=later, mode="incremental", after=NOW - DAY)
    assert not known(lake, 2026, later)
    quiet.mark_used(brought_nothing=True)
    assert known(lake, 2026, later)


def test_a_listing_at_hand_tells_what_will_be_due(lake: Lake) -> None:
    listed(lake, [activity(number) for number in (1, 2, 3, 4)])
    merge(lake)
    merge_detailed(lake, activity(1), activity(2), at=NOW + DAY)
    later = NOW + 2 * DAY
    edited, kept = activity(1, name="Other"), activity(2)
    detailed(lake, activity(6), at=later)  # fetched once, then lost from gold
    listing = listed(
        lake,
        [edited, kept, activity(3), activity(5), activity(6)],
        at=later,
        mode="year",
        after=at(2024, 12, 31),
        before=at(2026, 1, 2),
    )
    at_hand = ListingAtHand(listing, differences(lake, listing, [2025], YEARS))
    (plan,) = year_plans(lake, YEARS, [2025], {2025: at_hand}, later)
    assert (plan.is_known, plan.activities) == (True, 5)
    assert plan.details == 3, "1 was edited, 3 is missing, 5 is new; 4 is gone"


LATER = NOW + 10 * DAY
BOUNDS = {"after": datetime(2024, 12, 31, tzinfo=UTC), "before": datetime(2026, 1, 2, tzinfo=UTC)}
YEAR: dict[str, Any] = {"mode": "year", **BOUNDS}
NEW_YEARS_EVE = activity(8, "2025-12-31T23:30:00Z", start_date_local="2026-01-01T00:30:00Z")


@pytest.fixture(scope="module")
def stock(module_lake: Lake) -> Lake:
    """Gold with 1 to 4 of 2025, 5 without an instant, and 8, which is of 2026 by its local start."""
    undated = {**activity(5), "start_date": None, "start_date_local": "2025-02-01T00:00:01Z"}
    dated = (activity(number, f"2025-0{number}-05T06:00:00Z") for number in range(1, 5))
    listed(module_lake, [*dated, undated, NEW_YEARS_EVE])
    merge(module_lake)
    return module_lake


def of(lake: Lake, listing: Listing) -> Differences:
    return differences(lake, listing, [2025], YEARS)


def as_held(number: int, **fields: Any) -> Activity:
    return activity(number, f"2025-0{number}-05T06:00:00Z", **fields)


@pytest.mark.parametrize(
    ("pages", "inserted", "changed", "edited", "deleted"),
    [
        # as it was; 5 has no instant that a window could hold, so that nothing is proven of it
        ([[as_held(1), as_held(2), as_held(3), as_held(4)]], set(), set(), set(), set()),
        ([[as_held(1), as_held(2), as_held(3)], [as_held(4), as_held(9)]], {9}, set(), set(), set()),
        # kudos change what is shown, a name what the detail says
        ([[as_held(1, kudos_count=5), as_held(2, name="Other"), as_held(3), as_held(4)]], set(), {1, 2}, {2}, set()),
        ([[as_held(1), as_held(2)]], set(), set(), set(), {3, 4}),
        ([[]], set(), set(), set(), {1, 2, 3, 4}),
        # in the window, but not of the year
        ([[as_held(1), as_held(2), as_held(3), as_held(4), NEW_YEARS_EVE]], set(), set(), set(), set()),
        # moved here from 2026
        (
            [[as_held(1), as_held(2), as_held(3), as_held(4), activity(8, "2025-12-31T20:00:00Z")]],
            set(),
            {8},
            {8},
            set(),
        ),
        # the last sighting counts
        ([[as_held(1, name="Once"), as_held(2)], [as_held(1), as_held(3), as_held(4)]], set(), set(), set(), set()),
    ],
)
def test_a_listing_is_laid_beside_gold(
    stocked: Lake,
    pages: list[list[Activity]],
    inserted: set[int],
    changed: set[int],
    edited: set[int],
    deleted: set[int],
) -> None:
    before = rows(stocked)
    found = of(stocked, listed(stocked, *pages, at=LATER, **YEAR))
    assert (found.inserted, found.changed, found.edited, found.deleted) == (inserted, changed, edited, deleted)
    assert found.listed.keys() == {one["id"] for page in pages for one in page if one is not NEW_YEARS_EVE}
    assert rows(stocked) == before


def test_what_it_tells_is_what_a_merge_then_does(stocked: Lake) -> None:
    listing = listed(stocked, [as_held(1, name="Other"), as_held(2, kudos_count=3), as_held(9)], at=LATER, **YEAR)
    told = of(stocked, listing)
    done = merge(stocked, [2025])
    assert (done.inserted, done.updated) == (len(told.inserted), len(told.changed))
    again = of(stocked, listing)
    assert not again.inserted | again.changed | again.edited


def test_half_a_listing_proves_no_deletion(stocked: Lake) -> None:
    listing = started(stocked, at=LATER, **YEAR)
    land(listing, [as_held(1), as_held(9)], at=LATER)
    found = of(stocked, listing)
    assert (found.inserted, found.deleted) == ({9}, None)


def test_what_came_to_gold_after_the_listing_began_is_not_gone(stocked: Lake) -> None:
    listing = listed(stocked, [as_held(1), as_held(2), as_held(3), as_held(4)], at=LATER, **YEAR)
    listed(stocked, [as_held(6)], at=LATER + HOUR, mode="incremental", after=NOW - 300 * DAY)
    merge(stocked)
    assert of(stocked, listing).deleted == set()


def test_an_older_listing_changes_nothing_that_was_seen_since(stocked: Lake) -> None:
    old = listed(stocked, [as_held(1, name="Older"), *map(as_held, (2, 3, 4))], at=NOW - timedelta(days=1), **YEAR)
    assert not of(stocked, old).changed


def test_what_comes_back_is_inserted_and_what_is_gone_is_not_deleted_twice(stocked: Lake) -> None:
    with writing(stocked) as connection:
        connection.execute("UPDATE activities_all SET deleted_at = ingestion_ts WHERE id IN (1, 2)")
    found = of(stocked, listed(stocked, [as_held(1), as_held(3), as_held(4)], at=LATER, **YEAR))
    assert (found.inserted, found.deleted) == ({1}, set())


def test_without_gold_all_is_new(untouched: Lake) -> None:
    found = of(untouched, listed(untouched, [as_held(1, gear_id="b1"), as_held(2)], at=LATER, **YEAR))
    assert (found.inserted, found.deleted, found.gear) == ({1, 2}, set(), {"b1"})
    assert not untouched.working.exists()
