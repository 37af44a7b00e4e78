"""Which STRAVA_FIRST_YEAR leaves out empty years, and that nothing is said before everything was listed."""

from pathlib import Path

import pytest

from strava_pipeline.core.years import YearRange
from strava_pipeline.lake.health import first_year_health, later_first_year
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import activity, land, listed, started


@pytest.mark.parametrize(
    ("start", "first_year", "later"),
    [("2015-07-01T06:00:00Z", 2008, 2015), ("2015-07-01T06:00:00Z", 2015, None), ("2005-07-01T06:00:00Z", 2008, None)],
    ids=["seven years are empty", "the first year is right", "what is older belongs to the first year"],
)
def test_the_first_year_with_an_activity_is_told_where_it_is_later(
    tmp_path: Path, start: str, first_year: int, later: int | None
) -> None:
    lake, years = Lake(tmp_path), YearRange(first_year, 2026)
    listed(lake, [activity(2, "2026-05-05T06:00:00Z"), activity(1, start)], years=years)
    assert later_first_year(lake, first_year) == later
    told = first_year_health(lake, first_year, "/here/.env").what
    assert told.endswith("/here/.env to leave out empty years: STRAVA_FIRST_YEAR=2015") is (later is not None)


def test_a_listing_under_a_later_first_year_hides_no_earlier_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    listed(lake, [activity(1, "2012-07-01T06:00:00Z")], years=YearRange(2015, 2026))
    assert later_first_year(lake, 2008) == 2012


def test_nothing_is_told_before_everything_was_listed(tmp_path: Path) -> None:
    lake, years = Lake(tmp_path), YearRange(2008, 2026)
    listed(lake, [activity(1, "2026-05-05T06:00:00Z")], mode="incremental", years=years)
    assert later_first_year(lake, 2008) is None
    land(started(lake, mode="all"), [activity(1, "2026-05-05T06:00:00Z")], years=years)  # the empty page is yet to come
    assert later_first_year(lake, 2008) is None
