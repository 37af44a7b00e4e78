"""lake.known: how much of each year whole listings cover, and what is due once the listing at hand is merged."""

from datetime import UTC, datetime, timedelta

import pytest

from strava_pipeline.lake.bronze.answers import land_athlete
from strava_pipeline.lake.gold.coverage import ListingAtHand, coverage_of, differences, year_counts
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import (
    DAY,
    NOW,
    YEARS,
    activity,
    detailed,
    land,
    listed,
    merge,
    merge_detailed,
    started,
)

YEAR = timedelta(days=365)


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def covered(lake: Lake, year: int, now: datetime = NOW) -> tuple[timedelta, timedelta]:
    """(covered, open) of the year."""
    count = year_counts(lake, coverage_of(lake, YEARS, now), [year], {}, now)[year]
    return count.covered, count.open


@pytest.fixture
def lake(untouched: Lake) -> Lake:
    """Without a warehouse until one is needed."""
    return untouched


def test_of_an_empty_lake_nothing_is_known_and_nothing_is_made(lake: Lake) -> None:
    assert covered(lake, 2025) == (timedelta(0), YEAR)
    assert covered(lake, 2026) == (timedelta(0), NOW - at(2026))
    assert not lake.data_dir.exists()


@pytest.mark.parametrize(
    ("windows", "year", "expected"),
    [
        ([(None, None)], 2025, YEAR),
        ([(None, None)], 2026, NOW - at(2026)),
        ([(at(2024, 12, 31), at(2026, 1, 2))], 2025, YEAR),
        ([(at(2024, 12, 31), at(2026, 1, 2))], 2024, DAY),
        ([(at(2024, 12, 31), at(2026, 1, 2))], 2023, timedelta(0)),
        ([(at(2025, 5, 1), None)], 2025, at(2026) - at(2025, 5, 1)),
        # what two listings hold together
        ([(at(2025, 5, 1), None), (at(2024), at(2025, 5, 2))], 2025, YEAR),
        ([(at(2025, 7, 1), None), (at(2024), at(2025, 5, 1))], 2025, YEAR - (at(2025, 7, 1) - at(2025, 5, 1))),
    ],
)
def test_whole_listings_cover_what_they_asked_for(
    lake: Lake, windows: list[tuple[datetime | None, datetime | None]], year: int, expected: timedelta
) -> None:
    for number, (after, before) in enumerate(windows):
        listed(lake, [], at=NOW + timedelta(seconds=number), after=after, before=before)
    assert covered(lake, year) == (expected, min(at(year + 1), NOW) - at(year) - expected)


def test_half_a_listing_and_one_that_gold_has_not_taken_in_cover_nothing(lake: Lake) -> None:
    land(started(lake), [activity(1)])
    assert covered(lake, 2025)[0] == timedelta(0)
    listed(lake, [activity(1)], at=NOW + DAY)
    assert covered(lake, 2025, NOW + DAY)[0] == timedelta(0)
    merge(lake)
    assert covered(lake, 2025, NOW + DAY)[0] == YEAR


def test_nothing_is_expected_from_before_the_athlete_joined(lake: Lake) -> None:
    land_athlete(lake, b'{"id": 7, "created_at": "2024-10-01T00:00:00Z"}', NOW)
    assert [covered(lake, year)[1] for year in (2023, 2024, 2025)] == [timedelta(0), at(2025) - at(2024, 10), YEAR]
    land_athlete(lake, b'{"id": 7, "created_at": "long ago"}', NOW + DAY)
    assert covered(lake, 2023)[1] == YEAR


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
    count = year_counts(lake, coverage_of(lake, YEARS, later), [2025], {2025: at_hand}, later)[2025]
    assert (count.whole, count.activities) == (True, 5)
    assert count.due == 3, "1 was edited, 3 is missing, 5 is new; 4 is gone"


def test_half_a_listing_at_hand_saves_its_pages(lake: Lake) -> None:
    listing = started(lake, mode="year", after=at(2024, 12, 31), before=at(2026, 1, 2))
    land(listing, [activity(1)], [activity(2)])
    count = year_counts(lake, coverage_of(lake, YEARS, NOW), [2025], {2025: ListingAtHand(listing, None)}, NOW)[2025]
    assert (count.whole, count.landed) == (False, 2)


def test_the_season_is_that_of_other_whole_years(lake: Lake) -> None:
    days = ("2024-07-01", "2024-07-02", "2025-03-01", "2026-02-01")
    listed(lake, [activity(number, f"{day}T06:00:00Z") for number, day in enumerate(days)])
    merge(lake)
    known = coverage_of(lake, YEARS, NOW)
    assert known.season(but=[2025]) == {7: 2}
    assert known.season(but=[2023]) == {3: 1, 7: 2}


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (at(2025, 2), at(2025, 3), True),
        (at(2023, 6), at(2025, 3), True),
        (at(2026, 2), NOW + DAY, True),  # what came since yesterday is a call or two
        (at(2026, 2), NOW + 3 * DAY, False),
    ],
)
def test_a_stretch_is_covered_or_is_not(lake: Lake, begin: datetime, end: datetime, expected: bool) -> None:
    listed(lake, [])
    assert coverage_of(lake, YEARS, NOW + 5 * DAY).is_covered(begin, end) is expected
