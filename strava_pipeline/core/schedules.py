"""The next time of a daily schedule, from its cron line. Only lines of one minute and one hour; Dagster reads all others."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def next_daily_run(cron: str, zone: str, now: datetime) -> datetime | None:
    """The next moment, in `zone`, of a line such as `0 5 * * *`; None if the line isn't once a day.

    A time that the clock skips in spring becomes the hour after; of a time that comes twice in autumn, the first
    counts.

        next_daily_run("0 5 * * *", "Europe/Vienna", datetime(2026, 11, 27, 12, tzinfo=UTC))  # 28 November, 05:00
    """
    minute, hour, *rest = cron.split()
    if rest != ["*"] * 3 or not (minute.isdecimal() and hour.isdecimal()):
        return None
    place = ZoneInfo(zone)
    today = now.astimezone(place).replace(hour=int(hour), minute=int(minute), second=0, microsecond=0, fold=0)
    days = (today + timedelta(days=ahead) for ahead in range(3))
    return next(day.astimezone(UTC).astimezone(place) for day in days if day > now)
