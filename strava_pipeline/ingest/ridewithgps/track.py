"""The track of a trip as a file in TCX, made of the points that the documented interface shows.

A point's attributes are those of github.com/ridewithgps/developers: `x` and `y` in degrees, `e` and `d` in metres, `t` in
seconds since 1970, `s` in km/h, `T` in °C, `h`, `c` and `p` per minute and in watts. A point without a time is left out.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from strava_pipeline.core.json_values import finite_number

_LATEST = 4_102_444_800  # 2100-01-01
_SPORTS = {"cycling": "Biking", "e_biking": "Biking", "running": "Running"}
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"><Activities>'
)


def track_file(trip: dict[str, Any]) -> bytes | None:
    """The track of a trip of `GET /api/v1/trips/ID.json`; None where fewer than two points have a time."""
    points = trip.get("track_points")
    timed = sorted(_timed(points), key=lambda point: point[0]) if isinstance(points, list) else []
    if len(timed) < 2:
        return None
    began = _stamp(timed[0][0])
    sport = _SPORTS.get(str(trip.get("activity_type")).partition(":")[0], "Other")
    moving, device = finite_number(trip.get("moving_time")), trip.get("device")
    parts = [_HEAD, f'<Activity Sport="{sport}"><Id>{began}</Id><Lap StartTime="{began}">']
    parts += [f"<TotalTimeSeconds>{moving:g}</TotalTimeSeconds>"] if moving is not None else []
    parts += ["<Track>\n", *(_trackpoint(at, point) for at, point in timed), "</Track></Lap>"]
    parts += [f"<Creator><Name>{escape(device)}</Name></Creator>"] if isinstance(device, str) and device else []
    return "".join([*parts, "</Activity></Activities></TrainingCenterDatabase>\n"]).encode()


def _timed(points: list[Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    for point in points:
        at = finite_number(point.get("t")) if isinstance(point, dict) else None
        if at is not None and 0 < at < _LATEST:
            yield at, point


def _trackpoint(at: float, point: dict[str, Any]) -> str:
    found = {name: value for name in "xyedsThcp" if (value := finite_number(point.get(name))) is not None}
    parts = [f"<Trackpoint><Time>{_stamp(at)}</Time>"]
    if "x" in found and "y" in found:
        place = f"<LatitudeDegrees>{found['y']}</LatitudeDegrees><LongitudeDegrees>{found['x']}</LongitudeDegrees>"
        parts.append(f"<Position>{place}</Position>")
    for name, element in (("e", "AltitudeMeters"), ("d", "DistanceMeters")):
        if name in found:
            parts.append(f"<{element}>{found[name]}</{element}>")
    if "h" in found:
        parts.append(f"<HeartRateBpm><Value>{found['h']}</Value></HeartRateBpm>")
    if "c" in found:
        parts.append(f"<Cadence>{found['c']}</Cadence>")
    if "s" in found:
        found["s"] = round(found["s"] / 3.6, 4)
    more = [
        f"<{element}>{found[name]}</{element}>"
        for name, element in (("s", "Speed"), ("p", "Watts"), ("T", "Temperature"))
        if name in found
    ]
    if more:
        parts.append(f"<Extensions><TPX>{''.join(more)}</TPX></Extensions>")
    return "".join([*parts, "</Trackpoint>\n"])


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
