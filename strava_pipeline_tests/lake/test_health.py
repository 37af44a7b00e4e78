"""Which first years are empty, nothing is said before everything was listed; and what others can look into."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strava_pipeline.core.years import YearRange, year_window
from strava_pipeline.lake.health import later_first_year, privacy
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


def test_a_listing_under_a_later_first_year_hides_no_earlier_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    listed(lake, [activity(1, "2012-07-01T06:00:00Z")], years=YearRange(2015, 2026))
    assert later_first_year(lake, 2008) == 2012


def test_nothing_is_told_before_everything_was_listed(tmp_path: Path) -> None:
    lake, years, one = Lake(tmp_path), YearRange(2008, 2026), activity(1, "2026-05-05T06:00:00Z")
    listed(lake, [one], mode="incremental", after=datetime(2026, 5, 1, tzinfo=UTC), years=years)
    assert later_first_year(lake, 2008) is None
    listing = started(lake, mode="all")
    land(listing, [one], years=years)  # the empty page is yet to come
    assert later_first_year(lake, 2008) is None
    land(listing, [], years=years)
    assert later_first_year(lake, 2008) == 2026
    listing.mark_limited_view()  # older activities may be private
    assert later_first_year(lake, 2008) is None


@pytest.mark.parametrize(
    ("listed_years", "later"),
    [
        (range(2008, 2011), None),
        (range(2008, 2012), 2011),
        (range(2026, 2008, -1), None),
        (range(2026, 2007, -1), 2011),
        ([2008, 2009, 2011], None),
    ],
    ids=["empty so far", "as far as the first activity", "2008 is missing", "the newest first", "2010 is missing"],
)
def test_years_listed_alone_are_all_together(tmp_path: Path, listed_years: Iterable[int], later: int | None) -> None:
    lake, years = Lake(tmp_path), YearRange(2008, 2026)
    for year in listed_years:
        after, before = (
            None if at is None else datetime.fromtimestamp(at, UTC) for at in year_window(year, year, years)
        )
        rows = [activity(year, f"{year}-07-01T06:00:00Z")] if year >= 2011 else []
        listed(lake, rows, mode="year", after=after, before=before, years=years)
    assert later_first_year(lake, 2008) == later


@pytest.mark.parametrize(
    ("modes", "names", "is_shared"),
    [
        ({}, "", False),
        ({"raw": 0o755}, "", False),  # nobody gets there
        ({"": 0o755}, "", False),
        ({"": 0o755, "raw": 0o755}, "data", False),
        ({"": 0o711, "goals.toml": 0o644}, "data", False),
        ({"": 0o755, "README.md": 0o644}, "", False),
        ({"": 0o750, "warehouse": 0o750, "warehouse/strava.duckdb": 0o440}, "", True),
        ({"": 0o750, "warehouse": 0o755}, "warehouse", True),
        ({"": 0o750, "warehouse": 0o750, "warehouse/working": 0o750}, "working", True),
        ({"": 0o750, "raw": 0o750, "goals.toml": 0o640}, "goals.toml raw", True),
    ],
)
def test_what_others_can_look_into_is_named(tmp_path: Path, modes: dict[str, int], names: str, is_shared: bool) -> None:
    data = tmp_path / "data"
    for folder in ("raw", "warehouse/working"):
        (data / folder).mkdir(parents=True)
    for file in ("goals.toml", "README.md", "warehouse/strava.duckdb"):
        (data / file).touch()
    for path in (data, *data.rglob("*")):
        path.chmod(modes.get("" if path == data else str(path.relative_to(data)), 0o700))
    shared = (data, data / "warehouse", data / "warehouse/strava.duckdb") if is_shared else ()
    found = privacy([data, tmp_path / "none"], shared)
    assert [Path(each).name for each in re.findall(r"'([^']+)'", found.advice or "")] == names.split()
    assert found.state == ("warning" if names else "ok")
