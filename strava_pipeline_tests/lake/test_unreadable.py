"""lake.unreadable: which rows that can't be read are still listed, over days of listings."""

from datetime import datetime, timedelta
from typing import Any

from strava_pipeline.core.activities import split_page
from strava_pipeline.lake.gold.quarantine import unreadable_rows
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import DAY, NOW, SECOND, YEARS, activity, started

START = NOW - timedelta(days=3)
GOOD = activity(1, f"{NOW - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}")
BAD = {"id": "99", "start_date": f"{START:%Y-%m-%dT%H:%M:%SZ}"}


def listed(lake: Lake, day: int, items: list[Any], after: datetime | None) -> None:
    """A complete listing of a day; `after` None: of everything."""
    at = NOW + day * DAY
    listing = started(lake, at=at, mode="incremental" if after else "all", after=after)
    activities, unreadable = split_page(items)
    listing.land(activities, b"[]", {"per_page": 200, "page": 1}, at, YEARS, unreadable)
    listing.land([], b"[]", {"per_page": 200, "page": 2}, at + SECOND, YEARS)


def test_one_row_is_told_once_whatever_its_kudos_and_goes_when_its_time_is_listed_without_it(lake: Lake) -> None:
    for day in range(4):
        listed(lake, day, [GOOD, {**BAD, "kudos_count": day}], NOW + day * DAY - timedelta(days=7))
        (row,) = unreadable_rows(lake)
        assert (row.row, row.first_seen_at, row.last_seen_at) == (2, NOW, NOW + day * DAY)
    listed(lake, 4, [GOOD], NOW - DAY)
    assert len(unreadable_rows(lake)) == 1, "this listing began behind its start"
    listed(lake, 5, [GOOD], START - timedelta(days=1))
    assert unreadable_rows(lake) == []


def test_one_without_a_start_goes_when_all_its_page_is_listed_again_without_it(lake: Lake) -> None:
    listed(lake, 0, [GOOD, None], NOW - timedelta(days=7))
    listed(lake, 1, [GOOD], NOW)
    assert len(unreadable_rows(lake)) == 1
    listed(lake, 2, [GOOD], None)
    assert unreadable_rows(lake) == []
