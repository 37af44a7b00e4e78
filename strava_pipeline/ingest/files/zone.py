"""The time zone of a recording from where it began, by shapes that come with tzfpy: nothing is asked of a server.

Used where a file doesn't tell its own offset. A position is looked at and forgotten here.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzfpy

from strava_pipeline.core.files.recording import Recording


@dataclass(frozen=True, slots=True)
class Zone:
    """`name` as IANA has it; at sea Etc/GMT±n. `utc_offset_s`: local minus UTC when the recording began, None without a date."""

    name: str
    utc_offset_s: float | None


def zone_of(recording: Recording) -> Zone | None:
    """None where the recording has no position."""
    placed = recording.track.select("latitude", "longitude").drop_nulls().head(1)
    if placed.is_empty():
        return None
    latitude, longitude = placed.row(0)
    return zone_at(latitude, longitude, recording.started_at)


def zone_at(latitude: float, longitude: float, at: datetime | None) -> Zone | None:
    """None where the zone isn't one of this machine's."""
    name = tzfpy.get_tz(longitude, latitude)
    try:
        offset = at.astimezone(ZoneInfo(name)).utcoffset() if at is not None else None
    except (ZoneInfoNotFoundError, ValueError):  # no name at all is a ValueError
        return None
    return Zone(name, offset.total_seconds() if offset is not None else None)
