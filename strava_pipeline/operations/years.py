"""The years of the partitions as of now, without asking Dagster. The partitions definition is partitions.py's."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from strava_pipeline.core.years import YearRange

ZONE = "Pacific/Kiritimati"  # the first zone to reach a new year (UTC+14): a year exists as soon as somebody is in it


def year_range(first_year: int, now: datetime | None = None) -> YearRange:
    """The first and the newest partition at `now` (with its zone; None: this machine's clock)."""
    running = (now or datetime.now(UTC)).astimezone(ZoneInfo(ZONE)).year
    return YearRange(first_year, max(first_year, running))


def years_in_words(years: Iterable[int]) -> str:
    """`2024`, `2024 to 2026`, or nothing."""
    found = sorted(years)
    return "" if not found else str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
