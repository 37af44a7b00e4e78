"""Which local months listings cover."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from strava_pipeline.lake.bronze.months import Pulled, month_span

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
    listed = [((at(begin), at(end)), at(end)) for begin, end in spans]
    pulled = Pulled(None, at("2026-09-05"), listed, VIENNA)
    assert pulled.covers(month, at(NOW)) == is_covered
    assert pulled.last_at(month) == (last and at(last))


def test_a_month_begins_and_ends_by_the_clock_of_the_zone() -> None:
    begin, end = month_span("2026-10", VIENNA)  # summer time ends in it
    assert (begin.astimezone(UTC), end.astimezone(UTC)) == (at("2026-09-30T22"), at("2026-10-31T23"))
    assert month_span("2026-12", VIENNA)[1].astimezone(UTC) == at("2026-12-31T23")
