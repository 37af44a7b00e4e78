"""lake.bronze.comparisons: since when each year of a source was compared with it."""

from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.years import YearRange, year_window, years_by_day
from strava_pipeline.lake.bronze.comparisons import compared_years
from strava_pipeline.lake.bronze.listing import begin_listing
from strava_pipeline.lake.bronze.manifests import Mode, Window
from strava_pipeline.lake.paths import Lake

YEARS = YearRange(2022, 2026)


def listed(lake: Lake, at: datetime, mode: Mode, after: int | None, before: int | None, *, whole: bool = True) -> None:
    listing = begin_listing(
        lake, Window(mode=mode, after=after, before=before), athlete_id=None, at=at, source="garmin", account="1"
    )
    if whole:
        listing.mark_ended()


def test_each_year_is_as_old_as_the_newest_whole_listing_of_all_of_it(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    days = [datetime(2025, 12, 1, tzinfo=UTC), *(datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 6))]
    assert compared_years(lake, YEARS, "garmin") == {}
    listed(lake, days[0], "all", None, None)
    assert compared_years(lake, YEARS, "garmin") == dict.fromkeys(range(2022, 2026), days[0]), "2026 had not begun"
    listed(lake, days[1], "year", *year_window(2025, 2026, YEARS))
    listed(lake, days[2], "year", *year_window(2023, 2023, YEARS))
    listed(lake, days[3], "incremental", int(days[2].timestamp()), None)
    listed(lake, days[4], "all", None, None, whole=False)
    found = {2022: days[0], 2023: days[2], 2024: days[0], 2025: days[1], 2026: days[1]}
    assert compared_years(lake, YEARS, "garmin") == found
    listed(lake, days[5], "month", 0, 10**9)
    assert compared_years(lake, YEARS, "garmin") == found
    assert compared_years(lake, YEARS) == {}, "nothing of Strava"
    assert years_by_day(found) == "2025–2026 on 2026-03-01, 2024 on 2025-12-01, 2023 on 2026-03-02, 2022 on 2025-12-01"
