"""lake.bronze.comparisons: since when each year of a source was compared with it."""

from datetime import UTC, datetime
from pathlib import Path

from strava_pipeline.core.providers import ReadPage
from strava_pipeline.core.rows import Json
from strava_pipeline.core.unreadable import UnreadableItem
from strava_pipeline.core.years import YearRange, year_window, years_by_day
from strava_pipeline.lake.bronze.comparisons import compared_years
from strava_pipeline.lake.bronze.listing import Listing, begin_listing
from strava_pipeline.lake.bronze.manifests import Mode, Window
from strava_pipeline.lake.paths import Lake

YEARS = YearRange(2022, 2026)


def listed(
    lake: Lake,
    at: datetime,
    mode: Mode,
    after: int | None,
    before: int | None,
    *,
    whole: bool = True,
    source: str = "garmin",
) -> Listing:
    window = Window(mode=mode, after=after, before=before)
    listing = begin_listing(lake, window, athlete_id=None, at=at, source=source, account="1")
    if whole:
        listing.mark_ended()
    return listing


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


def test_a_year_of_which_a_listing_proves_nothing_was_not_compared(tmp_path: Path) -> None:
    lake, at = Lake(tmp_path), datetime(2026, 3, 1, tzinfo=UTC)
    after, before = year_window(2024, 2026, YEARS)
    window = Window(mode="year", after=after, before=before)
    listing = begin_listing(lake, window, athlete_id=None, at=at, source="garmin", account="1")
    asked = {"per_page": 2, "before": before, "after": after}
    odd = [UnreadableItem(1, "odd", "ab")]
    for number, days in enumerate((("2026-02-20", "2026-02-19"), ("2025-06-01", "2025-05-01")), 1):
        rows: list[Json] = [{"id": day, "start_date": f"{day}T10:00:00Z"} for day in days]
        listing.land(ReadPage(rows, odd if number == 2 else []), b"[]", {**asked, "page": number}, at, YEARS)
    listing.mark_ended()
    assert compared_years(lake, YEARS, "garmin") == {2026: at}, "the odd row may be any activity before 2026-02-19"


def test_pages_older_than_their_run_compared_nothing_but_where_a_feed_tells_the_rest(tmp_path: Path) -> None:
    lake, days = Lake(tmp_path), [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2)]
    for source in ("garmin", "ridewithgps"):
        own, older = (listed(lake, day, "all", None, None, source=source) for day in days)
        own.claim("run")
        older.claim("another", as_of=days[1])
    assert {*compared_years(lake, YEARS, "garmin").values()} == {days[0]}
    assert {*compared_years(lake, YEARS, "ridewithgps").values()} == {days[1]}


def test_a_listing_of_another_account_compared_nothing_of_this_one(tmp_path: Path) -> None:
    lake, at = Lake(tmp_path), datetime(2026, 3, 1, tzinfo=UTC)
    listed(lake, at, "all", None, None)
    later = Window(mode="incremental", after=int(at.timestamp()), before=None)
    begin_listing(lake, later, athlete_id=None, at=datetime(2026, 3, 2, tzinfo=UTC), source="garmin", account="2")
    assert compared_years(lake, YEARS, "garmin") == {}
