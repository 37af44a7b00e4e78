"""When a daily schedule is due next."""

from datetime import UTC, datetime

import pytest

from strava_pipeline.core.schedules import next_daily_run


@pytest.mark.parametrize(
    ("cron", "zone", "now", "due"),
    [
        ("0 5 * * *", "Europe/London", "2026-06-01T03:59:59", "2026-06-01T05:00:00+01:00"),
        ("0 5 * * *", "Europe/London", "2026-06-01T04:00:00", "2026-06-02T05:00:00+01:00"),
        ("30 23 * * *", "Pacific/Kiritimati", "2026-12-31T09:00:00", "2026-12-31T23:30:00+14:00"),
        ("30 1 * * *", "Europe/London", "2026-03-28T12:00:00", "2026-03-29T02:30:00+01:00"),  # is passed over
        ("30 1 * * *", "Europe/London", "2026-10-25T00:00:00", "2026-10-25T01:30:00+01:00"),  # comes twice
        ("0 */6 * * *", "UTC", "2026-06-01T00:00:00", None),
        ("0 5 * * 1", "UTC", "2026-06-01T00:00:00", None),
    ],
)
def test_the_next_daily_run_is_after_now_in_its_own_zone(cron: str, zone: str, now: str, due: str | None) -> None:
    found = next_daily_run(cron, zone, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert (found and found.isoformat()) == due
