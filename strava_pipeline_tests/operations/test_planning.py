"""operations.planning: the calls for a listing that several years share."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.lake.gold.coverage import Differences, ListingAtHand
from strava_pipeline.lake.paths import Lake
from strava_pipeline.operations.planning import pages_left
from strava_pipeline_tests.lake.bronze import activity, land, started

WHOLE = Differences({}, frozenset(), frozenset(), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("known", "landed", "changes", "calls"),
    [
        ({2025: 30, 2024: 50, 2023: 20}, 0, None, 2),
        ({2025: 150, 2024: 150}, 0, None, 3),
        ({2025: 450, 2024: 250}, 0, None, 5),
        ({2025: 0, 2024: 0}, 0, None, 1),  # the fewest: an empty page ends it
        ({2025: 300, 2024: 300}, 2, None, 2),  # it broke off after two pages
        ({2025: 0}, 3, None, 1),  # further on than what was known
        ({2025: 300, 2024: 300}, 4, WHOLE, 0),
    ],
)
def test_years_of_one_listing_share_its_pages(
    tmp_path: Path, known: dict[int, int], landed: int, changes: Differences | None, calls: int
) -> None:
    listing = started(Lake(tmp_path), mode="year", after=datetime(2023, 12, 31, tzinfo=UTC))
    land(listing, *([activity(page)] for page in range(1, landed + 1)))
    at_hand = dict.fromkeys(known, ListingAtHand(listing, changes)) if landed else {}
    assert pages_left([*known], known, at_hand, 200) == calls
