"""The start of an activity as Strava writes it: the instant, the athlete's clock, and the label of the time zone. Pure.

Every source's starts take this form. The time on the athlete's clock also ends in a Z, which is false: the column has
no zone.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET = re.compile(r"\(?(?:GMT|UTC)([+-])(\d\d?):?(\d\d)?\)?")


def read_start(text: Any) -> datetime | None:
    """The start in a text as 2026-01-31T07:00:00+01:00; None for anything else, such as one without an offset."""
    try:
        began = datetime.fromisoformat(text)
        if began.tzinfo is None:
            return None
        return began if 1 < began.year < 9999 or began.astimezone(UTC) else None  # which raises beyond the calendar
    except (TypeError, ValueError, OverflowError):
        return None


def start_fields(began: datetime, zone: str | None = None) -> dict[str, Any]:
    """The fields of a start on the athlete's clock. Raises ValueError for one without an offset or out of range.

    Args:
        began: the start, with the offset of that clock.
        zone: the clock's zone, as Europe/Vienna; None if unknown.

        >>> start_fields(datetime.fromisoformat("2026-01-31T07:00:00+01:00"))["start_date"]
        '2026-01-31T06:00:00Z'
    """
    offset = began.utcoffset()
    if offset is None:
        raise ValueError("the start has no offset")
    try:
        instant = utc_text(began)
    except OverflowError:
        raise ValueError("the start is out of range") from None
    fields: dict[str, Any] = {
        "start_date": instant,
        "start_date_local": clock_text(began),
        "utc_offset": offset.total_seconds(),
    }
    if zone and (label := zone_label(zone, began)):
        fields["timezone"] = label
    return fields


def utc_text(at: datetime) -> str:
    """An instant, to the second: 2026-01-31T06:00:00Z."""
    return clock_text(at if at.tzinfo is UTC else at.astimezone(UTC))


def clock_text(at: datetime) -> str:
    """The clock time of `at`, to the second, with the Z that Strava's fields end in: 2026-01-31T07:00:00Z."""
    return f"{at.isoformat()[:19]}Z"  # in half the time of a format with %Y, which has no leading zeros on some systems


def offset_in(zone: str, at: datetime) -> float | None:
    """Local minus UTC in seconds, by the clocks of a zone. None for an unknown zone."""
    try:
        offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):  # no name at all is a ValueError
        return None
    return None if offset is None else offset.total_seconds()


def zone_label(zone: str, at: datetime) -> str | None:
    """The label of a zone, with its standard offset also in summer: (GMT+01:00) Europe/Vienna. None for an unknown zone."""
    try:
        local = at.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None
    standard = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
    return _label(zone, round(standard.total_seconds() / 60))


@lru_cache(maxsize=1000)  # of millions of records
def zone_of(label: str | None) -> tzinfo | None:
    """The zone of a label: a name, also as (GMT+01:00) Europe/Vienna; an offset, as GMT+0530, or in seconds; else None."""
    name = (label or "").rpartition(" ")[2]
    try:
        if offset := _OFFSET.fullmatch(name):
            sign, hours, minutes = offset.groups("0")
            return timezone(timedelta(hours=int(sign + hours), minutes=int(sign + minutes)))
        return ZoneInfo(name) if name[:1].isalpha() else timezone(timedelta(seconds=float(name)))
    except (ZoneInfoNotFoundError, ValueError, OverflowError, OSError):
        return None


@lru_cache(maxsize=1000)  # an athlete's rows have some zones, and this is made for each of them
def _label(zone: str, minutes: int) -> str:
    return f"(GMT{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}) {zone}"
