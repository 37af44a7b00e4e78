"""Which local months listings cover."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.lake.bronze.months import Pulled, month_span, pulled
from strava_pipeline.lake.paths import Lake
from strava_pipeline_tests.lake.bronze import listed

VIENNA = ZoneInfo("Europe/Vienna")
NOW = "2026-11-23T12"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("spans", "month", "is_covered", "last"),
    [
        ([], "2026-10", False, None),
        ([("2020-01-01", "2026-11-23")], "2026-10", True, "2026-11-23"),
        ([("2020-01-01", "2026-10-31T23")], "2026-10", True, "2026-10-31T23"),  # 23:00 UTC is midnight in Vienna
        ([("2020-01-01", "2026-10-31T22")], "2026-10", False, "2026-10-31T22"),
        ([("2026-09-30T22", "2026-11-01")], "2026-10", True, "2026-11-01"),
        ([("2026-09-30T23", "2026-11-01")], "2026-10", False, "2026-11-01"),
        ([("2026-10-15", "2026-11-23"), ("2020-01-01", "2026-10-15")], "2026-10", True, "2026-11-23"),
        ([("2026-10-16", "2026-11-23"), ("2020-01-01", "2026-10-15")], "2026-10", False, "2026-11-23"),
        ([("2020-01-01", "2026-11-02")], "2026-11", True, "2026-11-02"),  # the present month, until its last listing
        ([("2020-01-01", "2026-10-30")], "2026-11", False, None),
        ([("2020-01-01", "2026-10-30")], "2026-09", True, "2026-10-30"),
    ],
)
def test_a_month_is_covered_by_listings_laid_end_to_end(
    spans: list[tuple[str, str]], month: str, is_covered: bool, last: str | None
) -> None:
    found = Pulled(None, at("2026-09-05"), [((at(begin), at(end)), at(end)) for begin, end in spans], VIENNA)
    assert found.covers(month, at(NOW)) == is_covered
    assert found.last_at(month) == (last and at(last))


def test_a_listing_covers_what_it_asked_for_and_nothing_after_it_began(lake: Lake) -> None:
    listed(lake, at=at("2026-06-15"), mode="year", after=at("2025-12-31T23"), before=at("2026-12-31T23"))
    listed(lake, at=at(NOW), mode="year", after=at("2024-12-31T23"), before=at("2025-12-31T23"))
    found = pulled(lake, "strava", VIENNA)
    assert found
    months = ("2024-12", "2025-01", "2025-12", "2026-01", "2026-06", "2026-07")
    assert [found.covers(month, at(NOW)) for month in months] == [False, True, True, True, False, False]


def test_a_month_begins_and_ends_by_the_clock_of_the_zone() -> None:
    begin, end = month_span("2026-10", VIENNA)  # summer time ends in it
    assert (begin.astimezone(UTC), end.astimezone(UTC)) == (at("2026-09-30T22"), at("2026-10-31T23"))
    assert month_span("2026-12", VIENNA)[1].astimezone(UTC) == at("2026-12-31T23")
