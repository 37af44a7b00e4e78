"""The years as commands reckon them are those of Dagster's partitions, to the second of a new year."""

from datetime import datetime

import pytest

from strava_pipeline.core.years import YearRange
from strava_pipeline.operations.years import year_range
from strava_pipeline.orchestrate.partitions import year_partitions


@pytest.mark.parametrize(
    ("first_year", "now", "newest"),
    [
        (2008, "2025-12-31T09:59:59+00:00", 2025),
        (2008, "2025-12-31T10:00:00+00:00", 2026),  # New Year in Kiritimati, +14
        (2008, "2025-12-31T02:00:00-08:00", 2026),
        (1970, "2026-07-01T00:00:00+00:00", 2026),
        (2026, "2026-07-01T00:00:00+00:00", 2026),
        (2027, "2026-07-01T00:00:00+00:00", 2027),  # a setting that is a year early
    ],
)
def test_the_years_are_the_partitions(first_year: int, now: str, newest: int) -> None:
    at = datetime.fromisoformat(now)
    assert year_range(first_year, at) == YearRange(first_year, newest)
    keys = year_partitions(first_year).get_partition_keys(current_time=at)
    assert [int(key) for key in keys] == year_range(first_year, at).all


def test_a_first_year_that_is_far_off_is_the_only_one() -> None:
    assert year_range(2030, datetime.fromisoformat("2026-07-01T00:00:00+00:00")).all == [2030]
